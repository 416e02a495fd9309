// What the vault does unasked, on both engines: octets of uploads that were given up are dropped by
// age and by index; the sealed head finds what the chains alone cannot. And what care does beside
// records: entries of the vault's own, calls of one agent counted one after the other.
#include <atomic>
#include <thread>

#include "tests/contract/fixture.h"
#include "vault/care_service.h"
#include "vault/housekeeping.h"

using namespace contract;
using vault::HeadSum;
using vault::Record;
using vault::RecordTx;

namespace {

struct KeepingFixture : Fixture {
  // An upload with that many staged parts of ten octets, last touched now.
  Record upload(unsigned number, std::uint32_t parts) {
    create(iccid(number));
    for (std::uint32_t i = 0; i < parts; ++i) {
      commit([&](RecordTx& tx) {
        Record& record = *tx.find(iccid(number));
        record.upload.emplace();
        record.upload->total = 1000;
        record.upload->staged = 10 * (i + 1);
        record.upload->last_at = now.utc_ms;
        tx.append_staged(record, 10 * i, random_content(10));
      });
    }
    return *read(iccid(number));
  }
  void pass(std::int64_t ms) {
    now.mono_ms += ms;
    now.utc_ms += ms;
  }
  // Steps until nothing is left to do.
  void keep_house() {
    for (int steps = 1; housekeeping.step(*store, policy, now); ++steps) {
      BOOST_REQUIRE(steps < 1000);
    }
  }
  HeadSum sum_at(std::int64_t until) {
    vault::HeadSummer summer;
    for (;;) {
      const auto there = summer.advance(*store, until);
      BOOST_REQUIRE(there.ok());
      if (*there) return summer.sum();
    }
  }
  void note(unsigned number, const std::string& detail) {
    commit([&](RecordTx& tx) { tx.note(*tx.find(iccid(number)), {"shown", "test", detail}); });
  }

  vault::Policy policy;
  vault::Housekeeping housekeeping{keys(), log, counters};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(housekeeping, KeepingFixture)

// Only what is older than resume_window and an hour goes, parts and their keys, with an entry;
// an upload that was resumed stays whole although its first parts are old.
BOOST_AUTO_TEST_CASE(given_up_uploads_are_swept) {
  upload(1, 3);
  upload(2, 2);
  pass(policy.resume_window);
  upload(3, 1);
  commit([&](RecordTx& tx) {  // resumed
    Record& record = *tx.find(iccid(2));
    record.upload->last_at = now.utc_ms;
    tx.append_staged(record, 20, random_content(10));
  });
  keep_house();
  BOOST_TEST(ask("SELECT COUNT(*) FROM staged") == "7", "within the hour of grace");
  pass(base::kHourMs + 1);
  keep_house();
  BOOST_TEST(ask("SELECT COUNT(*) FROM staged") == "4");
  BOOST_TEST(ask("SELECT COUNT(*) FROM data_keys") == "4");
  BOOST_TEST(!read(iccid(1))->upload);
  BOOST_TEST(read(iccid(2))->upload.has_value());
  BOOST_TEST(counters.get("vault.uploads_swept") == 1);
  BOOST_TEST(log.count("vault.uploads_swept: 1 uploads given up") == 1u);
  const auto entries = store->history({read(iccid(1))->id, "vault", 0, INT64_MAX, 10});
  BOOST_REQUIRE(entries->size() == 1u);
  BOOST_TEST(entries->front().note.kind == "upload_expired");
  BOOST_TEST(entries->front().note.detail.starts_with("30 of 1000 octets, last 2025-"),
             entries->front().note.detail);
  std::uint64_t staged = 1;
  update([&](RecordTx& tx) {
    staged = tx.staged_bytes_all();
    return false;
  });
  BOOST_TEST(staged == 40u);
  BOOST_TEST(vault::verify_audit(*store, keys())->empty());
}

// More than a page: one step takes one page, and the next sweep begins ten minutes after the last.
BOOST_AUTO_TEST_CASE(sweeps_in_batches) {
  upload(1, 120);
  pass(1);
  for (unsigned i = 2; i < 60; ++i) upload(i, 2);
  pass(policy.resume_window + base::kHourMs + 1);
  BOOST_TEST(housekeeping.step(*store, policy, now));
  BOOST_TEST(ask("SELECT COUNT(*) FROM staged") == "116", "the first page names one record");
  keep_house();
  BOOST_TEST(ask("SELECT COUNT(*) FROM staged") == "0");
  BOOST_TEST(counters.get("vault.uploads_swept") == 59);
  upload(100, 1);
  pass(policy.resume_window + base::kHourMs + 1);
  now.mono_ms -= policy.resume_window + base::kHourMs;  // the wall clock alone has moved
  keep_house();
  BOOST_TEST(ask("SELECT COUNT(*) FROM staged") == "1");
  now.mono_ms += 10 * base::kMinuteMs;
  keep_house();
  BOOST_TEST(ask("SELECT COUNT(*) FROM staged") == "0");
}

BOOST_AUTO_TEST_CASE(found_by_index, *kOnlySqlite) {
  std::string plan;
  connect(database.settings())
      ->query(
          "EXPLAIN QUERY PLAN SELECT part_id, record_id FROM staged "
          "WHERE part_id > ? AND part_id < ? ORDER BY part_id LIMIT ?",
          {std::string_view("a"), std::string_view("b"), db::number(1)},
          [&](const db::Row& row) { plan += row.text(3) + ";"; });
  BOOST_TEST(plan == "SEARCH staged USING INDEX staged_part (part_id>? AND part_id<?);");
}

// A store that is away costs nothing but time.
BOOST_AUTO_TEST_CASE(nothing_happens_without_a_schema) {
  const Database empty;
  const auto none = db::make_store_factory(empty.settings(), keys(), log, counters).take();
  const auto other = none->open();
  BOOST_TEST(!housekeeping.step(*other, policy, now));
  BOOST_TEST(log.count("sealed") == 0u);
}

// The sum of a moment is the same whether it is made in one go or hour by hour, over chains of
// several pages, and whatever is written later.
BOOST_AUTO_TEST_CASE(a_sum_stays_true) {
  std::vector<vault::ImportLine> lines;
  for (unsigned i = 0; i < 2300; ++i) lines.push_back({iccid(100 + i), std::nullopt, "", ""});
  BOOST_REQUIRE(store->import(now, lines, "ops:test").ok());
  vault::HeadSummer hourly;
  std::vector<HeadSum> sums;
  for (int hour = 0; hour < 4; ++hour) {
    for (unsigned i = 0; i < 5; ++i) note(100 + i * 400, "hour " + std::to_string(hour));
    commit([](RecordTx& tx) { tx.note_own({"audited", "ops:test", "history"}); });
    pass(base::kHourMs);
    for (int pages = 0;; ++pages) {
      BOOST_REQUIRE(pages < 30);
      const auto there = hourly.advance(*store, now.utc_ms);
      BOOST_REQUIRE(there.ok());
      if (*there) break;
    }
    sums.push_back(hourly.sum());
  }
  BOOST_TEST(sums.back().entries == 2300u + 4 * 6);
  for (const HeadSum& sum : sums) BOOST_TEST((sum_at(sum.until) == sum), sum.until);
  // Of a chain whose clock went back, the entry that stands last counts.
  now.utc_ms -= 2 * base::kHourMs;
  note(100, "dated back");
  now.utc_ms += 2 * base::kHourMs;
  pass(base::kHourMs);
  BOOST_TEST((sum_at(sums.back().until) != sums.back()), "an entry of the past has come since");
}

// Once an hour, when the hour has settled; the line is found again in a log and cannot be forged.
BOOST_AUTO_TEST_CASE(sealed_hourly) {
  now.utc_ms -= now.utc_ms % base::kHourMs;
  create(iccid(1));
  pass(base::kHourMs + 14 * base::kMinuteMs);
  keep_house();
  keep_house();
  BOOST_TEST(log.count("sealed history head") == 1u);
  pass(2 * base::kMinuteMs);
  note(1, "later");
  keep_house();
  BOOST_REQUIRE(log.count("sealed history head") == 2u);
  const std::string line = log.all().back();
  BOOST_TEST(line.find(" entries 1 sum ") != std::string::npos, line);
  const auto sealed = vault::read_sealed(keys(), "2025-11-24T16:00:03Z info " + line + "\n");
  BOOST_REQUIRE(sealed.has_value());
  BOOST_TEST((*sealed == sum_at(sealed->until)));
  for (std::size_t i = line.find("head ") + 5; i < line.size(); ++i) {
    std::string forged = line;
    forged[i] = forged[i] == '1' ? '2' : '1';
    BOOST_TEST(!vault::read_sealed(keys(), forged), forged);
    BOOST_REQUIRE(!vault::read_sealed(keys(), line.substr(0, i)));
  }
}

// Newest entries removed together with the record's head: the chains are whole, the sum is not.
BOOST_AUTO_TEST_CASE(a_wound_back_record_is_found) {
  create(iccid(1));
  note(1, "first");
  note(1, "to be hidden");
  pass(1);
  const HeadSum sealed = sum_at(now.utc_ms);
  note(1, "after it");
  BOOST_TEST((sum_at(sealed.until) == sealed));
  raw("DELETE FROM history WHERE seq > 2");
  raw("UPDATE records SET history_count = 2, "
      "history_mac = (SELECT mac FROM history WHERE seq = 2)");
  BOOST_TEST(vault::verify_audit(*store, keys())->empty());
  const HeadSum found = sum_at(sealed.until);
  BOOST_TEST(found.entries == 2u);
  BOOST_TEST(sealed.entries == 3u);
  BOOST_TEST((found.sum != sealed.sum));
}

// Entries without a record: a chain of their own, with a head of its own.
BOOST_AUTO_TEST_CASE(own_history) {
  for (int i = 0; i < 3; ++i) {
    commit([&](RecordTx& tx) { tx.note_own({"audited", "ops:anna", "history"}); });
  }
  const auto entries = store->history({vault::kOwnHistory, "", 0, INT64_MAX, 10});
  BOOST_REQUIRE(entries->size() == 3u);
  BOOST_TEST(entries->back().seq == 3u);
  const auto faults = [&] { return vault::verify_audit(*store, keys()).take(); };
  BOOST_TEST(faults().empty());
  raw("DELETE FROM history WHERE seq = 3");
  BOOST_REQUIRE(faults().size() == 1u);
  BOOST_TEST(faults()[0].what == "entries cut off at the end");
  raw("DELETE FROM own_history");
  BOOST_REQUIRE(faults().size() == 1u);
  BOOST_TEST(faults()[0].what == "entries without a head");
}

// Many calls of one agent at once: exactly as many go through as he may make.
BOOST_AUTO_TEST_CASE(the_agents_limit_is_exact) {
  constexpr int kThreads = 6, kCalls = 5, kLimit = 10;
  policy.agent_daily_limit = kLimit;
  for (unsigned i = 0; i < kThreads; ++i) create(iccid(i));
  std::atomic<int> done{0}, refused{0}, other{0};
  {
    std::vector<std::jthread> threads;
    for (unsigned t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        const auto own = open();
        vault::CareService care(policy, keys(), *own, log);
        const vault::CareCall call{"anna", "a reason", "passport",
                                   base::Secret(base::as_bytes("X1234567"))};
        for (int i = 0; i < kCalls; ++i) {
          const auto result = care.show(call, iccid(t).digits(), now);
          const auto* failure = std::get_if<vault::CareFailure>(&result);
          ++(failure == nullptr                          ? done
             : failure->error == vault::CareError::limit ? refused
                                                         : other);
        }
      });
    }
  }
  BOOST_TEST(done == kLimit);
  BOOST_TEST(refused == kThreads * kCalls - kLimit);
  BOOST_TEST(other == 0);
}

// A request of customer care goes 30 days after its end, not before.
BOOST_AUTO_TEST_CASE(old_requests_are_forgotten) {
  for (int days : {1, 10}) {
    commit([&](RecordTx& tx) {
      tx.messages().add_care_request().expires_at = now.utc_ms + days * base::kDayMs;
    });
  }
  pass(31 * base::kDayMs);
  keep_house();
  BOOST_TEST(ask("SELECT COUNT(*) FROM care_requests") == "2");
  pass(base::kHourMs);
  keep_house();
  BOOST_TEST(ask("SELECT COUNT(*) FROM care_requests") == "1");
}

BOOST_AUTO_TEST_SUITE_END()
