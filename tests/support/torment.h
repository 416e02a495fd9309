// Octets from a seed, for decoders that must survive anything.
#pragma once

#include <random>

#include "base/bytes.h"

namespace card_test {

inline base::Bytes random_bytes(std::mt19937& engine, std::size_t most) {
  base::Bytes bytes(engine() % (most + 1));
  for (auto& octet : bytes) octet = static_cast<std::uint8_t>(engine());
  return bytes;
}

// Calls `decode` with every prefix of `good`, with `good` and one octet changed at every place,
// and with random octets.
template <class Decode>
void torment(base::View good, Decode decode) {
  std::mt19937 engine(7);
  for (std::size_t size = 0; size < good.size(); ++size) decode(good.first(size));
  base::Bytes changed(good.begin(), good.end());
  for (std::size_t at = 0; at < changed.size(); ++at) {
    const std::uint8_t kept = changed[at];
    for (int value : {0x00, 0x7F, 0x80, 0x81, 0x82, 0xFF}) {
      changed[at] = static_cast<std::uint8_t>(value);
      decode(changed);
    }
    changed[at] = kept;
  }
  for (int round = 0; round < 5000; ++round) decode(random_bytes(engine, 300));
}

}  // namespace card_test
