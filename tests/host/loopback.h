// A card's end of a TCP channel, as far as tests of the border need one: octets out, octets in.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace support {

using Octets = std::vector<std::uint8_t>;

class Loopback {
 public:
  explicit Loopback(long port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const sockaddr_in address = to(port);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      ::close(std::exchange(socket_, -1));
    }
  }
  Loopback(const Loopback&) = delete;
  Loopback& operator=(const Loopback&) = delete;
  ~Loopback() { close(); }

  bool open() const { return socket_ >= 0; }
  bool send(const Octets& octets) {
    return ::send(socket_, octets.data(), octets.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(octets.size());
  }
  // What comes within the time; empty: nothing, or the other end has closed.
  Octets receive(int timeout_ms = 20'000) {
    Octets octets(4096);
    pollfd ready{socket_, POLLIN, 0};
    ssize_t got = 0;
    if (::poll(&ready, 1, timeout_ms) == 1) got = ::recv(socket_, octets.data(), octets.size(), 0);
    octets.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return octets;
  }
  // The other end has closed, or does within the time.
  bool closed_by_peer(int timeout_ms = 20'000) {
    pollfd ready{socket_, POLLIN, 0};
    std::uint8_t octet = 0;
    while (::poll(&ready, 1, timeout_ms) == 1) {
      if (::recv(socket_, &octet, 1, 0) <= 0) return true;
    }
    return false;
  }
  void close() {
    if (socket_ >= 0) ::close(std::exchange(socket_, -1));
  }

  static sockaddr_in to(long port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    return address;
  }

 private:
  int socket_;
};

// Occupies a port of the loopback address.
class TakenPort {
 public:
  TakenPort() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = Loopback::to(0);
    socklen_t size = sizeof address;
    auto* raw = reinterpret_cast<sockaddr*>(&address);
    if (::bind(socket_, raw, size) == 0 && ::listen(socket_, 1) == 0 &&
        ::getsockname(socket_, raw, &size) == 0) {
      port_ = ntohs(address.sin_port);
    }
  }
  TakenPort(const TakenPort&) = delete;
  TakenPort& operator=(const TakenPort&) = delete;
  ~TakenPort() { release(); }
  std::uint16_t port() const { return port_; }
  void release() {
    if (socket_ >= 0) ::close(std::exchange(socket_, -1));
  }

 private:
  int socket_;
  std::uint16_t port_ = 0;
};

}  // namespace support
