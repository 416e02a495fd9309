// What no error text may repeat of a file: a long number may be a card's secret.
#pragma once

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <string_view>

namespace fuzz {

inline constexpr std::size_t kLongestNumber = 20;  // an ICCID may be named

// Hexadecimal digits in a row.
inline std::size_t longest_number(std::string_view text) {
  std::size_t longest = 0;
  std::size_t run = 0;
  for (const char c : text) {
    run = std::isxdigit(static_cast<unsigned char>(c)) != 0 ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  return longest;
}

}  // namespace fuzz
