// A person with two cards in use: both have a record with content, which become one by key, by
// order or by customer care, and part again; while care and provisioning act in the middle.
#include "tests/sim/world_impl.h"

namespace sim {

namespace {

constexpr const char* kFirst = "8944351000000002001";
constexpr const char* kSecond = "8944351000000002002";

vault::CareCall call(const char* reason) {
  return {"bert", reason, "passport", base::Secret(base::as_bytes("X1234567"))};
}

}  // namespace

void World::add_pair() {
  const auto number = vault::Msisdn::from_text("+491721234599");
  std::vector<vault::ImportLine> lines;
  for (const char* digits : {kFirst, kSecond}) {
    lines.push_back(
        {*vault::Iccid::from_digits(digits), digits == kFirst ? number : std::nullopt, "", ""});
  }
  if (!god_->import(now(), lines, "ops:test").ok()) throw Breach("an import failed");
  oracle_.add_pair(lines[0].iccid, lines[1].iccid, number->digits());
  troubles_.stranger = lines[1].iccid;
  for (const char* digits : {kFirst, kSecond}) {
    people_.push_back(std::make_unique<Person>(digits, oracle_, chance_));
    people_.back()->sim.has_entries();
    key_source_.add(people_.back()->sim.card);
  }
  Person& second = *people_.back();
  second.other = people_[people_.size() - 2].get();
  second.other->other = &second;
}

// Before a visit. The second card is the newer one, and says so.
void World::pair_acts(Person& person) {
  if (chance_.one_in(2)) {
    after(chance_.between(0, 20'000), [this, &person] { care_acts(person); });
  }
  const std::string key = person.sim.key();
  if (chance_.one_in(20) && !key.empty()) speak(person, person.sim.erase(key));
  const bool newer = person.iccid().digits() == kSecond;
  if (!newer || !chance_.one_in(2)) return;
  std::string typed = person.other->sim.key();
  if (chance_.one_in(4)) typed.clear();
  if (!typed.empty() && chance_.one_in(4)) typed = support::wrong_key(typed);
  const bip::Ins how = chance_.one_in(3) ? bip::Ins::fetch_begin : bip::Ins::report;
  speak(person, person.sim.claim(how, person.other->iccid(), typed));
}

// One packet on a channel of its own, whose answer nobody waits for.
void World::speak(Person& person, base::View packet) {
  const LinkPtr link = open(person.sim.card, nullptr);
  if (!link) return;
  person.recorded.emplace_back(packet.begin(), packet.end());
  send_up(link, packet);
  after(chance_.between(1'000, 20'000), [this, link] {
    if (link->up) cut(link);
  });
}

// With a store that has troubles, too; somebody else gets on with the card meanwhile.
void World::care_acts(Person& person) {
  if (calm_) return;
  ++figures_.care;
  const vault::Iccid iccid = person.iccid();
  const vault::Iccid* const before = std::exchange(served_, &iccid);
  vault::CareService care(policy_, *vault_.keys, *care_store_, vault_.log);
  try {
    const auto failure = care_call(care, person);
    tell(failure ? "... refused: " + failure->text : "... done");
  } catch (const Killed&) {
    tell("... the call is killed");
  }
  served_ = before;
  oracle_.look_at(iccid);
}

std::optional<vault::CareFailure> World::care_call(vault::CareService& care, Person& person) {
  const std::string iccid = person.iccid().digits();
  const std::uint64_t dice = chance_.below(20);
  const auto says = [&](const char* what) { tell(base::cat("for ", iccid, ": ", what)); };
  if (dice < 4) {
    const bool reset = chance_.one_in(2);
    says(reset ? "care unlocks and resets the key" : "care unlocks");
    return failure_of(care.unlock(call("lost the key"), iccid, reset, now()));
  }
  if (dice < 8) {
    says("care confirms the move to the second card");
    return failure_of(care.confirm_move(call("new card"), kSecond, now()));
  }
  if (dice < 10) {
    says("care rejects the move to the second card");
    return failure_of(care.reject_move(call("a mistake"), kSecond, now()));
  }
  if (dice < 11) {
    says("care erases");
    return failure_of(care.erase(call("wants it"), iccid, now()));
  }
  if (dice < 13) {
    says("care suspends");
    return failure_of(care.suspend(call("bill not paid"), iccid, now()));
  }
  if (dice < 16) {
    says("care resumes");
    return failure_of(care.resume(call("paid"), iccid, now()));
  }
  if (dice < 19) {
    says("provisioning orders a swap to the other card");
    return failure_of(care.swap("test", iccid, person.other->iccid().digits(), now()));
  }
  says("provisioning imports it again");
  const vault::ImportLine line{person.iccid(), std::nullopt, "", ""};
  if (!god_->import(now(), {line}, "ops:test").ok()) throw Breach("an import failed");
  return std::nullopt;
}

// When nothing goes wrong any more: both cards are known and in service, before either of them can
// undo a move and be out of service with the other one.
void World::settle(const Person& person) {
  for (const Person* const one : {&person, static_cast<const Person*>(person.other)}) {
    const vault::ImportLine line{one->iccid(), std::nullopt, "", ""};
    if (!god_->import(now(), {line}, "ops:test").ok()) throw Breach("an import failed");
    vault::CareService care(policy_, *vault_.keys, *god_, vault_.log);
    const auto failure = failure_of(care.resume(call("paid"), one->iccid().digits(), now()));
    if (failure && failure->error != vault::CareError::wrong_state) {
      throw Breach("customer care cannot resume: " + failure->text);
    }
    oracle_.look_at(one->iccid());
  }
}

void World::count_changes() {
  const auto entries = god_->history({});
  if (!entries.ok()) throw Breach("the history cannot be read: " + entries.error());
  for (const vault::HistoryEntry& entry : *entries) {
    const std::string& kind = entry.note.kind;
    if (kind == "merged") ++figures_.merges;
    if (kind == "move_undone") ++figures_.undone;
    if (kind == "erased") ++figures_.erased;
    if (kind == "erased" && entry.note.actor == "vault") ++figures_.aged;
    if (kind == "upload_expired") ++figures_.swept;
  }
  figures_.merges /= 2;  // stands in both histories
  figures_.undone /= 2;
}

}  // namespace sim
