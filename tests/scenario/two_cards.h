// A subscriber's old card, which has stored and been put away, and the new one.
#pragma once

#include <string>

#include "tests/support/laboratory.h"

namespace scenario {

inline const std::string kOld = "8944351002100001231";
inline const std::string kNew = "8944351002100001249";
inline const std::string kOther = "8944351002100001256";

struct TwoCards {
  explicit TwoCards(const vault::Policy& policy = {}) : lab(policy) {}
  // Once it has been imported.
  void old_card_stores() {
    old_card.back_up(image);
    key = old_card.key;
    old_card.hang_up();
  }

  support::Laboratory lab;
  support::CardInHand old_card{lab, kOld};
  support::CardInHand new_card{lab, kNew};
  const base::Bytes image = support::example_image(30, 'o');
  std::string key;
};

}  // namespace scenario
