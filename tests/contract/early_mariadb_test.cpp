// What need not outlast a failure is answered before its COMMIT on MariaDB as well: what is
// promised about it, seen while the server holds back every COMMIT.
#include <chrono>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "tests/contract/fixture.h"
#include "tests/support/mariadb.h"

using namespace contract;
using support::MariaDb;
using vault::Outcome;
using vault::Record;
using vault::RecordTx;

namespace {

// While it lives no transaction on the server is committed; statements are carried out.
class NoCommits {
 public:
  explicit NoCommits(const db::Settings& settings) : held_(connect(settings)) {
    for (const char* stage : {"START", "FLUSH", "BLOCK_DDL", "BLOCK_COMMIT"}) {
      held_->run(std::string("BACKUP STAGE ") + stage);
    }
  }
  ~NoCommits() { held_->run("BACKUP STAGE END"); }

 private:
  std::unique_ptr<db::SqlConnection> held_;
};

// Ids of the sessions that wait for their COMMIT.
const std::string kWaiting =
    " FROM information_schema.processlist WHERE state = 'Waiting for backup lock'";

bool committing(int sessions) {
  return MariaDb::running().ask("SELECT COUNT(*)" + kWaiting) == std::to_string(sessions);
}

template <class T>
bool waits(const std::future<T>& future) {
  return future.wait_for(std::chrono::seconds(0)) == std::future_status::timeout;
}

struct EarlyFixture : Fixture {
  EarlyFixture() {
    create(iccid(1));
    create(iccid(2));
    create(iccid(3));
    commit([](RecordTx& tx) { tx.raise_counter(iccid(1), 1, 1); });
  }
  Outcome begin(vault::Store& use) {
    return use.update(now, [&](RecordTx& tx) {
      Record* const record = tx.find(iccid(1));
      if (record == nullptr || tx.counter(iccid(1), 1) != 1u) return false;
      tx.raise_counter(iccid(1), 1, 2);
      record->fetch = vault::FetchPermit{1, {}, record->epoch, now.utc_ms};
      return true;
    });
  }
  std::future<Outcome> bump(const vault::Iccid& card) {
    return std::async(std::launch::async, [this, card] {
      const auto own = open();
      return own->update(now, [&](RecordTx& tx) {
        Record* const record = tx.find(card);
        if (record == nullptr) return false;
        ++record->epoch;
        return true;
      });
    });
  }
  // Its COMMIT is lost with the connection, after the answer.
  void lose_an_upload() {
    const NoCommits no_commits(database.settings());
    BOOST_TEST((store->update(now, [&](RecordTx& tx) {
      Record* const record = tx.find(iccid(1));
      if (record == nullptr) return false;
      record->upload.emplace();
      return true;
    }) == Outcome::committed));
    lose_the_commit();
  }
  static void lose_the_commit() {
    while (!committing(1)) std::this_thread::yield();
    MariaDb::running().run("KILL " + MariaDb::running().ask("SELECT id" + kWaiting));
    while (!committing(0)) std::this_thread::yield();
  }
  // Tells each time whether an upload was under way.
  Outcome end_upload(std::vector<bool>& under_way) {
    return store->update(now, [&](RecordTx& tx) {
      Record* const record = tx.find(iccid(1));
      if (record == nullptr) return false;
      under_way.push_back(record->upload.has_value());
      if (!record->upload) return false;
      record->upload.reset();
      ++record->epoch;
      return true;
    });
  }
  bool begun() { return read(iccid(1))->fetch.has_value(); }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(early_mariadb, EarlyFixture, *kOnlyMariaDb)

// Answered before the COMMIT; everything else waits: behind that one, or, as the time of a leader
// runs out, for one of its own.
BOOST_AUTO_TEST_CASE(only_what_must_last_waits) {
  std::future<Outcome> stored[2];
  {
    const NoCommits no_commits(database.settings());
    BOOST_TEST((begin(*store) == Outcome::committed));
    stored[0] = bump(iccid(2));
    stored[1] = bump(iccid(3));
    while (!committing(2)) std::this_thread::yield();
    BOOST_TEST(waits(stored[0]));
    BOOST_TEST(waits(stored[1]));
  }
  BOOST_TEST((stored[0].get() == Outcome::committed));
  BOOST_TEST((stored[1].get() == Outcome::committed));
  BOOST_TEST(begun());
  BOOST_TEST(counter(iccid(1), 1) == 2u);
}

// Whoever asks for the record meanwhile is not shown what it was before.
BOOST_AUTO_TEST_CASE(who_reads_it_waits) {
  std::future<bool> seen;
  {
    const NoCommits no_commits(database.settings());
    BOOST_TEST((begin(*store) == Outcome::committed));
    const auto read_once = [this] {
      const auto own = open();
      bool fetch = false;
      own->update(now, [&](RecordTx& tx) {
        const Record* const record = tx.find(iccid(1));
        fetch = record != nullptr && record->fetch.has_value();
        return false;
      });
      return fetch;
    };
    seen = std::async(std::launch::async, read_once);
    while (!committing(1)) std::this_thread::yield();
    // Longer than any leader is waited for.
    BOOST_TEST((seen.wait_for(std::chrono::milliseconds(300)) == std::future_status::timeout));
    BOOST_TEST(read(iccid(2)).has_value());
  }
  BOOST_TEST(seen.get());
}

// Whatever else is done to the record meanwhile rests on it.
BOOST_AUTO_TEST_CASE(another_update_of_the_record_comes_after_it) {
  std::future<Outcome> bumped;
  {
    const NoCommits no_commits(database.settings());
    BOOST_TEST((begin(*store) == Outcome::committed));
    bumped = bump(iccid(1));
    while (!committing(1)) std::this_thread::yield();
    BOOST_TEST(waits(bumped));
  }
  BOOST_TEST((bumped.get() == Outcome::committed));
  BOOST_TEST(begun());
  BOOST_TEST(read(iccid(1))->epoch == 1u);
}

// The COMMIT is lost with its connection: it has not begun, and whoever goes on is told so.
BOOST_AUTO_TEST_CASE(lost_after_the_answer) {
  {
    const NoCommits no_commits(database.settings());
    BOOST_TEST((begin(*store) == Outcome::committed));
    lose_the_commit();
  }
  BOOST_TEST(!begun());
  BOOST_TEST(counter(iccid(1), 1) == 1u);
  BOOST_TEST((bump(iccid(1)).get() == Outcome::committed));
  BOOST_TEST((begin(*store) == Outcome::committed));
  BOOST_TEST(begun());
  BOOST_TEST(read(iccid(1))->epoch == 1u);
}

// An upload is remembered when it was answered. That it was lost is found out by its END.
BOOST_AUTO_TEST_CASE(a_lost_upload_is_not_ended) {
  lose_an_upload();
  std::vector<bool> under_way;
  BOOST_TEST((end_upload(under_way) == Outcome::refused));
  BOOST_TEST(under_way == (std::vector<bool>{true, false}), boost::test_tools::per_element());
  BOOST_TEST(read(iccid(1))->epoch == 0u);
}

// So it is when the row has the number of the lost version again: another instance has written it.
BOOST_AUTO_TEST_CASE(a_lost_upload_is_not_taken_for_what_came_in_its_place) {
  lose_an_upload();
  Lines others_log;
  const auto others =
      db::make_store_factory(database.settings(), keys(), others_log, counters).take();
  BOOST_TEST((others->open()->update(now, [](RecordTx& tx) {
    tx.find(iccid(1))->wrong_keys = 2;
    return true;
  }) == Outcome::committed));
  std::vector<bool> under_way;
  BOOST_TEST((end_upload(under_way) == Outcome::refused));
  BOOST_TEST(under_way == (std::vector<bool>{true, false}), boost::test_tools::per_element());
  BOOST_TEST(read(iccid(1))->wrong_keys == 2);
  BOOST_TEST(read(iccid(1))->epoch == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
