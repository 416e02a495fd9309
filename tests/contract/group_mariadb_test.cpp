// MariaDB's group of reads and commits (db/mysql_group.h) when the server does not do all of what
// it was sent, and the workers' connections, which are used seldom beside it.
#include <atomic>
#include <future>
#include <string>
#include <thread>

#include "base/log.h"
#include "base/workers.h"
#include "tests/contract/fixture.h"
#include "tests/support/mariadb.h"
#include "tests/support/mysql_proxy.h"

using namespace contract;
using support::MariaDb;
using support::MySqlProxy;
using vault::Outcome;
using vault::Record;
using vault::RecordTx;

BOOST_AUTO_TEST_SUITE(group_mariadb, *kOnlyMariaDb)

// A statement can take the whole transaction with it (a lock wait where innodb_rollback_on_timeout
// is set, a deadlock, a cluster's abort) when those behind it have been sent already: nothing of
// them may remain.
BOOST_FIXTURE_TEST_CASE(nothing_remains_of_what_was_rolled_back_half_way, Fixture) {
  create(iccid(1));
  const base::Bytes content = random_content(3'000);
  const auto store_image = [&](vault::Store& use) {
    return use.update(now, [&](RecordTx& tx) {
      Record* const record = tx.find(iccid(1));
      if (record == nullptr) return false;
      ++record->epoch;
      tx.add_image(*record, image_of(*record, content, 1), content);
      tx.note(*record, {"stored", "test", ""});
      return true;
    });
  };
  const std::string rows =
      "SELECT CONCAT((SELECT COUNT(*) FROM images), ' ', "
      "(SELECT COUNT(*) FROM data_keys), ' ', (SELECT COUNT(*) FROM history))";
  BOOST_REQUIRE(ask(rows) == "0 0 1");

  db::Settings impatient = database.settings();
  impatient.query_timeout_ms = 2'000;
  const auto own_factory = db::make_store_factory(impatient, keys(), log, counters).take();
  const auto own = own_factory->open();
  const auto held = connect(database.settings());
  held->begin();
  held->execute("UPDATE records SET epoch = epoch + 1 WHERE iccid = ?",
                {std::string_view(iccid(1).digits())});
  BOOST_TEST((store_image(*own) == Outcome::unavailable));
  BOOST_TEST(ask(rows) == "0 0 1");
  held->rollback();
  BOOST_TEST((store_image(*own) == Outcome::committed));
  BOOST_TEST(ask(rows) == "1 1 2");
  BOOST_TEST(images(iccid(1)).size() == 1u);
}

// A worker that only stores may not use its own connection for hours, until the server closes it
// (wait_timeout). That is no loss of the server: on a cluster all would go to another node.
BOOST_FIXTURE_TEST_CASE(a_connection_that_nobody_used_is_no_lost_server, Fixture) {
  db::Settings settings = database.settings();
  settings.idle_check_ms = 0;
  const auto own_factory = db::make_store_factory(settings, keys(), log, counters).take();
  const auto own = own_factory->open();
  BOOST_REQUIRE(own->check().ok());
  const std::string newest = "SELECT MAX(id) FROM information_schema.processlist WHERE db = 'used'";
  const std::string id = MariaDb::running().ask(newest);
  MariaDb::running().run("KILL " + id);
  BOOST_TEST(own->check().ok());
  BOOST_TEST(MariaDb::running().ask(newest) != id);
  BOOST_TEST(counters.get("db.reconnects") == 0);
}

// A node dies while several updates of one worker wait with its connection in their hands. Each of
// them finds that connection lost; the one that the first of them has made since is well, and so is
// the node that it leads to.
BOOST_FIXTURE_TEST_CASE(a_dead_node_is_left_once, Fixture) {
  constexpr unsigned kJobs = 6;
  for (unsigned i = 0; i <= kJobs; ++i) create(iccid(i));
  MySqlProxy first(MariaDb::running().socket());
  MySqlProxy second(MariaDb::running().socket());
  db::Settings settings = database.settings();
  settings.socket.clear();
  settings.host = base::cat("127.0.0.1:", first.port(), " 127.0.0.1:", second.port());
  const auto nodes = db::make_store_factory(settings, keys(), log, counters).take();
  const auto bump = [this](vault::Store& use, unsigned card, const std::function<void()>& begun) {
    return use.update(now, [&, card](RecordTx& tx) {
      begun();
      Record* const record = tx.find(iccid(card));
      if (record == nullptr) return false;
      ++record->epoch;
      return true;
    });
  };

  // Leads the group, and is held up by a row that somebody else has locked.
  const auto held = connect(database.settings());
  held->begin();
  held->execute("UPDATE records SET epoch = epoch + 1 WHERE iccid = ?",
                {std::string_view(iccid(0).digits())});
  auto leader = std::async(std::launch::async, [&] {
    const auto own = nodes->open();
    (void)own->check();  // connects
    return bump(*own, 0, [] {});
  });
  const std::string waiting =
      "SELECT variable_value FROM information_schema.global_status "
      "WHERE variable_name = 'INNODB_ROW_LOCK_CURRENT_WAITS'";
  while (MariaDb::running().ask(waiting) != "1") std::this_thread::yield();

  std::atomic<unsigned> begun{0};
  std::atomic<unsigned> committed{0};
  std::promise<void> cut;
  int visits = 0;
  base::Workers<vault::Store> workers;
  BOOST_REQUIRE(workers.start(1, kJobs + 1, "worker", [&] { return nodes->open(); }));
  const auto all_jobs = [&](vault::Store& own) {
    (void)own.check();
    for (unsigned i = 1; i <= kJobs; ++i) {
      (void)workers.post([&, i](vault::Store& use) {
        const Outcome outcome = bump(use, i, [&] {
          if (++begun != kJobs) return;
          visits = first.accepted();
          first.refuse(true);
          first.cut_all();
          cut.set_value();
        });
        committed += outcome == Outcome::committed ? 1 : 0;
      });
    }
  };
  BOOST_REQUIRE(workers.post(all_jobs));
  cut.get_future().wait();
  held->rollback();
  BOOST_TEST((leader.get() == Outcome::committed));
  workers.stop();

  BOOST_TEST(committed == kJobs);
  for (unsigned i = 0; i <= kJobs; ++i) BOOST_TEST(read(iccid(i))->epoch == 1u);
  BOOST_TEST(counters.get("db.reconnects") == 2);  // the leader's and the worker's
  // The group's own may try once more, where nobody else has noticed yet.
  BOOST_TEST(first.accepted() <= visits + 1);
}

BOOST_AUTO_TEST_SUITE_END()
