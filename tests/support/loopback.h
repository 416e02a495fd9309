// A blocking TCP client to 127.0.0.1 for tests. What does not come within ten seconds fails.
#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>
#include <utility>

#include "base/bytes.h"

namespace support {

class Loopback {
 public:
  explicit Loopback(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in peer{};
    peer.sin_family = AF_INET;
    peer.sin_port = htons(port);
    peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd_ < 0 || ::connect(fd_, reinterpret_cast<const sockaddr*>(&peer), sizeof peer) != 0) {
      if (fd_ >= 0) ::close(fd_);
      throw std::runtime_error("connect");
    }
  }
  Loopback(Loopback&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Loopback& operator=(Loopback&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Loopback() { close(); }

  // False when the other side has gone.
  bool send(base::View octets) {
    while (!octets.empty()) {
      const ssize_t sent = ::send(fd_, octets.data(), octets.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      octets = octets.subspan(static_cast<std::size_t>(sent));
    }
    return true;
  }
  // One response packet; empty: the other side has closed, or nothing came in time.
  base::Bytes receive_packet() {
    base::Bytes packet = receive(2);
    if (packet.size() < 2) return {};
    std::size_t length = packet[1];
    for (std::size_t octets = length >= 0x80 ? length - 0x80 : 0; octets > 0; --octets) {
      const base::Bytes more = receive(1);
      if (more.empty()) return {};
      if (packet.size() == 2) length = 0;
      length = length << 8 | more[0];
      packet.push_back(more[0]);
    }
    const base::Bytes content = receive(length);
    if (content.size() != length) return {};
    packet.insert(packet.end(), content.begin(), content.end());
    return packet;
  }
  // Whatever comes next; empty: the other side has closed, or nothing came in time.
  base::Bytes receive_some() {
    if (!readable(10'000)) return {};
    base::Bytes octets(16 * 1024);
    const ssize_t got = ::recv(fd_, octets.data(), octets.size(), 0);
    octets.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return octets;
  }
  bool closed_by_peer() {  // waits for it
    while (readable(10'000)) {
      std::uint8_t octet;
      const ssize_t got = ::recv(fd_, &octet, 1, 0);
      if (got <= 0) return true;
    }
    return false;
  }
  bool readable(int wait_ms) {
    pollfd entry{fd_, POLLIN, 0};
    return ::poll(&entry, 1, wait_ms) > 0;
  }
  void shut_down_sending() { ::shutdown(fd_, SHUT_WR); }
  // Ends with RST instead of FIN.
  void reset() {
    const linger at_once{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close();
  }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  base::Bytes receive(std::size_t size) {
    base::Bytes octets;
    while (octets.size() < size && readable(10'000)) {
      std::uint8_t buffer[2048];
      const std::size_t wanted = std::min(size - octets.size(), sizeof buffer);
      const ssize_t got = ::recv(fd_, buffer, wanted, 0);
      if (got <= 0) break;
      octets.insert(octets.end(), buffer, buffer + got);
    }
    return octets;
  }

  int fd_;
};

}  // namespace support
