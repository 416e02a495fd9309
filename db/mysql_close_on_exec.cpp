#include "db/mysql_close_on_exec.h"

#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstdlib>
#include <cstring>
#include <memory>

namespace db {

namespace {

struct Close {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

bool leads_to(int descriptor, const Settings& settings) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return false;
  if (peer.ss_family == AF_UNIX) {
    sockaddr_un local{};
    std::memcpy(&local, &peer, sizeof local);
    local.sun_path[sizeof local.sun_path - 1] = 0;
    return !settings.socket.empty() && settings.socket == local.sun_path;
  }
  sockaddr_in6 inet{};  // the port stands at the same place in IPv4
  std::memcpy(&inet, &peer, sizeof inet);
  const bool is_inet = peer.ss_family == AF_INET || peer.ss_family == AF_INET6;
  return is_inet && settings.socket.empty() && ntohs(inet.sin6_port) == settings.port;
}

}  // namespace

CloseOnExec::Sockets CloseOnExec::inherited_sockets() {
  Sockets found;
  const std::unique_ptr<DIR, Close> directory(::opendir("/proc/self/fd"));
  if (!directory) return found;
  while (const dirent* entry = ::readdir(directory.get())) {
    const int number = std::atoi(entry->d_name);
    struct stat info {};
    const int flags = entry->d_name[0] != '.' ? ::fcntl(number, F_GETFD) : -1;
    if (flags < 0 || (flags & FD_CLOEXEC) != 0) continue;
    // By name: other threads open and close descriptors meanwhile, and to TSan a use of the number
    // would be a use of theirs.
    if (::fstatat(::dirfd(directory.get()), entry->d_name, &info, 0) != 0) continue;
    if (S_ISSOCK(info.st_mode)) found.emplace(number, info.st_ino);
  }
  return found;
}

CloseOnExec::CloseOnExec() : before_(inherited_sockets()) {}

void CloseOnExec::mark(const Settings& settings) const {
  for (const auto& [number, inode] : inherited_sockets()) {
    const auto known = before_.find(number);
    if (known != before_.end() && known->second == inode) continue;
    if (leads_to(number, settings)) ::fcntl(number, F_SETFD, FD_CLOEXEC);
  }
}

}  // namespace db
