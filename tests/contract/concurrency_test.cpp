// Many writers: no update is lost, no claim succeeds twice, whoever comes second sees what the
// first one did.
#include <atomic>
#include <filesystem>
#include <thread>

#include "tests/contract/fixture.h"

using namespace contract;
using vault::Outcome;
using vault::Record;
using vault::RecordTx;

namespace {

void in_threads(int count, const std::function<void(int)>& body) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back([&body, i] { body(i); });
  for (std::thread& thread : threads) thread.join();
}

constexpr int kThreads = 8;

}  // namespace

BOOST_FIXTURE_TEST_SUITE(concurrency, Fixture)

// Another store commits between this one's read and its write: the function is called again and
// sees the other's change; both changes are there.
BOOST_AUTO_TEST_CASE(called_again_after_a_conflict) {
  create(iccid(1));
  const auto other = open();
  int calls = 0;
  commit([&](RecordTx& tx) {
    Record& record = *tx.find(iccid(1));
    BOOST_TEST(record.foreign_wrong == calls);
    if (++calls == 1) {
      const Outcome outcome = other->update(now, [&](RecordTx& theirs) {
        ++theirs.find(iccid(1))->foreign_wrong;
        return true;
      });
      BOOST_REQUIRE(outcome == Outcome::committed);
    }
    ++record.wrong_keys;
  });
  BOOST_TEST(calls == 2);
  BOOST_TEST(read(iccid(1))->wrong_keys == 1);
  BOOST_TEST(read(iccid(1))->foreign_wrong == 1);
  BOOST_TEST(counters.get("db.conflicts") == 1);
}

// What hangs on a record is guarded by it: an image, a counter, a move, a part that another
// store wrote meanwhile makes the function run again.
BOOST_AUTO_TEST_CASE(what_hangs_on_a_record_is_guarded) {
  const Record record = create(iccid(1));
  const auto content = random_content(10);
  const std::function<void(RecordTx&, Record&)> changes[] = {
      [&](RecordTx& tx, Record& r) { tx.add_image(r, image_of(r, content, 1), content); },
      [&](RecordTx& tx, Record&) { tx.raise_counter(iccid(1), 1, tx.counter(iccid(1), 1) + 1); },
      [&](RecordTx& tx, Record& r) {
        tx.add_move({0, r.id, r.iccid, iccid(2), 1});
      },
      [&](RecordTx& tx, Record& r) { tx.append_staged(r, 0, content); },
      [&](RecordTx& tx, Record& r) {
        tx.note(r, {"x", "test", ""});
      },
  };
  const auto other = open();
  for (const auto& change : changes) {
    int calls = 0;
    commit([&](RecordTx& tx) {
      Record& own = *tx.find(iccid(1));
      if (++calls == 1) {
        BOOST_REQUIRE(other->update(now, [&](RecordTx& theirs) {
          change(theirs, *theirs.find(iccid(1)));
          return true;
        }) == Outcome::committed);
      }
      change(tx, own);
    });
    BOOST_TEST(calls == 2);
  }
  BOOST_TEST(counter(iccid(1), 1) == 2u);
  BOOST_TEST(images(iccid(1)).size() == 2u);
}

// Eight threads raise one record's count: the sum is exact, each commit counted once.
BOOST_AUTO_TEST_CASE(increments_sum_up) {
  create(iccid(1));
  constexpr int kEach = 40;
  std::atomic<int> committed{0};
  in_threads(kThreads, [&](int) {
    const auto own = open();
    for (int i = 0; i < kEach; ++i) {
      const Outcome outcome = own->update(now, [&](RecordTx& tx) {
        ++tx.find(iccid(1))->epoch;
        return true;
      });
      if (outcome == Outcome::committed) ++committed;
    }
  });
  BOOST_TEST(committed == kThreads * kEach);
  BOOST_TEST(read(iccid(1))->epoch == static_cast<std::uint32_t>(kThreads * kEach));
  BOOST_TEST(read(iccid(1))->version == static_cast<std::uint64_t>(kThreads * kEach) + 1);
}

// A hundred guesses from eight threads: three are evaluated, not one more.
BOOST_AUTO_TEST_CASE(three_guesses_of_a_hundred) {
  create(iccid(1));
  std::atomic<int> evaluated{0};
  in_threads(kThreads, [&](int) {
    const auto own = open();
    for (int i = 0; i < 13; ++i) {
      const Outcome outcome = own->update(now, [&](RecordTx& tx) {
        Record& record = *tx.find(iccid(1));
        if (record.wrong_keys >= 3) return false;
        ++record.wrong_keys;
        return true;
      });
      if (outcome == Outcome::committed) ++evaluated;
    }
  });
  BOOST_TEST(evaluated == 3);
  BOOST_TEST(read(iccid(1))->wrong_keys == 3);
}

// One number of the replay counter is accepted once, also for a card without a record.
BOOST_AUTO_TEST_CASE(a_counter_works_once) {
  create(iccid(1));
  for (const unsigned card : {1u, 2u}) {
    for (vault::Counter value = 1; value <= 10; ++value) {
      std::atomic<int> accepted{0};
      in_threads(kThreads, [&](int) {
        const auto own = open();
        const Outcome outcome = own->update(now, [&](RecordTx& tx) {
          tx.find(iccid(card));
          if (tx.counter(iccid(card), 1) >= value) return false;
          tx.raise_counter(iccid(card), 1, value);
          return true;
        });
        if (outcome == Outcome::committed) ++accepted;
      });
      BOOST_TEST(accepted == 1);
      BOOST_TEST(counter(iccid(card), 1) == value);
    }
  }
}

// Eight stores create the same card's record at once: one does, the others find it.
BOOST_AUTO_TEST_CASE(created_once) {
  for (unsigned card = 1; card <= 10; ++card) {
    std::atomic<int> created{0};
    std::atomic<int> settled{0};
    in_threads(kThreads, [&](int) {
      bool is_new = false;
      const Outcome outcome = open()->update(now, [&](RecordTx& tx) {
        is_new = tx.find(iccid(card)) == nullptr;
        if (is_new) tx.note(tx.create(iccid(card)), {"created", "card", ""});
        return true;
      });
      if (outcome == Outcome::committed && is_new) ++created;
      if (outcome == Outcome::committed || outcome == Outcome::unchanged) ++settled;
    });
    BOOST_TEST(created == 1);
    BOOST_TEST(settled == kThreads);
    BOOST_TEST(read(iccid(card))->history_count == 1u);
  }
}

// Updates of two records in opposite order end, all of them, and none is lost.
BOOST_AUTO_TEST_CASE(two_records_crosswise) {
  create(iccid(1));
  create(iccid(2));
  std::atomic<int> committed{0};
  in_threads(kThreads, [&](int thread) {
    const auto own = open();
    const unsigned first = thread % 2 == 0 ? 1 : 2;
    for (int i = 0; i < 15; ++i) {
      const Outcome outcome = own->update(now, [&](RecordTx& tx) {
        ++tx.find(iccid(first))->epoch;
        ++tx.find(iccid(3 - first))->epoch;
        tx.note(*tx.find(iccid(3 - first)), {"both", "test", ""});
        return true;
      });
      if (outcome == Outcome::committed) ++committed;
    }
  });
  BOOST_TEST(committed == kThreads * 15);
  BOOST_TEST(read(iccid(1))->epoch == read(iccid(2))->epoch);
  BOOST_TEST(read(iccid(1))->epoch == static_cast<std::uint32_t>(kThreads * 15));
  const auto faults = vault::verify_audit(*store, keys());
  BOOST_REQUIRE(faults.ok());
  BOOST_TEST(faults->empty());
}

// A record that another store removes or renames meanwhile is not written back.
BOOST_AUTO_TEST_CASE(removed_and_renamed_meanwhile) {
  const auto other = open();
  for (const bool rename : {false, true}) {
    const unsigned card = rename ? 2 : 1;
    create(iccid(card));
    int calls = 0;
    const Outcome outcome = update([&](RecordTx& tx) {
      Record* const record = tx.find(iccid(card));
      if (++calls == 1) {
        other->update(now, [&](RecordTx& theirs) {
          Record& same = *theirs.find(iccid(card));
          if (rename) {
            same.iccid = iccid(99);
          } else {
            theirs.remove(same);
          }
          return true;
        });
      }
      if (record == nullptr) return false;
      ++record->epoch;
      return true;
    });
    BOOST_TEST((outcome == Outcome::refused));
    BOOST_TEST(calls == 2);
    BOOST_TEST(!read(iccid(card)).has_value());
  }
  BOOST_TEST(read(iccid(99))->epoch == 0u);
}

// Stores of many cards at once, small and large, all committed and all readable: whoever shares a
// commit with others loses nothing by it.
BOOST_AUTO_TEST_CASE(many_cards_at_once) {
  constexpr int kEach = 12;
  std::atomic<int> good{0};
  in_threads(kThreads, [&](int thread) {
    const auto own = open();
    for (int i = 0; i < kEach; ++i) {
      const vault::Iccid card = iccid(static_cast<unsigned>(1000 + thread * 100 + i));
      const auto content = random_content(i % 4 == 0 ? 100'000 : 500);
      vault::ImageInfo info;
      vault::RecordId id{};
      const Outcome outcome = own->update(now, [&](RecordTx& tx) {
        Record& record = tx.create(card);
        id = record.id;
        info = image_of(record, content, 1);
        tx.add_image(record, info, content);
        record.image = info;
        tx.note(record, {"stored", "card", ""});
        return true;
      });
      const auto read_back = own->image(id, info);
      if (outcome == Outcome::committed && read_back.ok() && *read_back == content) ++good;
    }
  });
  BOOST_TEST(good == kThreads * kEach);
}

// Many read at the same moment, the same cards and others, some of which nobody has: each gets the
// record that it asked for, as it was committed before.
BOOST_AUTO_TEST_CASE(many_reads_at_once) {
  constexpr unsigned kCards = 20;
  constexpr int kEach = 300;
  for (unsigned card = 0; card < kCards; ++card) create(iccid(card));
  std::atomic<int> wrong{0};
  std::atomic<std::uint32_t> epochs[kCards] = {};
  in_threads(kThreads, [&](int thread) {
    const auto own = open();
    for (int i = 0; i < kEach; ++i) {
      const auto card = static_cast<unsigned>(i * 7 + thread * thread) % (kCards + 3);
      const bool there = card < kCards;
      const std::uint32_t before = there ? epochs[card].load() : 0;
      std::uint32_t seen = 0;
      bool right = false;
      const Outcome outcome = own->update(now, [&](RecordTx& tx) {
        Record* const record = tx.find(iccid(card));
        right = (record != nullptr) == there && (!there || record->iccid == iccid(card));
        if (record == nullptr) return false;
        seen = ++record->epoch;
        return i % 3 == 0;
      });
      const bool written = there && i % 3 == 0;
      if (!right || outcome != (written ? Outcome::committed : Outcome::refused)) ++wrong;
      if (!there) continue;
      if (seen <= before) ++wrong;  // older than what was committed when this one began
      std::uint32_t known = epochs[card].load();
      while (written && known < seen && !epochs[card].compare_exchange_weak(known, seen)) {
      }
    }
  });
  BOOST_TEST(wrong == 0);
}

// SQLite's log begins anew while stores go on without a pause: it holds little more than what makes
// a checkpoint due (16 MiB), however much goes through it (more than 100 MB here).
BOOST_FIXTURE_TEST_CASE(the_log_begins_anew, FreshFixture,
                        *kOnlySqlite) {
  constexpr unsigned kWriters = 4;
  constexpr int kStores = 1000;
  for (unsigned i = 0; i < kWriters; ++i) create(iccid(i));
  std::atomic<int> committed = 0;
  in_threads(kWriters, [&](int i) {
    const auto own = open();
    const base::Bytes content = random_content(16 * 1024);
    for (int at = 1; at <= kStores; ++at) {
      const Outcome outcome = own->update(now, [&](RecordTx& tx) {
        Record& record = *tx.find(iccid(static_cast<unsigned>(i)));
        for (const auto& image : tx.images(record)) tx.drop_image(image.id);
        tx.add_image(record, image_of(record, content, at), content);
        return true;
      });
      committed += outcome == Outcome::committed;
    }
  });
  BOOST_TEST(committed.load() == int{kWriters} * kStores);
  BOOST_TEST(std::filesystem::file_size(database.settings().path + "-wal") < 55'000'000u);
  BOOST_TEST(ask("PRAGMA integrity_check") == "ok");
}

BOOST_AUTO_TEST_SUITE_END()
