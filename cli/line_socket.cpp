#include "cli/line_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "base/log.h"
#include "base/secret.h"

namespace cli {

namespace {

using Clock = std::chrono::steady_clock;

std::string last_error() { return std::strerror(errno); }

bool fill(sockaddr_un& address, const std::string& path) {
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return true;
}

const sockaddr* plain(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

// False: the deadline has come.
bool wait_for(int fd, short events, Clock::time_point until) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    if (left <= 0) return false;
    pollfd wait{fd, events, 0};
    const int ready = ::poll(&wait, 1, static_cast<int>(left));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return true;  // the call that follows says what it is
  }
}

Clock::time_point in(std::int64_t ms) { return Clock::now() + std::chrono::milliseconds(ms); }

}  // namespace

LineSocket::~LineSocket() {
  if (fd_ >= 0) ::close(fd_);
}

base::Result<LineSocket> LineSocket::connect(const std::string& path) {
  sockaddr_un address{};
  if (!fill(address, path)) return base::Error{path + ": the path is too long"};
  LineSocket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (socket.fd_ < 0 || ::connect(socket.fd_, plain(address), sizeof address) != 0) {
    return base::Error{base::cat(path, ": ", last_error())};
  }
  if (::fcntl(socket.fd_, F_SETFL, O_NONBLOCK) != 0) return base::Error{last_error()};
  return socket;
}

base::Result<std::string> LineSocket::read_line(std::size_t longest,
                                                std::int64_t timeout_ms) const {
  const auto until = in(timeout_ms);
  std::string line;
  char part[4096];
  for (;;) {
    if (!wait_for(fd_, POLLIN, until)) return base::Error{"nothing came in time"};
    const ssize_t got = ::recv(fd_, part, sizeof part, 0);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) return base::Error{"the connection was closed"};
    line.append(part, static_cast<std::size_t>(got));
    base::wipe(part, sizeof part);
    const std::size_t from = line.size() - static_cast<std::size_t>(got);
    const std::size_t end = line.find('\n', from);
    if (std::min(end, line.size()) > longest) return base::Error{"longer than it may be"};
    if (end == std::string::npos) continue;
    line.resize(end);
    return line;
  }
}

base::Status LineSocket::write(std::string_view text, std::int64_t timeout_ms) const {
  while (!text.empty()) {
    if (!wait_for(fd_, POLLOUT, in(timeout_ms))) return base::Error{"not taken in time"};
    const ssize_t put = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
    if (put < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (put <= 0) return base::Error{last_error()};
    text.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

base::Result<int> listen_at(const std::string& path) {
  constexpr int kBacklog = 64;
  sockaddr_un address{};
  if (!fill(address, path)) return base::Error{path + ": the path is too long"};
  if (LineSocket::connect(path)) return base::Error{path + ": a service listens there already"};
  struct stat info {};
  if (::lstat(path.c_str(), &info) == 0) {
    if (!S_ISSOCK(info.st_mode)) return base::Error{path + ": there is something else"};
    ::unlink(path.c_str());
  }
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  // Who may call is told by the peer's user, not by the socket's mode.
  if (fd < 0 || ::bind(fd, plain(address), sizeof address) != 0 ||
      ::chmod(path.c_str(), 0666) != 0 || ::listen(fd, kBacklog) != 0) {
    const std::string why = last_error();
    if (fd >= 0) ::close(fd);
    return base::Error{base::cat(path, ": ", why)};
  }
  return fd;
}

}  // namespace cli
