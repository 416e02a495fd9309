// What suspended cards have stored goes after [vault] retention and not before, on every store.
#include "vault/retention.h"

#include "db/suspended_scan.h"
#include "tests/contract/fixture.h"
#include "vault/erasure.h"
#include "vault/retention_job.h"

using namespace contract;
using vault::RecordTx;

namespace {

struct Suspended : Fixture {
  Suspended() {
    for (unsigned i = 1; i <= 3; ++i) {
      create(iccid(i));
      commit([&](RecordTx& tx) {
        vault::Record& record = *tx.find(iccid(i));
        const auto content = random_content(300);
        const auto info = image_of(record, content, 7);
        tx.add_image(record, info, content);
        record.image = info;
        record.msisdn_provisioned = msisdn(i);
      });
    }
    suspend(1, now.utc_ms);
    suspend(2, now.utc_ms + base::kDayMs);
    now.utc_ms += policy.retention;
  }
  void suspend(unsigned number, std::int64_t at) {
    commit([&](RecordTx& tx) { tx.find(iccid(number))->suspended_at = at; });
  }
  std::vector<vault::RecordId> due() {
    const auto scan = db::SuspendedScan::open(database.settings());
    BOOST_REQUIRE(scan.ok());
    const auto page = (*scan)->page({}, now.utc_ms - policy.retention);
    BOOST_REQUIRE(page.ok());
    BOOST_TEST(page->done);
    BOOST_TEST(page->seen == 3u);
    return page->records;
  }
  std::optional<vault::ErasureReceipt> erase(unsigned number) {
    const auto done = vault::erase_after_retention(*store, keys(), policy, read(iccid(number))->id,
                                                   "ops:test", now);
    BOOST_REQUIRE(done.ok());
    return *done;
  }
  vault::Policy policy;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(retention, Suspended)

// Proves that only the one whose time is over is found and erased, once, with an entry, and that it
// stays suspended.
BOOST_AUTO_TEST_CASE(only_whose_time_is_over) {
  const std::vector<vault::RecordId> wanted{read(iccid(1))->id};
  BOOST_TEST((due() == wanted));
  BOOST_TEST(!erase(2).has_value());
  BOOST_TEST(!erase(3).has_value());
  const auto receipt = erase(1);
  BOOST_REQUIRE(receipt.has_value());
  BOOST_TEST(receipt->versions == 1u);
  BOOST_TEST(receipt->octets == 300u);
  const auto record = read(iccid(1));
  BOOST_TEST(record->suspended_at > 0);
  BOOST_TEST(!record->image.has_value());
  BOOST_TEST(!record->msisdn_provisioned.has_value());
  BOOST_TEST(images(iccid(1)).empty());
  BOOST_TEST(images(iccid(2)).size() == 1u);
  vault::HistoryQuery query;
  query.record = record->id;
  const auto entries = store->history(query).take();
  BOOST_TEST(entries.back().note.kind == "erased");
  BOOST_TEST(entries.back().note.actor == "ops:test");
  BOOST_TEST(entries.back().note.detail.starts_with("retention: suspended since "));
  BOOST_TEST(!erase(1).has_value());
  const auto faults = vault::verify_audit(*store, keys());
  BOOST_TEST((faults.ok() && faults->empty()));
}

// Proves that a service that is on again, a millisecond before the end too, keeps everything.
BOOST_AUTO_TEST_CASE(back_in_time) {
  now.utc_ms -= 1;
  BOOST_TEST(due().empty());
  BOOST_TEST(!erase(1).has_value());
  now.utc_ms += 1;
  suspend(1, 0);
  BOOST_TEST(due().empty());
  BOOST_TEST(!erase(1).has_value());
  BOOST_TEST(images(iccid(1)).size() == 1u);
}

namespace {

struct Daily : Suspended {
  // Due are the first, for a moment, and the third; the hour is the present one.
  Daily() {
    policy.retention_hour = static_cast<int>(now.utc_ms / base::kHourMs % 24);
    suspend(3, now.utc_ms - policy.retention - base::kHourMs);
  }
  void pass(std::int64_t ms) {
    now.mono_ms += ms;
    now.utc_ms += ms;
  }
  // Steps of an instance until it has nothing to do; what it has erased.
  std::int64_t run(vault::RetentionJob& instance, vault::Store& with) {
    const std::int64_t before = erased();
    for (int steps = 1; instance.step(with, policy, now); ++steps) BOOST_REQUIRE(steps < 100);
    return erased() - before;
  }
  std::int64_t run(vault::RetentionJob& instance) { return run(instance, *store); }
  std::int64_t erased() { return value("vault.retention_erased"); }
  std::int64_t runs() { return value("vault.retention_runs"); }
  std::int64_t value(const std::string& name) {
    for (const auto& [counter, count] : counters.snapshot()) {
      if (counter == name) return count;
    }
    return 0;
  }
  vault::RetentionJob job{keys(), log, counters};
  vault::RetentionJob other{keys(), log, counters};
  static constexpr int kMore = 25;  // than a portion has
  void more_are_due() {
    for (unsigned i = 4; i < 4 + kMore; ++i) {
      create(iccid(i));
      suspend(i, now.utc_ms - policy.retention);
      commit([&](RecordTx& tx) { tx.find(iccid(i))->customer = "C"; });
    }
  }
};

}  // namespace

// Proves that a day's run erases what is due, as nobody's call, and that there is one a day, over
// all instances.
BOOST_FIXTURE_TEST_CASE(once_a_day, Daily) {
  BOOST_TEST(run(job) == 2);
  BOOST_TEST(log.count("retention: what 2 suspended cards had stored is erased") == 1u);
  vault::HistoryQuery query;
  query.record = read(iccid(1))->id;
  BOOST_TEST(store->history(query)->back().note.actor == "vault");
  BOOST_TEST(images(iccid(2)).size() == 1u);
  pass(23 * base::kHourMs);
  BOOST_TEST(run(job) == 0);
  BOOST_TEST(run(other) == 0);
  BOOST_TEST(runs() == 1);
  pass(base::kHourMs);
  BOOST_TEST(run(other) == 1, "the second is due");
  BOOST_TEST(run(job) == 0);
  BOOST_TEST(runs() == 2);
  BOOST_TEST(log.count("retention: ") == 2u);
  pass(base::kDayMs);
  BOOST_TEST(run(job) == 0);
  BOOST_TEST(runs() == 3);
  BOOST_TEST(log.count("retention: ") == 2u, "no line for a day without anything to erase");
  const auto faults = vault::verify_audit(*store, keys());
  BOOST_TEST((faults.ok() && faults->empty()));
}

// Proves that the hour is waited for, that a day without a run is made up for, and that -1 is off.
BOOST_FIXTURE_TEST_CASE(from_its_hour_on, Daily) {
  policy.retention_hour = -1;
  BOOST_TEST(run(job) == 0);
  policy.retention_hour = static_cast<int>(now.utc_ms / base::kHourMs % 24);
  commit([&](RecordTx& tx) {
    vault::JobRow& row = tx.messages().job(vault::RetentionJob::kJob);
    row.ran_at = now.utc_ms - now.utc_ms % base::kHourMs;  // today's
  });
  BOOST_TEST(run(job) == 0);
  BOOST_TEST(runs() == 0);
  pass(3 * base::kDayMs);  // nobody ran
  BOOST_TEST(run(job) == 3);
  BOOST_TEST(runs() == 1);
}

// Proves that the run belongs to one instance while that works, and goes on where it was when it
// is gone.
BOOST_FIXTURE_TEST_CASE(taken_over, Daily) {
  more_are_due();
  const auto elsewhere = open();
  BOOST_TEST(job.step(*store, policy, now), "a portion, and there may be more");
  const std::int64_t first = erased();
  BOOST_TEST((first > 0 && first < 2 + kMore));
  BOOST_TEST(run(other, *elsewhere) == 0);
  BOOST_TEST(runs() == 0, "not its run");
  pass(vault::RetentionJob::kLease + 10 * base::kMinuteMs);
  BOOST_TEST(run(other, *elsewhere) == 2 + kMore - first);
  BOOST_TEST(runs() == 1);
  BOOST_TEST(run(job) == 0);
  BOOST_TEST(runs() == 1);
}

// Proves that nobody is passed over when the date is set back in the middle of a run, or another
// instance, whose clock is behind, goes on with it.
BOOST_FIXTURE_TEST_CASE(date_set_back, Daily) {
  more_are_due();
  BOOST_TEST(job.step(*store, policy, now), "a portion, and there may be more");
  const std::int64_t first = erased();
  BOOST_TEST((first > 0 && first < 2 + kMore));
  now.utc_ms -= base::kMinuteMs;
  BOOST_TEST(run(job) == 0, "their time is not over by this date");
  now.utc_ms += base::kMinuteMs;
  pass(base::kDayMs);
  BOOST_TEST(run(job) == 2 + kMore - first + 1, "all of them, and the second");
}

// Proves that a run under a date that was years ahead is not taken for each day's until that date,
// nor one that was left in its middle for somebody's.
BOOST_FIXTURE_TEST_CASE(date_was_ahead, Daily) {
  constexpr std::int64_t kTenYears = 3650 * base::kDayMs;
  now.utc_ms += kTenYears;
  BOOST_TEST(run(job) == 3);
  now.utc_ms -= kTenYears;
  pass(2 * base::kDayMs);
  more_are_due();
  BOOST_TEST(run(other) == kMore);
  BOOST_TEST(runs() == 2);
}

BOOST_FIXTURE_TEST_CASE(date_was_ahead_in_the_middle, Daily) {
  constexpr std::int64_t kTenYears = 3650 * base::kDayMs;
  more_are_due();
  now.utc_ms += kTenYears;
  BOOST_TEST(job.step(*store, policy, now), "a portion, and there may be more");
  const std::int64_t first = erased();
  now.utc_ms -= kTenYears;
  BOOST_TEST(run(other) == 2 + kMore - first);
  BOOST_TEST(runs() == 1);
}

// Proves that a store that is away ends nothing and loses nothing.
BOOST_FIXTURE_TEST_CASE(store_away, Daily) {
  raw("INSERT INTO schema_version (version, installed_at) VALUES (9999, 1)");
  const auto fresh = db::make_store_factory(database.settings(), keys(), log, counters).take();
  const auto away = fresh->open();
  BOOST_TEST(!job.step(*away, policy, now));
  raw("DELETE FROM schema_version WHERE version = 9999");
  pass(10 * base::kMinuteMs);
  BOOST_TEST(run(job) == 2);
}

BOOST_AUTO_TEST_SUITE_END()
