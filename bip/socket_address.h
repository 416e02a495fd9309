// Between the system's socket addresses and ours. Pure, any thread.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>

#include "base/result.h"
#include "bip/limiter.h"

namespace bip {

// The UDP or TCP end of a peer.
struct SocketPeer {
  Address address{};
  std::uint16_t port = 0;
  friend bool operator==(const SocketPeer&, const SocketPeer&) = default;
};

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  int family() const { return storage.ss_family; }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

// "127.0.0.1:7100" or "[::1]:7100"; no name resolution.
base::Result<SocketAddress> parse_socket_address(const std::string& text);

// "10.0.0.1", "2001:db8::1".
std::string to_text(const Address& address);

SocketPeer peer_of(const sockaddr_storage& storage);
// For a socket of that family; an IPv4 address goes mapped through an IPv6 socket.
SocketAddress to_socket_address(const SocketPeer& peer, int family);

// The port that a bound socket has; 0: none.
std::uint16_t bound_port(int socket);

}  // namespace bip
