// MariaDB's group of reads and commits (db/mysql_group.h) when the server does not do all of what
// it was sent.
#include <string>

#include "tests/contract/fixture.h"

using namespace contract;
using vault::Outcome;
using vault::Record;
using vault::RecordTx;

namespace {

const auto kOnlyMariaDb = boost::unit_test::precondition(only_mariadb);

}  // namespace

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

BOOST_AUTO_TEST_SUITE_END()
