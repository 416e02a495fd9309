// A card with applet in a phone, a vault in memory, time that stands still until it is moved.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "card/applet.h"
#include "card/fill.h"
#include "card/terminal.h"
#include "card/uicc.h"
#include "tests/support/fake_vault.h"

namespace card_test {

inline const char* kIccid = "8944351002100001236";
inline const char* kOtherIccid = "8944351002100001244";

card::Card test_card(const char* iccid, const card::Sizes& sizes = {40, 6, 4});

struct World {
  explicit World(card::Card card_in = test_card(kIccid));

  void power_on();  // again: a new applet and terminal over the same card and phone
  void run();       // until nobody has anything to do, or the user is asked and nobody answers
  void menu(card::Applet::Item item);
  void advance(std::int64_t by_ms);
  bool shown(const std::string& part) const;  // on the screen or as a question
  std::string outcome() const;
  base::Bytes image() const;
  std::string shown_key() const;

  card::Card card;
  card::Phone phone;
  FakeVault vault;
  std::unique_ptr<card::Applet> applet;
  std::unique_ptr<card::Uicc> uicc;
  std::unique_ptr<card::Terminal> terminal;
  base::Now now{1'000'000, 1'790'000'000'000};
  std::deque<std::optional<std::string>> answers;  // nothing: cancelled
  bool acknowledge = true;
  bool reachable = true;
  std::size_t most_buffer = 1500;          // from the next power_on
  std::function<int()> connect_datagrams;  // UDP channels; none: unreachable
  std::function<bool()> also_serve;        // true: something came
  bool serve_early = false;                // also while the card is busy
  int commits = 0;
  std::vector<base::Bytes> submitted;  // SMS-SUBMIT that have left
  // Answers to what the network delivered; nothing: refused.
  std::vector<std::optional<base::Bytes>> delivered;
  std::vector<card::Event> events;
};

}  // namespace card_test
