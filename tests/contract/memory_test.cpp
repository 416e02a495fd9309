// Records with an upload under way are remembered between two updates of one factory. What another
// instance has changed meanwhile is never overlooked, and no answer rests on memory alone.
#include <atomic>
#include <barrier>
#include <thread>

#include "tests/contract/fixture.h"

using namespace contract;
using vault::Outcome;
using vault::Record;
using vault::RecordTx;

namespace {

// Two instances on one database; the first one remembers iccid(1) with counter 5.
struct TwoInstances : Fixture {
  TwoInstances() {
    other_factory = db::make_store_factory(database.settings(), keys(), log, counters).take();
    other = other_factory->open();
    create(iccid(1));
    commit([](RecordTx& tx) { tx.raise_counter(iccid(1), 1, 5); });
    commit([](RecordTx& tx) {
      tx.find(iccid(1))->upload = vault::Upload{};
      tx.raise_counter(iccid(1), 1, 6);
    });
  }
  void other_commits(const std::function<void(RecordTx&)>& f) {
    BOOST_REQUIRE((other->update(now, [&](RecordTx& tx) {
      f(tx);
      return true;
    }) == Outcome::committed));
  }

  std::unique_ptr<vault::StoreFactory> other_factory;
  std::unique_ptr<vault::Store> other;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(memory, TwoInstances)

// Nothing has happened meanwhile: the function runs once and its commit counts.
BOOST_AUTO_TEST_CASE(right) {
  int calls = 0;
  commit([&](RecordTx& tx) {
    ++calls;
    BOOST_TEST(tx.counter(iccid(1), 1) == 6u);
    Record& record = *tx.find(iccid(1));
    BOOST_TEST(record.upload.has_value());
    record.upload.reset();
    ++record.epoch;
    tx.raise_counter(iccid(1), 1, 7);
    tx.note(record, {"stored", "test", ""});
  });
  BOOST_TEST(calls == 1);
  BOOST_TEST(counter(iccid(1), 1) == 7u);
  const Record record = *read(iccid(1));
  BOOST_TEST(record.epoch == 1u);
  BOOST_TEST(!record.upload.has_value());
  BOOST_TEST(record.history_count == 2u);
}

// Another instance has locked the record: the update is computed anew from what is there.
BOOST_AUTO_TEST_CASE(record_changed_elsewhere) {
  other_commits([](RecordTx& tx) { tx.find(iccid(1))->wrong_keys = 3; });
  int calls = 0;
  commit([&](RecordTx& tx) {
    ++calls;
    Record& record = *tx.find(iccid(1));
    record.epoch = static_cast<std::uint32_t>(record.wrong_keys);
  });
  BOOST_TEST(calls == 2);
  const Record record = *read(iccid(1));
  BOOST_TEST(record.epoch == 3u);
  BOOST_TEST(record.wrong_keys == 3);
}

// Another instance has used a higher counter.
BOOST_AUTO_TEST_CASE(counter_changed_elsewhere) {
  other_commits([](RecordTx& tx) { tx.raise_counter(iccid(1), 1, 100); });
  vault::Counter seen = 0;
  BOOST_TEST((update([&](RecordTx& tx) {
                seen = tx.counter(iccid(1), 1);
                if (seen >= 7) return false;  // a replay
                ++tx.find(iccid(1))->epoch;
                tx.raise_counter(iccid(1), 1, 7);
                return true;
              }) == Outcome::refused));
  BOOST_TEST(seen == 100u);
  BOOST_TEST(read(iccid(1))->epoch == 0u);
  BOOST_TEST(counter(iccid(1), 1) == 100u);
}

// An answer without a commit is made from the row, not from memory.
BOOST_AUTO_TEST_CASE(answers_are_read) {
  other_commits([](RecordTx& tx) { tx.find(iccid(1))->wrong_keys = 2; });
  int seen = 0;
  for (const bool wanted : {true, false}) {
    const Outcome outcome = update([&](RecordTx& tx) {
      seen = tx.find(iccid(1))->wrong_keys;
      return wanted;
    });
    BOOST_TEST((outcome == (wanted ? Outcome::unchanged : Outcome::refused)));
    BOOST_TEST(seen == 2);
  }
}

// The record has gone, or has another number.
BOOST_AUTO_TEST_CASE(record_gone_elsewhere) {
  other_commits([](RecordTx& tx) { tx.remove(*tx.find(iccid(1))); });
  bool there = true;
  BOOST_TEST((update([&](RecordTx& tx) {
                Record* const record = tx.find(iccid(1));
                there = record != nullptr;
                if (there) ++record->epoch;
                return there;
              }) == Outcome::refused));
  BOOST_TEST(!there);
}

// Many stores commit at the same moment, every second one an update that must be refused by the
// database because it was overtaken: nobody's failure undoes another's success.
BOOST_AUTO_TEST_CASE(committed_together) {
  constexpr unsigned kThreads = 8;
  constexpr std::uint32_t kRounds = 40;
  for (unsigned i = 0; i < kThreads; ++i) create(iccid(100 + i));
  std::barrier together(kThreads);
  std::atomic<int> overtaken{0};
  std::atomic<int> failed{0};
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      const auto own = open();
      const auto second = other_factory->open();
      const auto add = [&](bool overtake) {
        int calls = 0;
        const Outcome outcome = own->update(now, [&](RecordTx& tx) {
          Record& record = *tx.find(iccid(100 + i));
          ++record.epoch;
          tx.raise_counter(iccid(100 + i), 1, record.epoch);
          tx.note(record, {"bumped", "test", ""});
          if (overtake && calls++ == 0) {
            const Outcome faster = second->update(now, [&](RecordTx& inner) {
              ++inner.find(iccid(100 + i))->epoch;
              return true;
            });
            if (faster != Outcome::committed) ++failed;
          }
          return true;
        });
        if (outcome != Outcome::committed) ++failed;
        if (calls > 1) ++overtaken;
      };
      for (std::uint32_t round = 0; round < kRounds; ++round) {
        together.arrive_and_wait();
        add(i % 2 == 0);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  BOOST_TEST(failed == 0);
  BOOST_TEST(overtaken > 0);
  for (unsigned i = 0; i < kThreads; ++i) {
    const std::uint32_t each = i % 2 == 0 ? 2 * kRounds : kRounds;
    BOOST_TEST(read(iccid(100 + i))->epoch == each);
    BOOST_TEST(counter(iccid(100 + i), 1) == each);
    BOOST_TEST(read(iccid(100 + i))->history_count == kRounds + 1);
  }
}

BOOST_AUTO_TEST_SUITE_END()
