// Addresses, networks and ports as an operator writes them: a refusal, or a value that its own text
// gives back. A network is one exactly where the configuration's check says so.
#include <cstdlib>

#include "base/text.h"
#include "bip/limiter.h"
#include "bip/socket_address.h"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(base::as_text({data, size}));
  const auto address = bip::parse_address(text);
  if (address) check(bip::parse_address(bip::to_text(*address)) == address);

  const auto range = bip::AddressRange::parse(text);
  check(range.ok() == base::valid_network(text));
  if (address) check(range && range->contains(*address));
  if (range) check(range->contains(bip::parse_address(text.substr(0, text.find('/'))).value()));
  if (!range) check(!range.error().empty());

  const auto socket = bip::parse_socket_address(text);
  check(socket.ok() == base::parse_host_port(text).has_value());
  if (!socket) return 0;
  const bip::SocketPeer peer = bip::peer_of(socket->storage);
  const auto again = bip::to_socket_address(peer, socket->family());
  check(bip::peer_of(again.storage) == peer && again.size == socket->size);
  return 0;
}
