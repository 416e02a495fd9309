#include "tests/sim/world_impl.h"

namespace sim {

namespace {

constexpr std::int64_t kPatience = 90 * base::kSecondMs;
constexpr int kTriesWhenCalm = 8;

vault::CareCall call(const char* reason) {
  return {"anna", reason, "passport", base::Secret(base::as_bytes("X1234567"))};
}

}  // namespace

void World::next_visit(Person& person) {
  if (person.visits_left-- <= 0) return;
  const std::int64_t pause =
      chance_.one_in(2) ? chance_.between(100, 60'000) : chance_.between(60'000, 8 * base::kHourMs);
  after(pause, [this, &person] {
    key_source_.away = chance_.one_in(40);
    if (chance_.one_in(timed_ ? 2 : 6)) guess(person);
    if (chance_.one_in(3)) repeat(person);
    if (person.other != nullptr) {
      pair_acts(person);
    } else {
      if (chance_.one_in(6)) claim(person);
      if (chance_.one_in(ages_ ? 12 : 25)) care_pauses(person);
      if (chance_.one_in(12)) change_card(person);
    }
    if (chance_.one_in(30)) set_the_clock();
    if (two_) ask(person);
    if (ages_ && chance_.one_in(6)) leave_off(person);
    if (chance_.one_in(ages_ ? 1 : 4)) keep_house(chance_.one_of(instances_));
    const std::uint64_t dice = chance_.below(10);
    visit(person, dice < 6   ? SimCard::Wish::store
                  : dice < 9 ? SimCard::Wish::fetch
                             : SimCard::Wish::status);
  });
}

void World::visit(Person& person, SimCard::Wish wish) {
  ++figures_.visits;
  person.wish = person.sim.waits_for_record() ? SimCard::Wish::report : wish;
  person.link = open(person.sim.card, &person);
  if (!person.link) {
    if (!calm_) next_visit(person);
    return;
  }
  const LinkPtr link = person.link;
  for (const base::Bytes& packet : person.sim.begin(wish, calm_)) {
    person.recorded.push_back(packet);
    send_up(link, packet);
  }
  look_after(person);
}

// No answer for long: the applet gives up.
void World::look_after(Person& person) {
  const LinkPtr link = person.link;
  if (!link || !link->up) return;
  const std::int64_t heard = std::max(link->last_down, link->last_up);
  const std::int64_t gives_up = std::max(heard, now().mono_ms) + kPatience;
  after(gives_up - now().mono_ms, [this, &person, link, heard] {
    if (person.link != link || !link->up) return;
    if (std::max(link->last_down, link->last_up) > heard) return look_after(person);
    cut(link);
  });
}

// The visit has ended, one way or the other.
void World::over(Person& person) {
  const LinkPtr link = std::exchange(person.link, nullptr);
  if (!link) return;
  person.sim.hung_up();
  const bool done = person.sim.visit() == SimCard::Visit::done;
  if (done && person.wish == SimCard::Wish::store) ++figures_.stored;
  if (done && person.wish == SimCard::Wish::fetch) ++figures_.fetched;
  if (std::exchange(link->up, false)) {
    after(std::max<std::int64_t>(link->last_up - now().mono_ms, 0) + 1, [this, link] {
      if (link->gone) return;
      link->session->end_of_input(now());
      follow(link);
    });
  }
  if (calm_) return;
  if (person.sim.locked()) ++figures_.locks;
  if (person.sim.locked() && person.other == nullptr) {
    // Whose lock ends by itself waits for that, or not.
    if (timed_ && !chance_.one_in(3)) return person.sim.forget_lock(), next_visit(person);
    care_unlocks(person, chance_.one_in(3));
  }
  next_visit(person);
}

void World::care_unlocks(Person& person, bool reset_key) {
  vault::CareService care(policy_, *vault_.keys, *god_, vault_.log);
  const std::string card = person.iccid().digits();
  const auto failure = two_ ? by_two(card, {vault::CareAction::unlock, reset_key, "", 0})
                            : failure_of(care.unlock(call("lost the key"), card, reset_key, now()));
  if (failure && failure->error != vault::CareError::wrong_state) {
    throw Breach("customer care cannot unlock: " + failure->text);
  }
  person.sim.forget_lock();
  if (failure) return;
  tell(base::cat("customer care unlocks ", person.iccid().digits()));
  oracle_.unlocked(person.iccid());
  oracle_.look_at(person.iccid());
}

// The service ends for a while.
void World::care_pauses(Person& person) {
  ++figures_.pauses;
  care_sets(person.iccid().digits(), true);
}

// Until the store has it for sure.
void World::care_sets(const std::string& card, bool suspended) {
  const vault::Iccid iccid = *vault::Iccid::from_digits(card);
  const vault::Iccid* const before = std::exchange(served_, &iccid);
  vault::CareService care(policy_, *vault_.keys, *care_store_, vault_.log);
  std::optional<vault::CareError> error = vault::CareError::unavailable;
  try {
    const auto result = suspended ? care.suspend(call("bill not paid"), card, now())
                                  : care.resume(call("paid"), card, now());
    const auto* const failure = std::get_if<vault::CareFailure>(&result);
    error = failure != nullptr ? std::optional(failure->error) : std::nullopt;
  } catch (const Killed&) {
    tell("... the call is killed");
  }
  served_ = before;
  oracle_.look_at(iccid);
  if (error == vault::CareError::unavailable) {
    return after(base::kMinuteMs, [this, card, suspended] { care_sets(card, suspended); });
  }
  // The card may have been replaced meanwhile: its former number is not taken for the next one's.
  if (error == vault::CareError::ambiguous || error == vault::CareError::not_found) return;
  tell(base::cat("customer care ", suspended ? "suspends " : "resumes ", card));
  oracle_.service(iccid, suspended);
  if (!suspended || calm_) return;
  const std::int64_t most = ages_ ? 40 * base::kHourMs : 3 * base::kHourMs;
  after(chance_.between(1'000, most), [this, card] { care_sets(card, false); });
}

// Customer care has seen the person's document.
void World::care_moves(Person& person) {
  vault::CareService care(policy_, *vault_.keys, *god_, vault_.log);
  const std::string card = person.iccid().digits();
  const auto failure = two_ ? by_two(card, {vault::CareAction::confirm_move, false, "", 0})
                            : failure_of(care.confirm_move(call("new card"), card, now()));
  if (failure) {
    tell("customer care cannot move a record: " + failure->text);
    if (oracle_.last_acknowledged(person.iccid()) > 0) return;
    person.sim.record_followed();
    return oracle_.starts_anew(person.iccid());
  }
  tell(base::cat("customer care moves the record to ", person.iccid().digits()));
  person.sim.record_followed();
  oracle_.look_at(person.iccid());
}

// Only when nothing of the old card is on its way: from that the vault would conclude that it is
// still in use.
void World::change_card(Person& person) {
  const bool stored = oracle_.last_acknowledged(person.iccid()) > 0;
  if (person.next_card.empty() || !stored || person.link) return;
  for (const LinkPtr& link : links_) {
    if (link->card.iccid == person.iccid() && !link->gone) return;
  }
  ++figures_.changes;
  tell(base::cat("card ", person.iccid().digits(), " is replaced by ", person.next_card));
  person.sim.change_card(std::exchange(person.next_card, ""));
  person.recorded.clear();
}

// Somebody whose card says that another person's was in the phone before, and who does not know
// that one's key.
void World::claim(Person& person) {
  const Person& victim = *chance_.one_of(people_);
  if (&victim == &person || victim.sim.key().empty()) return;
  // One claim a card: care would confirm this one, and not the person's own, without looking at it.
  if (person.sim.waits_for_record()) return;
  const LinkPtr link = open(person.sim.card, nullptr);
  if (!link) return;
  ++figures_.guesses;
  tell(base::cat("somebody claims the record of ", victim.iccid().digits()));
  send_up(link,
          person.sim.claim(bip::Ins::report, victim.iccid(), support::wrong_key(victim.sim.key())));
  after(chance_.between(1'000, 20'000), [this, link] {
    if (link->up) cut(link);
  });
}

// Somebody who has the card tries many keys at once, the right one among them.
void World::guess(Person& person) {
  if (person.sim.key().empty()) return;
  const std::uint64_t many = 2 + chance_.below(5);
  const std::uint64_t right = chance_.below(2 * many);
  std::string wrong = person.sim.key();
  for (std::uint64_t i = 0; i < many; ++i) {
    const LinkPtr link = open(person.sim.card, nullptr);
    wrong = support::wrong_key(wrong);
    const base::Bytes packet = person.sim.guess(i == right ? person.sim.key() : wrong);
    ++figures_.guesses;
    if (!link) continue;
    send_up(link, packet);
    after(chance_.between(1'000, 20'000), [this, link] {
      if (link->up) cut(link);
    });
  }
}

// Somebody sends again what he has recorded.
void World::repeat(Person& person) {
  if (person.recorded.empty()) return;
  const LinkPtr link = open(person.sim.card, nullptr);
  if (!link) return;
  ++figures_.repeated;
  send_up(link, chance_.one_of(person.recorded));
  after(chance_.between(1'000, 20'000), [this, link] {
    if (link->up) cut(link);
  });
}

// When nothing goes wrong any more everybody comes to his end.
void World::finish(Person& person) {
  if (person.other != nullptr) settle(person);
  visit_until_done(person, SimCard::Wish::store);
  visit_until_done(person, SimCard::Wish::fetch);
}

void World::visit_until_done(Person& person, SimCard::Wish wish) {
  for (int i = 0; i < kTriesWhenCalm; ++i) {
    const bool waits = person.sim.waits_for_record();
    visit(person, wish);
    until_quiet();
    if (person.sim.visit() == SimCard::Visit::done && !waits) return;
    if (person.sim.waits_for_record()) care_moves(person);
    if (person.sim.visit() == SimCard::Visit::refused) care_unlocks(person, true);
  }
  throw Breach(base::cat("card ", person.iccid().digits(), ": nothing goes wrong, and it does not ",
                         wish == SimCard::Wish::store ? "store" : "fetch"));
}

}  // namespace sim
