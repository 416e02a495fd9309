// db upgrade where the database cannot be had, as an operator sees it.
#include "db/sqlite_connection.h"
#include "tests/unit/cli/tools.h"

using namespace tools;

// Proves that a database that somebody else writes all the time is away, not refused: the upgrade
// may be repeated, and is whole then.
BOOST_AUTO_TEST_CASE(upgrade_of_a_busy_database) {
  const Laboratory lab;
  lab.set_up();
  std::string settings = text_of(lab.ini);
  const std::string patient = "query_timeout = 5s";
  settings.replace(settings.find(patient), patient.size(), "query_timeout = 1s");
  std::ofstream(lab.ini) << settings;
  db::SqliteConnection busy(lab.path / "bipvault.db", db::SqliteMode::write, 5000);
  busy.run("DELETE FROM schema_version WHERE version > 6");
  busy.run("BEGIN IMMEDIATE");
  const Ended refused = lab.ops({"db", "upgrade"});
  BOOST_TEST(refused.code == 4);
  BOOST_TEST(contains(refused, "database is locked"), refused.output);
  busy.run("ROLLBACK");
  BOOST_TEST(contains(lab.ops({"db", "upgrade"}), "upgraded to schema "));
}
