// Customer care that needs two: agents ask, approve, reject and take, in any order, also twice, too
// late, with another document and at the same time.
#include "base/crypto.h"
#include "tests/sim/world_impl.h"

namespace sim {

namespace {

using vault::CareAction;

constexpr const char* kAgents[] = {"anna", "bert", "carl"};
constexpr const char* kForm = "vcard4";
constexpr const char* kDocument = "X1234567";

vault::CareCall call_of(const std::string& agent, const char* document = kDocument) {
  return {agent, "as asked", "passport", base::Secret(base::as_bytes(document))};
}

}  // namespace

// With a store that has troubles; somebody else gets on with the card meanwhile.
void World::call_care(const vault::Iccid& card,
                      const std::function<void(vault::CareService&)>& what) {
  const vault::Iccid* const before = std::exchange(served_, &card);
  vault::CareService care(policy_, *vault_.keys, *care_store_, vault_.log);
  try {
    what(care);
  } catch (const Killed&) {
    tell("... the call is killed");
  }
  served_ = before;
  oracle_.look_at(card);
  approvals_.look();
}

// Of people with one card only what leaves them their content, and the move that they wait for.
void World::ask(Person& person) {
  const bool pair = person.other != nullptr;
  const std::uint64_t dice = chance_.below(10);
  const CareAction action = dice < 5 ? CareAction::unlock
                            : dice < 7 && (pair || person.sim.waits_for_record())
                                ? CareAction::confirm_move
                            : dice == 9 && pair ? CareAction::erase
                                                : CareAction::hand_over;
  Asked asked{0, kAgents[chance_.below(3)], person.iccid(), action};
  const vault::CareService::Wish wish{action, chance_.one_in(2), kForm, 0};
  call_care(asked.card, [&](vault::CareService& care) {
    const auto result = care.request(call_of(asked.agent), asked.card.digits(), wish, now());
    const auto* const done = std::get_if<vault::CareService::Requested>(&result);
    if (done == nullptr) return;
    ++figures_.asked;
    asked.id = done->request.id;
  });
  if (asked.id == 0) return;
  tell(base::cat(asked.agent, " asks for ", name_of(action), " of ", asked.card.digits(),
                 ", request ", asked.id));
  after(chance_.between(1'000, 80 * base::kMinuteMs), [this, asked] { decide(asked); });
}

void World::decide(const Asked& asked) {
  const std::string agent = kAgents[chance_.below(3)];
  const char* const document = chance_.one_in(8) ? "X0000000" : kDocument;
  const bool rejects = chance_.one_in(5);
  tell(base::cat(agent, rejects ? " rejects request " : " approves request ", asked.id));
  deciding_ = asked.id;
  call_care(asked.card, [&](vault::CareService& care) {
    if (rejects) {
      const auto result = care.reject(call_of(agent), asked.id, now());
      return decided(asked, std::get_if<vault::CareFailure>(&result));
    }
    const auto result = care.approve(call_of(agent, document), asked.id, now());
    const auto* const failure = std::get_if<vault::CareFailure>(&result);
    decided(asked, failure);
    if (failure != nullptr) return;
    ++figures_.approved;
    approvals_.look();
    approvals_.told_done(asked.id);
  });
  deciding_ = 0;
  if (asked.action != CareAction::hand_over) return;
  after(chance_.between(1'000, 40 * base::kMinuteMs), [this, asked] { take(asked); });
}

void World::decided(const Asked& asked, const vault::CareFailure* failure) {
  tell(failure != nullptr ? "... refused: " + failure->text : "... done");
  const bool unknown = failure != nullptr && failure->error == vault::CareError::unavailable;
  if (!unknown && !chance_.one_in(3)) return;
  after(chance_.between(1'000, 40 * base::kMinuteMs), [this, asked] { decide(asked); });
}

// In the middle of a decision: another agent approves the same.
void World::second_agent() {
  vault::CareService care(policy_, *vault_.keys, *god_, vault_.log);
  const std::string agent = kAgents[chance_.below(3)];
  const auto failure = failure_of(care.approve(call_of(agent), deciding_, now()));
  tell(base::cat("... meanwhile ", agent, " approves it: ", failure ? failure->text : "done"));
}

// An approved export, by who has asked or by somebody else.
void World::take(const Asked& asked) {
  const std::string agent = chance_.one_in(4) ? kAgents[chance_.below(3)] : asked.agent;
  call_care(asked.card, [&](vault::CareService& care) {
    const auto result = care.export_content(call_of(agent), asked.card.digits(), kForm, 0, now());
    const auto* const done = std::get_if<vault::CareService::Exported>(&result);
    if (done == nullptr) return;
    ++figures_.exported;
    tell(base::cat(agent, " takes the content of ", asked.card.digits()));
    if (base::sha256(done->content.view()) != done->image.digest) {
      throw Breach("care handed out other octets");
    }
    oracle_.handed_out(asked.card, done->image.digest);
  });
}

// Without troubles, whatever else was asked for.
std::optional<vault::CareFailure> World::by_two(const std::string& card,
                                                const vault::CareService::Wish& wish) {
  vault::CareService care(policy_, *vault_.keys, *god_, vault_.log);
  const auto pending = care.pending(call_of("carl"), std::nullopt, now());
  if (const auto failure = failure_of(pending)) return failure;
  for (const auto& other : std::get<0>(pending)) {
    if (other.iccid != card || other.request.action != wish.action) continue;
    if (const auto failure = failure_of(care.reject(call_of("carl"), other.request.id, now()))) {
      return failure;
    }
  }
  const auto asked = care.request(call_of("anna"), card, wish, now());
  if (const auto failure = failure_of(asked)) return failure;
  const std::uint64_t id = std::get<0>(asked).request.id;
  const auto failure = failure_of(care.approve(call_of("bert"), id, now()));
  approvals_.look();
  if (!failure) approvals_.told_done(id);
  return failure;
}

}  // namespace sim
