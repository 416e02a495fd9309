// Whatever octets come to the vault's TLS endpoint, in whatever pieces: it opens no channel to who
// has no key, asks for a key at most once, keeps its limits, and always has an end, a deadline or a
// key to wait for.
//
// Input: first octet: b1 TLS 1.3 is on; b2 the key is known, else not. Then pieces, each a control
// octet (size 0..127 in its low bits; b8: the key comes now, if it is wanted) and so many octets.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "bip/tls_psk.h"

namespace {

using bip::TlsPsk;

void check(bool holds) {
  if (!holds) std::abort();
}

std::shared_ptr<const bip::TlsContext> context(bool tls13, const bip::Settings& settings) {
  static std::shared_ptr<const bip::TlsContext> made[2];
  if (!made[tls13]) made[tls13] = bip::TlsContext::make(settings).take();
  return made[tls13];
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  bip::Settings settings;
  settings.tls13 = (data[0] & 1) != 0;
  const bool known = (data[0] & 2) != 0;
  TlsPsk end(context(settings.tls13, settings), settings, base::Now{});
  int asked = 0;
  std::size_t said = 0;
  const auto answer = [&] {
    if (end.phase() != TlsPsk::Phase::wants_psk) return;
    ++asked;
    end.give_psk(known ? std::optional(base::Secret(base::Bytes(16, 0x5A))) : std::nullopt);
  };
  for (base::View left(data + 1, size - 1); !left.empty();) {
    const std::uint8_t control = left[0];
    const std::size_t length = std::min<std::size_t>(control & 0x7F, left.size() - 1);
    base::View piece = left.subspan(1, length);
    left = left.subspan(1 + length);
    if ((control & 0x80) != 0) answer();
    piece = piece.first(std::min(piece.size(), end.room()));
    end.feed(piece);
    said += end.output().size();
    end.consume(end.output().size());
    std::uint8_t plain[64];
    check(end.read(plain) == 0);
    check(!end.opened() && end.identity().size() <= TlsPsk::kMostIdentity + 1);
    if (end.phase() == TlsPsk::Phase::handshake) check(end.deadline() != TlsPsk::kNever);
  }
  answer();
  check(asked <= 1 && !end.opened());
  check(said < 32 * 1024);
  return 0;
}
