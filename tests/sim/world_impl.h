// The inside of World: world.cpp begins and ends a run, world_network.cpp moves octets,
// world_instance.cpp serves them, world_people.cpp decides who wants what, world_pair.cpp what
// happens to a person with two cards, world_agents.cpp what needs two agents, world_house.cpp and
// world_calendar.cpp do what is unasked.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "bip/exchange.h"
#include "tests/sim/world.h"
#include "tests/support/laboratory.h"

namespace sim {

template <class T>
std::optional<vault::CareFailure> failure_of(const vault::CareResult<T>& result) {
  const auto* const failure = std::get_if<vault::CareFailure>(&result);
  return failure != nullptr ? std::optional(*failure) : std::nullopt;
}

// Somebody with a card in a phone.
struct World::Person {
  Person(const std::string& digits, Oracle& oracle, Chance& chance) : sim(digits, oracle, chance) {}
  const vault::Iccid& iccid() const { return sim.card.iccid; }

  SimCard sim;
  LinkPtr link;  // of the visit under way
  SimCard::Wish wish = SimCard::Wish::status;
  int visits_left = 0;
  Person* other = nullptr;            // the same person's second card, in use as well
  std::string next_card;              // empty: he has it already
  std::vector<base::Bytes> recorded;  // packets that have left, for who repeats them
};

// What an agent has asked for, and another one may approve.
struct World::Asked {
  std::uint64_t id = 0;
  std::string agent;
  vault::Iccid card;
  vault::CareAction action = vault::CareAction::unlock;
};

// A channel: the card's end, the network, an instance's end.
struct World::Link {
  explicit Link(const support::TestCard& of) : card(of) {}

  const support::TestCard card;  // as it was when the link began
  Person* person = nullptr;      // null: somebody else who speaks for the card
  Instance* instance = nullptr;

  bool up = true;                  // at the card's end
  std::size_t up_left = SIZE_MAX;  // octets until the network drops it
  std::size_t down_left = SIZE_MAX;
  std::int64_t last_up = 0;  // arrival of what was sent last
  std::int64_t last_down = 0;
  base::Bytes answers;  // have come to the card, not complete yet

  std::unique_ptr<bip::Session> session;
  base::Bytes waiting;                          // have come to the instance, no room yet
  bool working = false;                         // a worker is about to take a batch
  std::int64_t watched = bip::Session::kNever;  // an event looks after its deadline then
  bool gone = false;                            // at the instance's end
};

}  // namespace sim
