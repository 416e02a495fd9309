#include "tests/sim/spoiled_requests.h"
#include "tests/sim/world_impl.h"

namespace sim {

namespace {

constexpr std::size_t kPeople = 3;
constexpr int kVisits = 8;
constexpr std::uint64_t kStaging = 100'000;
constexpr std::size_t kRemembered = 60;
constexpr std::uint64_t kMonthsOneIn = 4;
constexpr std::uint64_t kPairOneIn = 2;
constexpr std::uint64_t kTimedOneIn = 3;
constexpr std::uint64_t kAgesOneIn = 5;  // two in five
constexpr std::uint64_t kAgesThose = 2;
constexpr std::uint64_t kTwoOneIn = 7;
constexpr std::uint64_t kTwoThose = 2;
constexpr std::int64_t kResumeWindow = 3 * base::kHourMs;  // when the run is to see its end
constexpr std::int64_t kRetention = 12 * base::kHourMs;
constexpr int kBadDays = 100;
constexpr int kGoodDays = 80;  // enough for everybody to be reminded once more

std::string iccid_of(std::size_t number) {
  return "894435100000000" + std::to_string(1000 + number);
}

bool is_of_timed_locks(Defect defect) {
  return defect == Defect::timed_again || defect == Defect::endless_lock ||
         defect == Defect::short_lock;
}

bool is_of_age(Defect defect) {
  return defect == Defect::early_sweep || defect == Defect::kept_staging ||
         defect == Defect::early_retention || defect == Defect::no_retention;
}

}  // namespace

void Figures::add(const Figures& other) {
  steps += other.steps;
  visits += other.visits;
  stored += other.stored;
  fetched += other.fetched;
  cuts += other.cuts;
  kills += other.kills;
  away += other.away;
  unknown += other.unknown;
  disturbed += other.disturbed;
  repeated += other.repeated;
  guesses += other.guesses;
  locks += other.locks;
  ended += other.ended;
  pauses += other.pauses;
  reminded += other.reminded;
  changes += other.changes;
  merges += other.merges;
  undone += other.undone;
  erased += other.erased;
  aged += other.aged;
  swept += other.swept;
  care += other.care;
  asked += other.asked;
  approved += other.approved;
  exported += other.exported;
  clocks += other.clocks;
}

World::World(std::uint64_t seed, Defect defect, const db::Settings& store)
    : vault_(store, {}),
      defect_(defect),
      chance_(seed),
      months_(seed % kMonthsOneIn == 0 || defect == Defect::doubled_reminder),
      timed_(seed % kTimedOneIn == 0 || is_of_timed_locks(defect)),
      ages_(seed % kAgesOneIn < kAgesThose || is_of_age(defect)),
      two_(seed % kTwoOneIn < kTwoThose || is_of_requests(defect)),
      god_(vault_.stores->open()),
      oracle_(*god_, *vault_.keys, vault_.clock, policy_),
      approvals_(*god_, policy_) {
  policy_.staging_bytes = kStaging;
  if (ages_) {
    policy_.resume_window = kResumeWindow;
    policy_.retention = kRetention;
  }
  policy_.two_person = {two_, true, true, true, true, base::kHourMs};
  if (timed_) policy_.lock = vault::LockMode::timed;
  policy_.lock_minutes = 2 * base::kHourMs;
  troubles_.defect = defect;
  troubles_.tell = [this](const char* what) { tell(what); };
  troubles_.meanwhile = [this] { meanwhile(); };
  std::vector<vault::ImportLine> lines;
  for (std::size_t i = 0; i < kPeople; ++i) {
    const std::string digits = iccid_of(i);
    const std::string number = "+4917212345" + std::to_string(10 + i);
    lines.push_back({*vault::Iccid::from_digits(digits), vault::Msisdn::from_text(number), "", ""});
    oracle_.add(lines.back().iccid, lines.back().msisdn->digits());
    people_.push_back(std::make_unique<Person>(digits, oracle_, chance_));
    key_source_.add(people_.back()->sim.card);
    // The card that he may have later.
    const std::string next = iccid_of(kPeople + i);
    lines.push_back({*vault::Iccid::from_digits(next), std::nullopt, "", ""});
    people_.back()->next_card = next;
    key_source_.add(support::TestCard(next));
  }
  if (!god_->import(now(), lines, "ops:test").ok()) throw Breach("an import failed");
  care_stores_ = vault_.more_stores();
  care_store_ = std::make_unique<FaultyStore>(care_stores_->open(), chance_, troubles_);
  if (seed % kPairOneIn == 0 || defect != Defect::none) add_pair();
  for (Instance& instance : instances_) start(instance);
  if (store.engine == db::Engine::mysql) oracle_.looks_after([this] { commits_arrive(); });
}

World::~World() = default;

void World::tell(const std::string& text) {
  if (told_.size() >= 2 * kRemembered) told_.erase(told_.begin(), told_.begin() + kRemembered);
  told_.push_back(base::cat(base::iso_date(now().utc_ms), " ", now().mono_ms % 1000, " ", text));
}

std::string World::last_events() const {
  std::string text;
  for (const std::string& one : told_) text += one + "\n";
  return text;
}

void World::after(std::int64_t ms, std::function<void()> what) {
  events_.emplace(now().mono_ms + ms, std::move(what));
}

void World::until_quiet() {
  while (!events_.empty()) {
    auto first = events_.extract(events_.begin());
    if (first.key() > now().mono_ms) vault_.clock.advance(first.key() - now().mono_ms);
    first.mapped()();
  }
}

// Somebody sets the date of the machines.
void World::set_the_clock() {
  const std::int64_t by = chance_.between(-3 * base::kHourMs, 3 * base::kHourMs);
  ++figures_.clocks;
  tell(base::cat("the date is set by ", by / 1000, " s"));
  vault_.clock.set_date_by(by);
}

// ---- Instances ----------------------------------------------------------------------------------

void World::start(Instance& instance) {
  instance.stores = vault_.more_stores();
  instance.store = std::make_unique<FaultyStore>(instance.stores->open(), chance_, troubles_);
  vault::Policy policy = policy_;
  if (defect_ == Defect::greedy_staging) policy.staging_bytes *= 100;
  const vault::KeyRing& keys =
      defect_ == Defect::loud_key ? static_cast<const vault::KeyRing&>(loud_keys_) : *vault_.keys;
  instance.cards = std::make_unique<vault::CardService>(policy, keys, vault_.log, vault_.counters);
  instance.house = std::make_unique<vault::Housekeeping>(keys, vault_.log, vault_.counters);
  start_calendar(instance);
}

// Nothing is left of it but what the store has. The cards find out sooner or later.
void World::kill(Instance& instance) {
  ++figures_.kills;
  tell(base::cat("instance ", &instance - instances_.data(), " is killed"));
  for (const LinkPtr& link : links_) {
    if (link->instance != &instance || link->gone) continue;
    link->gone = true;
    link->session.reset();
    after(chance_.between(10, 5'000), [this, link] { hang_up(link); });
  }
  killed_.push_back(std::move(instance.cards));
  instance.reminders.reset();
  instance.house.reset();
  instance.calendar_store.reset();
  instance.store.reset();
  instance.stores.reset();
  ++instance.life;
  start(instance);
  instance.down_until = now().mono_ms + chance_.between(100, 60'000);
}

// ---- The run ------------------------------------------------------------------------------------

void World::run() {
  for (const auto& person : people_) {
    person->visits_left = kVisits;
    next_visit(*person);
  }
  until_quiet();
  if (months_) calendar(kBadDays);
  calm_ = true;
  troubles_.on = false;
  key_source_.away = false;
  for (const auto& person : people_) finish(*person);
  until_quiet();
  if (months_) {
    const std::int64_t since = now().utc_ms;
    calendar(kGoodDays);
    oracle_.all_reminded_since(since);
  }
  if (ages_) grow_old();
  for (const Instance& instance : instances_) {
    if (instance.cards->staging().used() != 0)
      throw Breach("memory for uploads was not given back");
  }
  for (const LinkPtr& link : links_) {
    if (!link->gone) throw Breach("a channel never ended");
  }
  if (two_) approvals_.look();
  oracle_.whole_history();
  count_changes();
  oracle_.no_secret_in(vault_.log.all());
  figures_.ended = oracle_.locks_ended();
  figures_.away = static_cast<std::uint64_t>(troubles_.away);
  figures_.unknown = static_cast<std::uint64_t>(troubles_.unknown);
  figures_.disturbed = static_cast<std::uint64_t>(troubles_.disturbed);
}

}  // namespace sim
