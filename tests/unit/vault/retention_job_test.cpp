// Proves that a day's retention tells how many cards it has erased, also when the store is away in
// the middle of it.
#include "vault/retention_job.h"

#include <boost/test/unit_test.hpp>

#include "tests/fuzz/same_seal.h"
#include "tests/support/collected_log.h"
#include "tests/support/fake_clock.h"
#include "tests/support/memory_store.h"

namespace {

struct World {
  World() {
    policy.retention_hour = static_cast<int>(clock.now().utc_ms / base::kHourMs % 24);
    for (int i = 0; i < kCards; ++i) {
      vault::Record record(*vault::Iccid::from_digits(base::cat("894435100210000123", i)));
      record.id[0] = static_cast<std::uint8_t>(i + 1);
      record.customer = "C";
      record.suspended_at = clock.now().utc_ms - policy.retention - base::kHourMs + i;
      data.state.records.emplace(record.id, record);
    }
  }
  void step() { job.step(store, policy, clock.now()); }
  void run() {
    for (int i = 0; i < 10; ++i) step();
  }
  std::int64_t after() { return data.state.jobs[vault::RetentionJob::kJob].after_date; }
  std::int64_t erased() { return counters.get("vault.retention_erased"); }
  void all_are_told() {
    BOOST_TEST(erased() == kCards);
    BOOST_TEST(counters.get("vault.retention_runs") == 1);
    BOOST_TEST(log.count("retention: what 5 suspended cards had stored is erased") == 1u);
  }

  static constexpr int kCards = 5;
  support::FakeClock clock;
  support::MemoryData data;
  support::MemoryStore store{data};
  fuzz::SameSeal keys;
  support::CollectedLog log;
  base::Counters counters;
  vault::Policy policy;
  vault::RetentionJob job{keys, log, counters};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(retention_job, World)

BOOST_AUTO_TEST_CASE(away_before_the_third_card) {
  data.fail(4, support::CommitFault::before);  // the first takes the turn
  step();
  BOOST_TEST(erased() == 2);
  BOOST_TEST(after() == data.state.records.begin()->second.suspended_at + 1, "behind the second");
  run();
  all_are_told();
}

BOOST_AUTO_TEST_CASE(away_when_the_cards_are_erased) {
  data.fail(kCards + 2, support::CommitFault::before);
  step();
  BOOST_TEST(erased() == kCards);
  BOOST_TEST(after() == 0);
  run();
  all_are_told();
}

BOOST_AUTO_TEST_SUITE_END()
