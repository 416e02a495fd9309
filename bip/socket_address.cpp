#include "bip/socket_address.h"

#include <arpa/inet.h>

#include <cstring>

#include "base/log.h"
#include "base/text.h"

namespace bip {

base::Result<SocketAddress> parse_socket_address(const std::string& text) {
  const auto parts = base::parse_host_port(text);
  SocketAddress result;
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (parts && ::inet_pton(AF_INET, parts->host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(parts->port);
    result.size = sizeof v4;
    std::memcpy(&result.storage, &v4, sizeof v4);
    return result;
  }
  if (parts && ::inet_pton(AF_INET6, parts->host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(parts->port);
    result.size = sizeof v6;
    std::memcpy(&result.storage, &v6, sizeof v6);
    return result;
  }
  return base::Error{base::cat("not an address and port: ", text)};
}

std::string to_text(const Address& address) {
  const in6_addr v6 = [&] {
    in6_addr copy{};
    std::memcpy(&copy, address.data(), sizeof copy);
    return copy;
  }();
  char text[INET6_ADDRSTRLEN] = "";
  if (IN6_IS_ADDR_V4MAPPED(&v6)) {
    ::inet_ntop(AF_INET, address.data() + 12, text, sizeof text);
  } else {
    ::inet_ntop(AF_INET6, &v6, text, sizeof text);
  }
  return text;
}

SocketPeer peer_of(const sockaddr_storage& storage) {
  SocketPeer peer;
  if (storage.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &storage, sizeof v6);
    std::memcpy(peer.address.data(), &v6.sin6_addr, 16);
    peer.port = ntohs(v6.sin6_port);
  } else if (storage.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &storage, sizeof v4);
    peer.address[10] = peer.address[11] = 0xFF;
    std::memcpy(peer.address.data() + 12, &v4.sin_addr, 4);
    peer.port = ntohs(v4.sin_port);
  }
  return peer;
}

SocketAddress to_socket_address(const SocketPeer& peer, int family) {
  SocketAddress result;
  if (family == AF_INET) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(peer.port);
    std::memcpy(&v4.sin_addr, peer.address.data() + 12, 4);
    result.size = sizeof v4;
    std::memcpy(&result.storage, &v4, sizeof v4);
  } else {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(peer.port);
    std::memcpy(&v6.sin6_addr, peer.address.data(), 16);
    result.size = sizeof v6;
    std::memcpy(&result.storage, &v6, sizeof v6);
  }
  return result;
}

std::uint16_t bound_port(int socket) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return 0;
  return peer_of(storage).port;
}

}  // namespace bip
