// What the instances do unasked: uploads that were given up, and what is kept of suspended cards.
#include "tests/sim/keeping.h"
#include "tests/sim/world_impl.h"

namespace sim {

namespace {

constexpr int kMostAtOnce = 100;
// Behind the longest that anything is kept, with a daily run and a date that was set back.
constexpr std::int64_t kLong = 3 * base::kDayMs;

}  // namespace

vault::Policy World::house_policy() const {
  vault::Policy policy = policy_;
  if (defect_ == Defect::early_sweep) policy.resume_window = 0;
  if (defect_ == Defect::early_retention) policy.retention = 0;
  if (defect_ == Defect::no_retention) policy.retention_hour = -1;
  return policy;
}

void World::keep_house(Instance& instance) {
  if (instance.down_until > now().mono_ms) return;
  looking_ = &instance;
  try {
    for (int i = 0; i < kMostAtOnce; ++i) {
      if (!instance.house->step(*instance.calendar_store, house_policy(), now())) break;
    }
  } catch (const Killed&) {
    kill(instance);
  }
  look_at_all();
}

void World::look_at_all() {
  for (const auto& person : people_) oracle_.look_at(person->iccid());
}

// Somebody begins to store and does not go on with it.
void World::leave_off(Person& person) {
  if (person.sim.waits_for_record()) return;
  const LinkPtr link = open(person.sim.card, nullptr);
  if (!link) return;
  tell(base::cat("card ", person.iccid().digits(), ": a store that nobody will end"));
  for (const base::Bytes& packet : person.sim.unfinished()) send_up(link, packet);
  after(chance_.between(5'000, 20'000), [this, link] {
    if (link->up) cut(link);
  });
}

// Nothing goes wrong any more, some have left for good, and time passes: what is over goes, and
// nothing else.
void World::grow_old() {
  std::vector<Person*> stay;
  for (const auto& person : people_) {
    leave_off(*person);
    until_quiet();
    if (person->other == nullptr && chance_.one_in(2)) {
      care_sets(person->iccid().digits(), true);
    } else {
      stay.push_back(person.get());
    }
  }
  for (std::int64_t passed = 0; passed < kLong; passed += base::kHourMs) {
    vault_.clock.advance(base::kHourMs);
    for (Instance& instance : instances_) keep_house(instance);
  }
  check_nothing_old(*god_, policy_, now());
  for (Person* const person : stay) {
    if (person->other == nullptr) visit_until_done(*person, SimCard::Wish::fetch);
  }
}

}  // namespace sim
