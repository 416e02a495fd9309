// What was told to be committed outlasts a power failure, on the embedded store: syncs are apart
// from commits there, and one is for many.
#include <atomic>
#include <future>
#include <thread>

#include "db/sqlite_store.h"
#include "tests/contract/fixture.h"
#include "tests/support/power_failure.h"

using namespace contract;
using vault::Outcome;
using vault::Record;
using vault::RecordTx;

namespace {

struct Disk {
  support::PowerFailure disk;
};

struct PowerFixture : Disk, Fixture {
  // What STORE BEGIN with the right key writes.
  Outcome begin(vault::Store& by, const vault::Iccid& card, std::uint32_t transaction) {
    return by.update(now, [&](RecordTx& tx) {
      Record& record = *tx.find(card);
      record.upload = vault::Upload{transaction, 1000, {}, record.epoch, 0, now.utc_ms, {}};
      tx.raise_counter(card, 1, tx.counter(card, 1) + 1);
      return true;
    });
  }
  // What STORE END writes; `content` tells the images apart.
  Outcome end(vault::Store& by, const vault::Iccid& card, const base::Bytes& content) {
    return by.update(now, [&](RecordTx& tx) {
      Record& record = *tx.find(card);
      record.upload.reset();
      ++record.epoch;
      tx.raise_counter(card, 1, tx.counter(card, 1) + 1);
      for (const auto& image : tx.images(record)) tx.drop_image(image.id);
      const vault::ImageInfo info = image_of(record, content, now.utc_ms);
      tx.add_image(record, info, content);
      record.image = info;
      tx.note(record, {"stored", "card", ""});
      return true;
    });
  }
  // Looks at what a failure at this moment would leave; calls see(store) with a store on it.
  void fail_now(unsigned percent, const std::function<void(vault::Store&)>& see) {
    db::Settings left = database.settings();
    left.path += ".left";
    disk.leave(database.settings().path, left.path, percent);
    {
      const auto again = db::make_store_factory(left, keys(), log, counters).take();
      const auto opened = again->open();
      see(*opened);
      std::string whole;
      connect(left)->query("PRAGMA integrity_check", {},
                           [&](const db::Row& row) { whole = row.text(0); });
      BOOST_TEST(whole == "ok");
      BOOST_TEST(vault::verify_audit(*opened, keys())->empty());
    }
    for (const char* end : {"", "-wal", "-shm"}) std::remove((left.path + end).c_str());
  }
  static std::optional<Record> read_of(vault::Store& by, base::Now now, const vault::Iccid& card) {
    std::optional<Record> found;
    by.update(now, [&](RecordTx& tx) {
      if (const Record* record = tx.find(card)) found = *record;
      return false;
    });
    return found;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(power_failure, PowerFixture, *kOnlySqlite)

// Cards store at the same time; at many moments the power fails: each card has at least what it was
// last told of, whole, and no replay counter is lower than it was then.
BOOST_AUTO_TEST_CASE(what_was_told_is_there) {
  constexpr unsigned kCards = 6;
  struct Told {
    std::atomic<std::uint32_t> epoch = 0;
    std::atomic<std::uint64_t> counter = 0;
  } told[kCards];
  for (unsigned card = 0; card < kCards; ++card) create(iccid(card));
  std::atomic<bool> over = false;
  std::atomic<int> stores = 0;
  std::vector<std::thread> threads;
  for (unsigned card = 0; card < kCards; ++card) {
    threads.emplace_back([&, card] {
      const auto own = open();
      const base::Bytes content = random_content(3000);
      for (std::uint32_t i = 1; !over; ++i) {
        if (begin(*own, iccid(card), i) != Outcome::committed) continue;
        if (end(*own, iccid(card), content) != Outcome::committed) continue;
        told[card].counter = 2 * i;
        told[card].epoch = i;
        ++stores;
      }
    });
  }
  for (unsigned round = 0; round < 24; ++round) {
    const int before = stores;
    while (stores < before + 20) std::this_thread::yield();
    std::uint32_t epochs[kCards];
    std::uint64_t used[kCards];
    for (unsigned card = 0; card < kCards; ++card) {
      epochs[card] = told[card].epoch;
      used[card] = told[card].counter;
    }
    fail_now(round % 3 * 50, [&](vault::Store& left) {
      for (unsigned card = 0; card < kCards; ++card) {
        const auto record = read_of(left, now, iccid(card));
        BOOST_REQUIRE(record.has_value());
        BOOST_TEST(record->epoch >= epochs[card]);
        vault::Counter counter = 0;
        left.update(now, [&](RecordTx& tx) {
          counter = tx.counter(iccid(card), 1);
          return false;
        });
        BOOST_TEST(counter >= used[card]);
        BOOST_TEST((!record->image || left.image(record->id, *record->image).ok()));
      }
    });
  }
  over = true;
  for (std::thread& thread : threads) thread.join();
  BOOST_TEST(counters.get("db.unavailable") == 0);
}

// Whoever stores is told when the disk has it; whoever only begins does not wait for the disk, but
// everybody sees that it has begun.
BOOST_AUTO_TEST_CASE(only_what_must_last_waits) {
  create(iccid(1));
  create(iccid(2));
  disk.hold_syncs(database.settings().path);
  auto ends = std::async(std::launch::async, [&] {
    const auto own = open();
    return end(*own, iccid(1), random_content(100));
  });
  while (disk.held() == 0) std::this_thread::yield();
  BOOST_TEST((begin(*store, iccid(2), 7) == Outcome::committed));
  const auto other = open();
  BOOST_TEST(read_of(*other, now, iccid(2))->upload.has_value());
  BOOST_TEST(read_of(*other, now, iccid(1))->epoch == 1u);
  BOOST_TEST((ends.wait_for(std::chrono::seconds(0)) == std::future_status::timeout));
  fail_now(0, [&](vault::Store& left) {
    BOOST_TEST(!read_of(left, now, iccid(2))->upload.has_value());
    BOOST_TEST(read_of(left, now, iccid(1))->epoch == 0u);
  });
  disk.let_syncs_go();
  BOOST_TEST((ends.get() == Outcome::committed));
  fail_now(0, [&](vault::Store& left) {
    BOOST_TEST(read_of(left, now, iccid(2))->upload.has_value());
    BOOST_TEST(read_of(left, now, iccid(1))->epoch == 1u);
  });
}

// A wrong key, an issued key that becomes active, anything beside an upload or a fetch that was
// begun: waits for the disk.
BOOST_AUTO_TEST_CASE(the_rest_waits) {
  create(iccid(1));
  commit([](RecordTx& tx) { tx.raise_counter(iccid(1), 1, 1); });
  const auto content = random_content(10);
  const std::function<void(RecordTx&, Record&)> changes[] = {
      [](RecordTx&, Record& r) { ++r.wrong_keys; },
      [](RecordTx&, Record& r) { r.epoch += 1; },
      [](RecordTx&, Record& r) { r.locked_at = 5; },
      [](RecordTx& tx, Record& r) {
        tx.note(r, {"noted", "test", ""});
      },
      [](RecordTx& tx, Record&) { tx.raise_counter(iccid(1), 9, 1); },
      [&](RecordTx& tx, Record& r) { tx.append_staged(r, 0, content); },
      [&](RecordTx& tx, Record& r) { tx.add_image(r, image_of(r, content, 1), content); },
  };
  for (const auto& change : changes) {
    disk.hold_syncs(database.settings().path);
    auto done = std::async(std::launch::async, [&] {
      const auto own = open();
      return own->update(now, [&](RecordTx& tx) {
        Record& record = *tx.find(iccid(1));
        record.fetch = vault::FetchPermit{1, {}, record.epoch, now.utc_ms};
        change(tx, record);
        return true;
      });
    });
    while (disk.held() == 0 &&
           done.wait_for(std::chrono::seconds(0)) == std::future_status::timeout) {
      std::this_thread::yield();
    }
    BOOST_TEST(disk.held() == 1);
    disk.let_syncs_go();
    BOOST_TEST((done.get() == Outcome::committed));
  }
}

// A disk that cannot write the log: `unavailable` as long as that lasts, and what is committed
// afterwards does not hang on what was lost. Nor does an old log come back over newer pages.
BOOST_AUTO_TEST_CASE(sync_fails) {
  constexpr unsigned kCards = 300;  // so that they lie in different pages
  for (unsigned card = 1; card <= kCards; ++card) create(iccid(card));
  const auto empty_log = [&] {
    static_cast<db::SqliteStoreFactory&>(*factory).queue().with_writer(
        [](db::SqliteConnection& writer) { writer.empty_log(); });
  };
  empty_log();
  BOOST_TEST((end(*store, iccid(1), random_content(5000)) == Outcome::committed));
  disk.fail_syncs(true);
  for (int i = 0; i < 3; ++i) {
    BOOST_TEST((end(*store, iccid(2), random_content(5000)) == Outcome::unavailable));
  }
  BOOST_TEST(log.count("store unavailable") == 1u);
  disk.fail_syncs(false);
  empty_log();
  fail_now(0, [&](vault::Store& left) { BOOST_TEST(read_of(left, now, iccid(1))->epoch == 1u); });
  BOOST_TEST((end(*store, iccid(3), random_content(5000)) == Outcome::committed));
  BOOST_TEST((end(*store, iccid(1), random_content(5000)) == Outcome::committed));
  BOOST_TEST(log.count("available again") == 1u);
  for (const unsigned percent : {0u, 50u, 100u}) {
    fail_now(percent, [&](vault::Store& left) {
      BOOST_TEST(read_of(left, now, iccid(3))->epoch == 1u);
      BOOST_TEST(read_of(left, now, iccid(1))->epoch == 2u);
    });
  }
}

BOOST_AUTO_TEST_SUITE_END()
