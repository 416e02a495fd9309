#include "card/radio.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace card {
namespace {

constexpr std::string_view kDeliver = "deliver ";
constexpr std::size_t kLongestLine = 1024;

bool ready(int socket, short events, int timeout_ms) {
  pollfd entry{socket, events, 0};
  return ::poll(&entry, 1, timeout_ms) > 0;
}

}  // namespace

Radio::~Radio() { detach(); }

void Radio::detach() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
}

base::Status Radio::attach(const std::string& socket_path, const std::string& iccid) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof address.sun_path) {
    return base::Error{socket_path + ": too long for a local socket"};
  }
  std::memcpy(address.sun_path, socket_path.data(), socket_path.size());
  socket_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket_ < 0 ||
      ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const std::string why = std::strerror(errno);
    detach();
    return base::Error{socket_path + ": " + why};
  }
  say("attach " + iccid);
  return {};
}

// A few lines at a time: the socket's buffer takes them, or the network is not reading any more.
void Radio::say(const std::string& line) {
  if (!attached()) return;
  const std::string octets = line + "\n";
  const ssize_t sent = ::send(socket_, octets.data(), octets.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent != static_cast<ssize_t>(octets.size())) detach();
}

void Radio::submit(base::View tpdu) {
  ++submits_;
  say("submit " + base::to_hex(tpdu));
}
void Radio::report(std::optional<base::View> user_data) {
  if (!user_data) return say("report refused");
  say("report " + (user_data->empty() ? "-" : base::to_hex(*user_data)));
}

void Radio::wait(int timeout_ms) const {
  if (attached()) ready(socket_, POLLIN, timeout_ms);
}

bool Radio::hear(const std::string& line, const std::function<void(base::View)>& deliver) {
  if (line == "taken" || line == "refused") return submits_-- > 0;
  if (!line.starts_with(kDeliver)) return false;
  const auto tpdu = base::from_hex(std::string_view(line).substr(kDeliver.size()));
  if (tpdu) deliver(*tpdu);
  return tpdu.has_value();
}

void Radio::pump(const std::function<void(base::View)>& deliver) {
  char buffer[4096];
  while (attached() && ready(socket_, POLLIN, 0)) {
    const ssize_t size = ::recv(socket_, buffer, sizeof buffer, MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) detach();
    if (size > 0) received_.append(buffer, static_cast<std::size_t>(size));
    for (std::size_t end = 0; (end = received_.find('\n')) != std::string::npos;) {
      const std::string line = received_.substr(0, end);
      received_.erase(0, end + 1);
      if (!hear(line, deliver)) return detach();
    }
    if (received_.size() > kLongestLine) detach();
  }
}

}  // namespace card
