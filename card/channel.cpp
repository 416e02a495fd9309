#include "card/channel.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace card {

bool sockets::ready(int socket, short events, int timeout_ms) {
  pollfd entry{socket, events, 0};
  return ::poll(&entry, 1, timeout_ms) > 0;
}

sockaddr_in sockets::address_of(const ServerAddress& server) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(server.port);
  std::copy(server.ip.begin(), server.ip.end(), reinterpret_cast<std::uint8_t*>(&address.sin_addr));
  return address;
}

namespace {

using sockets::address_of;
using sockets::ready;

bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

}  // namespace

Channel::Channel(int socket, std::size_t buffer, Cuts& cuts)
    : socket_(socket), buffer_(buffer), cuts_(cuts) {
  ::fcntl(socket_, F_SETFL, ::fcntl(socket_, F_GETFL) | O_NONBLOCK);
  const int on = 1;  // of a stream; means nothing to others
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

Channel::~Channel() { cut(); }

std::unique_ptr<Channel> Channel::connect(const ServerAddress& server, std::size_t buffer,
                                          Cuts& cuts, int timeout_ms, Failed& failed) {
  failed = Failed::unreachable;
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket < 0) return nullptr;
  auto channel = std::make_unique<Channel>(socket, buffer, cuts);
  const sockaddr_in address = address_of(server);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    return channel;
  }
  if (errno != EINPROGRESS) return nullptr;
  if (!ready(socket, POLLOUT, timeout_ms)) {
    failed = Failed::timed_out;
    return nullptr;
  }
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
    return nullptr;
  }
  return channel;
}

void Channel::cut() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
  tx_.clear();
}

bool Channel::store(base::View octets) {
  if (octets.size() > tx_free()) return false;
  if (!lost()) tx_.insert(tx_.end(), octets.begin(), octets.end());
  return true;
}

// False: nothing could be written now.
bool Channel::write_some() {
  const std::size_t most = std::min(tx_.size(), cuts_.after_sent.value_or(tx_.size()));
  if (most > 0) {
    const ssize_t sent = ::send(socket_, tx_.data(), most, MSG_NOSIGNAL);
    if (sent < 0) {
      if (would_block()) return false;
      cut();
      return true;
    }
    tx_.erase(tx_.begin(), tx_.begin() + sent);
    if (cuts_.after_sent) *cuts_.after_sent -= static_cast<std::size_t>(sent);
  }
  if (cuts_.after_sent == std::size_t{0}) {
    cuts_.after_sent.reset();
    cut();
  }
  return true;
}

void Channel::flush() {
  while (!lost() && !tx_.empty()) {
    if (write_some()) continue;
    pump();
    if (lost()) return;
    const bool readable = rx_.size() < buffer_;
    const auto events = static_cast<short>(POLLOUT | (readable ? POLLIN : 0));
    if (!ready(socket_, events, kFlushTimeoutMs)) cut();
  }
}

void Channel::pump() {
  std::array<std::uint8_t, 4096> piece;
  while (!lost() && rx_.size() < buffer_) {
    std::size_t most = std::min(piece.size(), buffer_ - rx_.size());
    if (cuts_.after_received == std::size_t{0}) {
      cuts_.after_received.reset();
      cut();
      return;
    }
    most = std::min(most, cuts_.after_received.value_or(most));
    const ssize_t got = ::recv(socket_, piece.data(), most, 0);
    if (got < 0 && would_block()) return;
    if (got <= 0) {
      cut();
      return;
    }
    if (cuts_.after_received) *cuts_.after_received -= static_cast<std::size_t>(got);
    rx_.insert(rx_.end(), piece.begin(), piece.begin() + got);
  }
}

void Channel::wait(int timeout_ms) {
  if (lost() || rx_.size() >= buffer_) return;
  ready(socket_, POLLIN, timeout_ms);
}

base::Bytes Channel::take(std::size_t most) {
  const auto size = static_cast<std::ptrdiff_t>(std::min(most, rx_.size()));
  base::Bytes octets(rx_.begin(), rx_.begin() + size);
  rx_.erase(rx_.begin(), rx_.begin() + size);
  return octets;
}

}  // namespace card
