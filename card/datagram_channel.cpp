#include "card/datagram_channel.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>

namespace card {

std::unique_ptr<Channel> DatagramChannel::connect(const ServerAddress& server, std::size_t buffer,
                                                  Cuts& cuts) {
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket < 0) return nullptr;
  auto channel = std::make_unique<DatagramChannel>(socket, buffer, cuts);
  const sockaddr_in address = sockets::address_of(server);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return nullptr;
  }
  return channel;
}

// True: the link breaks within these octets.
bool DatagramChannel::cut_now(std::optional<std::size_t>& left, std::size_t octets) {
  if (!left) return false;
  if (*left > octets) {
    *left -= octets;
    return false;
  }
  left.reset();
  cut();
  return true;
}

// A datagram that the network does not take is lost, as it may be later on its way.
void DatagramChannel::flush() {
  if (!lost() && !tx_.empty() && !cut_now(cuts_.after_sent, tx_.size())) {
    (void)::send(socket_, tx_.data(), tx_.size(), MSG_NOSIGNAL);
  }
  tx_.clear();
}

void DatagramChannel::pump() {
  if (lost() || !rx_.empty()) return;
  // What a datagram has beyond the buffer is lost.
  base::Bytes datagram(buffer_);
  const ssize_t got = ::recv(socket_, datagram.data(), datagram.size(), 0);
  if (got <= 0) return;  // nothing, or news of an earlier datagram: a UDP link has no end
  datagram.resize(static_cast<std::size_t>(got));
  if (!cut_now(cuts_.after_received, datagram.size())) rx_ = std::move(datagram);
}

void DatagramChannel::wait(int timeout_ms) {
  if (!lost() && rx_.empty()) sockets::ready(socket_, POLLIN, timeout_ms);
}

}  // namespace card
