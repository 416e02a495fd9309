// What a store does when the embedded database is full, busy or killed: the outcome is true, and
// all is well afterwards without a restart.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "db/sqlite_store.h"
#include "tests/contract/fixture.h"

using namespace contract;
using vault::Outcome;
using vault::Record;
using vault::RecordTx;

namespace {

struct SqliteFixture : Fixture {
  db::CommitQueue& queue() { return static_cast<db::SqliteStoreFactory&>(*factory).queue(); }
  // As if the disk had room for so many pages more; negative: no limit.
  void leave_room(int pages) {
    queue().with_writer([&](db::SqliteConnection& writer) {
      std::int64_t count = 0;
      writer.query("PRAGMA page_count", {}, [&](const db::Row& row) { count = row.number(0); });
      writer.run("PRAGMA max_page_count = " +
                 std::to_string(pages < 0 ? 1'000'000'000 : count + pages));
    });
  }
  Outcome put(vault::Store& by, const vault::Iccid& card, std::size_t size) {
    const auto content = random_content(size);
    return by.update(now, [&](RecordTx& tx) {
      Record& record = *tx.find(card);
      tx.add_image(record, image_of(record, content, 1), content);
      tx.note(record, {"stored", "card", ""});
      return true;
    });
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(faults_sqlite, SqliteFixture, *kOnlySqlite)

// A full database: `unavailable`, nothing half written, one line in the log however many tries;
// reading goes on; with room again the same store works, and says so once.
BOOST_AUTO_TEST_CASE(full) {
  create(iccid(1));
  leave_room(0);
  for (int i = 0; i < 10; ++i) {
    BOOST_TEST((put(*store, iccid(1), 50'000) == Outcome::unavailable));
    BOOST_TEST(read(iccid(1))->history_count == 1u);
  }
  BOOST_TEST(log.count("store unavailable") == 1u);
  BOOST_TEST(log.all().size() == 1u);
  BOOST_TEST(counters.get("db.unavailable") == 10);
  BOOST_TEST(images(iccid(1)).empty());
  leave_room(-1);
  BOOST_TEST((put(*store, iccid(1), 50'000) == Outcome::committed));
  BOOST_TEST(images(iccid(1)).size() == 1u);
  BOOST_TEST(log.count("available again") == 1u);
  BOOST_TEST(vault::verify_audit(*store, keys())->empty());
}

// One that does not fit takes no other with it, though they share a commit.
BOOST_AUTO_TEST_CASE(full_for_one_only) {
  constexpr int kSmall = 7;
  for (unsigned i = 0; i <= kSmall; ++i) create(iccid(i));
  leave_room(100);
  std::atomic<int> small{0};
  std::atomic<int> large{0};
  std::vector<std::thread> threads;
  for (unsigned i = 0; i <= kSmall; ++i) {
    threads.emplace_back([&, i] {
      const auto own = open();
      for (int n = 0; n < 20; ++n) {
        if (i == 0) {
          large += put(*own, iccid(0), 1'000'000) == Outcome::committed ? 1 : 0;
        } else {
          small += own->update(now,
                               [&](RecordTx& tx) {
                                 ++tx.find(iccid(i))->epoch;
                                 return true;
                               }) == Outcome::committed
                       ? 1
                       : 0;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  BOOST_TEST(large == 0);
  BOOST_TEST(small == kSmall * 20);
  for (unsigned i = 1; i <= kSmall; ++i) BOOST_TEST(read(iccid(i))->epoch == 20u);
}

// Another process writes for a moment: the update waits and is committed. For too long:
// `unavailable` within the time-out, and well afterwards.
BOOST_AUTO_TEST_CASE(another_process_writes) {
  create(iccid(1));
  db::Settings settings = database.settings();
  settings.query_timeout_ms = 200;
  const auto impatient = db::make_store_factory(settings, keys(), log, counters).take();
  const auto hasty = impatient->open();
  const auto bump = [&](vault::Store& by) {
    return by.update(now, [&](RecordTx& tx) {
      ++tx.find(iccid(1))->epoch;
      return true;
    });
  };
  BOOST_TEST((bump(*hasty) == Outcome::committed));
  const auto other = connect(database.settings());
  other->begin();
  other->run("UPDATE records SET foreign_wrong = 1, version = version + 1");
  BOOST_TEST((bump(*hasty) == Outcome::unavailable));
  Outcome patient = Outcome::unavailable;
  std::thread thread([&] { patient = bump(*store); });
  other->commit();
  thread.join();
  BOOST_TEST((patient == Outcome::committed));
  BOOST_TEST((bump(*hasty) == Outcome::committed));
  BOOST_TEST(read(iccid(1))->epoch == 3u);
  BOOST_TEST(read(iccid(1))->foreign_wrong == 1);
}

// A writer outside blocks sixteen stores: each is told within the time-out, not one after the
// other, and all is well afterwards.
BOOST_AUTO_TEST_CASE(a_busy_writer_costs_each_one_time_out) {
  constexpr unsigned kStores = 16;
  for (unsigned i = 0; i < kStores; ++i) create(iccid(100 + i));
  db::Settings settings = database.settings();
  settings.query_timeout_ms = 500;
  const auto impatient = db::make_store_factory(settings, keys(), log, counters).take();
  const auto bump_all = [&](Outcome expected) {
    std::atomic<unsigned> as_expected{0};
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < kStores; ++i) {
      threads.emplace_back([&, i] {
        const auto own = impatient->open();
        as_expected += own->update(now,
                                   [&](RecordTx& tx) {
                                     ++tx.find(iccid(100 + i))->epoch;
                                     return true;
                                   }) == expected
                           ? 1u
                           : 0u;
      });
    }
    for (std::thread& thread : threads) thread.join();
    return as_expected.load();
  };
  BOOST_TEST(bump_all(Outcome::committed) == kStores);
  const auto other = connect(database.settings());
  other->begin();
  const auto begin = std::chrono::steady_clock::now();
  BOOST_TEST(bump_all(Outcome::unavailable) == kStores);
  BOOST_TEST((std::chrono::steady_clock::now() - begin < std::chrono::milliseconds(3000)));
  other->rollback();
  BOOST_TEST(bump_all(Outcome::committed) == kStores);
  for (unsigned i = 0; i < kStores; ++i) BOOST_TEST(read(iccid(100 + i))->epoch == 2u);
}

// A process that is killed while it writes: what it had been told is committed is there, the
// database opens, and every chain is whole.
BOOST_AUTO_TEST_CASE(killed_while_writing) {
  create(iccid(1));
  store.reset();
  factory.reset();
  int ends[2];
  BOOST_REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto own_factory =
        db::make_store_factory(database.settings(), keys(), log, counters).take();
    const auto own = own_factory->open();
    for (char told = 1;; told = 1) {
      const Outcome outcome = own->update(now, [&](RecordTx& tx) {
        Record& record = *tx.find(iccid(1));
        ++record.epoch;
        tx.note(record, {"bumped", "test", ""});
        return true;
      });
      if (outcome != Outcome::committed || ::write(ends[1], &told, 1) != 1) ::_exit(1);
    }
  }
  ::close(ends[1]);
  std::uint32_t told = 0;
  char octet = 0;
  while (told < 50 && ::read(ends[0], &octet, 1) == 1) ++told;
  ::kill(child, SIGKILL);
  while (::read(ends[0], &octet, 1) == 1) ++told;
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  BOOST_TEST(told >= 50u);
  factory = db::make_store_factory(database.settings(), keys(), log, counters).take();
  store = factory->open();
  const Record record = *read(iccid(1));
  BOOST_TEST(record.epoch >= told);
  BOOST_TEST(record.epoch <= told + 1);
  BOOST_TEST(record.history_count == record.epoch + 1);
  BOOST_TEST(vault::verify_audit(*store, keys())->empty());
}

// The file is missing when the store is first used and is there later: no restart.
BOOST_AUTO_TEST_CASE(file_comes_later) {
  db::Settings settings = database.settings();
  settings.path += ".later";
  const auto later = db::make_store_factory(settings, keys(), log, counters).take();
  const auto own = later->open();
  BOOST_TEST(!own->check().ok());
  BOOST_TEST(::access(settings.path.c_str(), F_OK) != 0);
  BOOST_REQUIRE(db::schema_init(settings).ok());
  BOOST_TEST(own->check().ok());
  for (const char* end : {"", "-wal", "-shm"}) ::unlink((settings.path + end).c_str());
}

BOOST_AUTO_TEST_SUITE_END()

// An image or a part whose octets, key or place was changed in the database is refused; a part
// counts as never received.
BOOST_FIXTURE_TEST_CASE(tampered_content, Fixture) {
  const auto connection = connect(database.settings());
  const auto content = random_content(1000);
  const char* const changes[] = {
      "UPDATE images SET sealed = ?",
      "UPDATE data_keys SET wrapped = ?",
      "UPDATE data_keys SET master = 2 WHERE wrapped <> ?",
      "DELETE FROM data_keys WHERE wrapped <> ?",
  };
  unsigned card = 10;
  for (const char* change : changes) {
    const Record record = create(iccid(++card));
    const auto info = image_of(record, content, 1);
    commit([&](RecordTx& tx) { tx.add_image(*tx.find(iccid(card)), info, content); });
    BOOST_TEST(store->image(record.id, info).ok());
    const auto rubbish = random_content(60);
    connection->execute(change, {base::View(rubbish)});
    BOOST_TEST(!store->image(record.id, info).ok());
  }
  const Record one = create(iccid(1));
  const Record two = create(iccid(2));
  for (const auto& owner : {iccid(1), iccid(2)}) {
    commit([&](RecordTx& tx) { tx.append_staged(*tx.find(owner), 0, content); });
  }
  connection->execute("DELETE FROM staged WHERE record_id = ?", {base::View(one.id)});
  connection->execute("UPDATE staged SET record_id = ? WHERE record_id = ?",
                      {base::View(one.id), base::View(two.id)});
  update([&](RecordTx& tx) {
    BOOST_TEST(tx.staged(*tx.find(iccid(1))).empty());
    return false;
  });
}
