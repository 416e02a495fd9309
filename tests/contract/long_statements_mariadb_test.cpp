// What a tool does once and to a whole table may take longer than a statement of the vault.
#include <future>

#include "db/key_checks.h"
#include "tests/contract/fixture.h"
#include "tests/support/mariadb.h"
#include "tests/support/until.h"

using namespace contract;
using support::MariaDb;

namespace {

// Statements that somebody else's lock has kept for longer than any of the vault's may take.
struct LongFixture : FreshFixture {
  LongFixture() { settings.query_timeout_ms = 1000; }
  // False: it has ended before.
  static bool waits_for_long() {
    return support::until([] {
      return MariaDb::running().ask(
                 "SELECT COUNT(*) FROM information_schema.processlist WHERE "
                 "state = 'Waiting for table metadata lock' AND time_ms > 2000") == "1";
    });
  }

  db::Settings settings = database.settings();
  std::unique_ptr<db::SqlConnection> other = connect(database.settings());
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(long_statements_mariadb, LongFixture, *kOnlyMariaDb)

// Proves that an upgrade waits for the index that it makes, and is done when its call returns.
BOOST_AUTO_TEST_CASE(an_index_of_an_upgrade) {
  raw("DROP INDEX records_customer ON records");
  raw("DELETE FROM schema_version WHERE version >= 5");
  other->begin();
  other->query("SELECT COUNT(*) FROM records", {}, [](const db::Row&) {});
  auto upgraded = std::async(std::launch::async, [this] { return db::schema_upgrade(settings); });
  BOOST_TEST(waits_for_long());
  other->commit();
  const auto status = upgraded.get();
  BOOST_REQUIRE_MESSAGE(status.ok(), (status.ok() ? "" : status.error()));
  BOOST_TEST(status->found == status->code);
  BOOST_TEST(ask("SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = "
                 "DATABASE() AND index_name = 'records_customer'") == "1");
}

// Proves that an upgrade whose connection goes tells that the database is away, also where it can
// be reached again by then; and that a database that refuses is not away.
BOOST_AUTO_TEST_CASE(an_upgrade_that_is_cut_off) {
  raw("DROP INDEX records_customer ON records");
  raw("DELETE FROM schema_version WHERE version >= 5");
  other->begin();
  other->query("SELECT COUNT(*) FROM records", {}, [](const db::Row&) {});
  bool away = false;
  auto upgraded =
      std::async(std::launch::async, [&] { return db::schema_upgrade(settings, &away); });
  BOOST_TEST(waits_for_long());
  MariaDb& server = MariaDb::running();
  server.run("KILL " + server.ask("SELECT id FROM information_schema.processlist WHERE "
                                  "state = 'Waiting for table metadata lock'"));
  BOOST_TEST(!upgraded.get().ok());
  BOOST_TEST(away);
  other->commit();
  raw("DELETE FROM schema_version");
  BOOST_TEST(!db::schema_upgrade(settings, &away).ok());
  BOOST_TEST(!away);
}

// Proves that of two upgrades at once each is done when its call returns: what one finds made by
// the other is no fault, the step's own row included.
BOOST_AUTO_TEST_CASE(two_upgrades_at_once) {
  raw("DELETE FROM schema_version WHERE version >= 5");
  other->begin();
  other->execute("INSERT INTO schema_version (version, installed_at) VALUES (5, 1)", {});
  auto upgraded = std::async(std::launch::async, [this] { return db::schema_upgrade(settings); });
  BOOST_TEST(support::until([] {
    return MariaDb::running().ask(
               "SELECT COUNT(*) FROM information_schema.processlist WHERE "
               "info LIKE 'INSERT INTO schema_version%' AND time_ms > 100") == "1";
  }));
  other->commit();
  const auto status = upgraded.get();
  BOOST_REQUIRE_MESSAGE(status.ok(), (status.ok() ? "" : status.error()));
  BOOST_TEST(status->found == status->code);
  BOOST_TEST(ask("SELECT installed_at FROM schema_version WHERE version = 5") == "1");
}

// Proves that the numbers of lost keys are waited for, which no index tells.
BOOST_AUTO_TEST_CASE(numbers_of_all_keys) {
  other->run("LOCK TABLES data_keys WRITE");
  auto asked = std::async(std::launch::async, [this] { return db::unused_numbers(settings); });
  BOOST_TEST(waits_for_long());
  other->run("UNLOCK TABLES");
  const auto numbers = asked.get();
  BOOST_REQUIRE_MESSAGE(numbers.ok(), (numbers.ok() ? "" : numbers.error()));
  BOOST_TEST(numbers->master == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
