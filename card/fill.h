// Invented content for a card, the same for the same seed on every machine.
#pragma once

#include <cstdint>

#include "card/profile.h"

namespace card {

struct FillCounts {
  std::size_t contacts = 0;
  std::size_t messages = 0;
  std::size_t memos = 0;
};
// Adds behind what is there. Returns what found a place.
FillCounts fill_card(Card& card, const FillCounts& wanted, std::uint64_t seed);

}  // namespace card
