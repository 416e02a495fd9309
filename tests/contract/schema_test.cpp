// The schema: made once, told apart when it is missing, too old or too new, and never written
// past.
#include <sys/stat.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "tests/contract/fixture.h"

using namespace contract;
using vault::Outcome;
using vault::RecordTx;

namespace {

struct Bare {
  Database database;
  Lines log;
  base::Counters counters;
  std::unique_ptr<vault::StoreFactory> factory =
      db::make_store_factory(database.settings(), keys(), log, counters).take();
  std::unique_ptr<vault::Store> store = factory->open();
  base::Now now{1, 1};
};

bool contains(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(schema)

// No schema: nothing is written, the reason names the command, and one log line is all; after
// `db init` the same store works.
BOOST_FIXTURE_TEST_CASE(none_then_made, Bare) {
  BOOST_TEST(db::schema_status(database.settings())->found == 0);
  for (int i = 0; i < 3; ++i) {
    const auto outcome = store->update(now, [&](RecordTx& tx) {
      tx.create(iccid(1));
      return true;
    });
    BOOST_TEST((outcome == Outcome::unavailable));
  }
  const auto checked = store->check();
  BOOST_REQUIRE(!checked.ok());
  BOOST_TEST_MESSAGE(checked.error());
  BOOST_TEST(log.all().size() == 1u);
  const auto made = db::schema_init(database.settings());
  BOOST_REQUIRE(made.ok());
  BOOST_TEST(made->found == made->code);
  // A server is not asked again at once.
  Outcome outcome = Outcome::unavailable;
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (outcome == Outcome::unavailable && std::chrono::steady_clock::now() < patience) {
    outcome = store->update(now, [&](RecordTx& tx) {
      tx.create(iccid(1));
      return true;
    });
    std::this_thread::yield();
  }
  BOOST_TEST((outcome == Outcome::committed));
  BOOST_TEST(store->check().ok());
  BOOST_TEST(log.count("available again") == 1u);
}

// A second init is refused and changes nothing; an upgrade of what is current does nothing.
BOOST_FIXTURE_TEST_CASE(init_twice, FreshFixture) {
  create(iccid(1));
  const auto again = db::schema_init(database.settings());
  BOOST_REQUIRE(!again.ok());
  BOOST_TEST(contains(again.error(), "already"));
  const auto upgraded = db::schema_upgrade(database.settings());
  BOOST_REQUIRE(upgraded.ok());
  BOOST_TEST(upgraded->found == upgraded->code);
  BOOST_TEST(read(iccid(1)).has_value());
}

// A schema of a newer version is refused by every store, the reason says which one is known, and
// no tool makes it older.
BOOST_FIXTURE_TEST_CASE(too_new, FreshFixture) {
  create(iccid(1));
  raw("INSERT INTO schema_version (version, installed_at) VALUES (9999, 1)");
  const std::string steps = ask("SELECT COUNT(*) FROM schema_version");
  const auto fresh = db::make_store_factory(database.settings(), keys(), log, counters).take();
  const auto other = fresh->open();
  BOOST_TEST((other->update(now, [&](RecordTx& tx) {
    ++tx.find(iccid(1))->epoch;
    return true;
  }) == Outcome::unavailable));
  const auto checked = other->check();
  BOOST_REQUIRE(!checked.ok());
  BOOST_TEST(contains(checked.error(), "9999"));
  BOOST_TEST(contains(checked.error(), "this build knows"));
  BOOST_TEST(!db::schema_upgrade(database.settings()).ok());
  BOOST_TEST(!db::schema_init(database.settings()).ok());
  BOOST_TEST(ask("SELECT COUNT(*) FROM schema_version") == steps);
}

// A schema that changes under a running process: the next check notices it and no store of the
// process writes until it is right again; one line in the log for each change.
BOOST_FIXTURE_TEST_CASE(changed_while_running, FreshFixture) {
  create(iccid(1));
  const auto watch = open();
  BOOST_TEST(watch->check().ok());
  const auto bump = [&] {
    return update([&](RecordTx& tx) {
      ++tx.find(iccid(1))->epoch;
      return true;
    });
  };
  raw("INSERT INTO schema_version (version, installed_at) VALUES (9999, 1)");
  const auto checked = watch->check();
  BOOST_REQUIRE(!checked.ok());
  BOOST_TEST(contains(checked.error(), "9999"));
  for (int i = 0; i < 3; ++i) {
    BOOST_TEST((bump() == Outcome::unavailable));
    BOOST_TEST(!watch->check().ok());
    BOOST_TEST(read(iccid(1))->epoch == 0u);
  }
  BOOST_TEST(log.count("store unavailable") == 1u);
  BOOST_TEST(log.all().size() == 1u);
  raw("DELETE FROM schema_version WHERE version = 9999");
  BOOST_TEST(watch->check().ok());
  BOOST_TEST((bump() == Outcome::committed));
  BOOST_TEST(read(iccid(1))->epoch == 1u);
  BOOST_TEST(log.count("available again") == 1u);
  BOOST_TEST(log.all().size() == 2u);
}

// An older schema: the reason names the upgrade, which keeps what is there.
BOOST_FIXTURE_TEST_CASE(too_old, FreshFixture) {
  create(iccid(1));
  raw("DROP TABLE own_history");
  raw(on_sqlite() ? "DROP INDEX staged_part" : "DROP INDEX staged_part ON staged");
  for (const char* table :
       {"reminders", "sms_out", "sms_segments", "sms_in", "wake_ups", "downlink_counters", "outbox",
        "instances", "jobs", "care_requests", "key_checks"}) {
    raw(std::string("DROP TABLE ") + table);
  }
  raw(on_sqlite() ? "DROP INDEX records_suspended_at"
                  : "DROP INDEX records_suspended_at ON records");
  raw(on_sqlite() ? "DROP INDEX records_identity_at" : "DROP INDEX records_identity_at ON records");
  raw(on_sqlite() ? "DROP INDEX records_customer" : "DROP INDEX records_customer ON records");
  for (const char* column : {"counter_key_set", "counter_value"}) {
    raw(std::string("ALTER TABLE records DROP COLUMN ") + column);
  }
  raw("DELETE FROM schema_version WHERE version > 1");
  const auto fresh = db::make_store_factory(database.settings(), keys(), log, counters).take();
  const auto checked = fresh->open()->check();
  BOOST_REQUIRE(!checked.ok());
  BOOST_TEST(contains(checked.error(), "run: bipvault-ops --config FILE db upgrade"));
  const auto upgraded = db::schema_upgrade(database.settings());
  BOOST_REQUIRE(upgraded.ok());
  BOOST_TEST(upgraded->found == upgraded->code);
  factory = db::make_store_factory(database.settings(), keys(), log, counters).take();
  store = factory->open();
  BOOST_TEST(read(iccid(1)).has_value());
  commit([](RecordTx& tx) { tx.note_own({"audited", "test", ""}); });
  BOOST_TEST(ask("SELECT COUNT(*) FROM own_history") == "1");
}

// An init that was interrupted before its last statement can be run again.
BOOST_FIXTURE_TEST_CASE(interrupted_init, Bare) {
  BOOST_REQUIRE(db::schema_init(database.settings()).ok());
  const auto connection = connect(database.settings());
  connection->run("DELETE FROM schema_version");
  if (on_mariadb()) {
    connection->run("DROP TABLE history");
    connection->run("DROP INDEX moves_new_iccid ON moves");
    const auto again = db::schema_init(database.settings());
    BOOST_REQUIRE_MESSAGE(again.ok(), (again.ok() ? "" : again.error()));
    BOOST_TEST(again->found == again->code);
  } else {
    // Here a step is all or nothing: the version cannot be missing, and nothing is overwritten.
    BOOST_TEST(!db::schema_init(database.settings()).ok());
  }
}

// The database file is readable for its owner only, whatever the umask; so are its companions.
BOOST_FIXTURE_TEST_CASE(file_mode, Fixture, *kOnlySqlite) {
  create(iccid(1));
  for (const char* end : {"", "-wal", "-shm"}) {
    struct stat info {};
    BOOST_REQUIRE(::stat((database.settings().path + end).c_str(), &info) == 0);
    BOOST_TEST((info.st_mode & 07777) == 0600u);
  }
}

// A path that cannot be used, or a file that is no database, is an error with the path or the
// reason, and is left as it is.
BOOST_AUTO_TEST_CASE(bad_files, *kOnlySqlite) {
  Database database;
  db::Settings settings = database.settings();
  settings.path = "/nowhere/at/all.db";
  const auto nowhere = db::schema_init(settings);
  BOOST_REQUIRE(!nowhere.ok());
  BOOST_TEST(contains(nowhere.error(), "/nowhere/at/all.db"));
  settings.path = database.settings().path;
  const std::string text(5000, 'x');
  std::ofstream(settings.path) << text;
  BOOST_TEST(!db::schema_init(settings).ok());
  BOOST_TEST(!db::schema_status(settings).ok());
  std::ifstream in(settings.path);
  BOOST_TEST(std::string(std::istreambuf_iterator<char>(in), {}) == text);
}

BOOST_AUTO_TEST_SUITE_END()
