// Two decimal digits in an octet, the tens in the low half: times of TS 23.040 clause 9.2.3.11 and
// TS 102 223.
#pragma once

#include <cstdint>
#include <optional>

namespace card {

inline std::uint8_t swapped_bcd(int value) {  // 0 to 99
  return static_cast<std::uint8_t>((value % 10) << 4 | value / 10 % 10);
}

// Nothing: these are no digits.
inline std::optional<int> from_swapped_bcd(std::uint8_t octet) {
  const int units = octet >> 4, tens = octet & 0x0F;
  if (units > 9 || tens > 9) return std::nullopt;
  return tens * 10 + units;
}

}  // namespace card
