// The cards of the benches: numbered, so that every program of a bench knows them.
#pragma once

#include <string>
#include <vector>

namespace bench {

inline std::string card_digits(std::size_t number) {
  const std::string digits = std::to_string(number);
  return "8986010000" + std::string(9 - digits.size(), '0') + digits;
}

inline std::vector<std::string> all_cards(std::size_t count) {
  std::vector<std::string> cards;
  for (std::size_t i = 0; i < count; ++i) cards.push_back(card_digits(i));
  return cards;
}

}  // namespace bench
