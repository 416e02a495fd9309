#include "tests/contract/fixture.h"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>

#include "db/sqlite_connection.h"
#ifdef BIPVAULT_MYSQL
#include "db/mysql_connection.h"
#include "tests/support/mariadb.h"
#endif

namespace contract {

namespace {

std::string engine() {
  const auto& suite = boost::unit_test::framework::master_test_suite();
  return suite.argc > 1 ? suite.argv[1] : "sqlite";
}

// Removed at the end of the process.
struct Directory {
  std::string path;
  Directory() {
    char name[] = "/tmp/bv-contract-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~Directory() { std::filesystem::remove_all(path); }
};

const std::string& directory() {
  static const Directory made;
  return made.path;
}

}  // namespace

bool on_sqlite() { return engine() == "sqlite"; }
bool on_mariadb() { return engine() == "mariadb"; }

boost::test_tools::assertion_result only_sqlite(boost::unit_test::test_unit_id) {
  return on_sqlite();
}
boost::test_tools::assertion_result only_mariadb(boost::unit_test::test_unit_id) {
  return on_mariadb();
}

std::unique_ptr<db::SqlConnection> connect(const db::Settings& settings) {
#ifdef BIPVAULT_MYSQL
  if (on_mariadb()) return std::make_unique<db::MySqlConnection>(settings, base::Secret());
#endif
  return std::make_unique<db::SqliteConnection>(settings.path, db::SqliteMode::write, 5000);
}

void Lines::write(base::Severity, std::string_view component, std::string_view text) {
  std::lock_guard lock(mutex_);
  lines_.push_back(std::string(component) + ": " + std::string(text));
}
std::vector<std::string> Lines::all() const {
  std::lock_guard lock(mutex_);
  return lines_;
}
std::size_t Lines::count(std::string_view part) const {
  std::size_t found = 0;
  for (const std::string& line : all()) found += line.find(part) != std::string::npos ? 1 : 0;
  return found;
}

const db::KeyFiles& key_files() {
  static const db::KeyFiles files = [] {
    db::KeyFiles made{directory() + "/master", directory() + "/pepper", directory() + "/audit"};
    BOOST_REQUIRE(db::create_key_files(made).ok());
    return made;
  }();
  return files;
}

const db::FileKeyRing& keys() {
  static const std::unique_ptr<db::FileKeyRing> ring = db::FileKeyRing::load(key_files()).take();
  return *ring;
}

Database::Database(Kind kind) : kind_(kind) {
  settings_.settled_after_ms = 0;
  static std::atomic<int> number{0};
  const std::string name = "t" + std::to_string(++number);
  if (on_sqlite()) {
    settings_.engine = db::Engine::sqlite;
    settings_.path = directory() + "/" + name + ".db";
    return;
  }
#ifdef BIPVAULT_MYSQL
  support::MariaDb& server = support::MariaDb::running();
  settings_.engine = db::Engine::mysql;
  settings_.socket = server.socket();
  settings_.user = "root";
  settings_.database = kind_ == Kind::used ? "used" : name;
  if (kind_ == Kind::used) {
    use_again();
  } else {
    server.run("CREATE DATABASE " + name + " CHARACTER SET utf8mb4");
  }
#else
  BOOST_FAIL("this build has no MySQL store");
#endif
}

Database::~Database() {
  if (on_sqlite()) {
    for (const char* end : {"", "-wal", "-shm"}) ::unlink((settings_.path + end).c_str());
    return;
  }
#ifdef BIPVAULT_MYSQL
  if (kind_ == Kind::used) return;
  try {
    support::MariaDb::running().run("DROP DATABASE IF EXISTS " + settings_.database);
  } catch (const std::exception&) {
    // The server is gone; the test that made it so has said why.
  }
#endif
}

void Database::use_again() {
#ifdef BIPVAULT_MYSQL
  static bool made = false;
  if (!made) {
    support::MariaDb::running().run("CREATE DATABASE used CHARACTER SET utf8mb4");
    BOOST_REQUIRE(db::schema_init(settings_).ok());
    made = true;
  }
  const auto connection = connect(settings_);
  for (const char* table : {"records", "images", "data_keys", "staged", "counters", "moves",
                            "history", "own_history"}) {
    connection->run(std::string("DELETE FROM ") + table);
  }
  for (const char* table :
       {"reminders", "sms_out", "sms_segments", "sms_in", "wake_ups", "downlink_counters", "outbox",
        "instances", "jobs", "care_requests", "key_checks"}) {
    connection->run(std::string("DELETE FROM ") + table);
  }
#endif
}

Fixture::Fixture(Database::Kind kind) : database(kind) {
  if (on_sqlite() || kind == Database::Kind::fresh) {
    const auto made = db::schema_init(database.settings());
    BOOST_REQUIRE_MESSAGE(made.ok(), (made.ok() ? "" : made.error()));
  }
  auto built = db::make_store_factory(database.settings(), keys(), log, counters);
  BOOST_REQUIRE_MESSAGE(built.ok(), (built.ok() ? "" : built.error()));
  factory = built.take();
  store = factory->open();
}

vault::Outcome Fixture::update(const std::function<bool(vault::RecordTx&)>& f) {
  return store->update(now, f);
}

void Fixture::commit(const std::function<void(vault::RecordTx&)>& f) {
  const vault::Outcome outcome = update([&](vault::RecordTx& tx) {
    f(tx);
    return true;
  });
  BOOST_REQUIRE(outcome == vault::Outcome::committed);
}

vault::Record Fixture::create(const vault::Iccid& number) {
  commit([&](vault::RecordTx& tx) { tx.note(tx.create(number), {"created", "test", ""}); });
  return *read(number);
}

std::optional<vault::Record> Fixture::read(const vault::Iccid& number) {
  std::optional<vault::Record> found;
  const vault::Outcome outcome = update([&](vault::RecordTx& tx) {
    found.reset();
    if (const vault::Record* record = tx.find(number); record != nullptr) found = *record;
    return true;
  });
  BOOST_REQUIRE(outcome == vault::Outcome::unchanged);
  return found;
}

std::vector<vault::ImageInfo> Fixture::images(const vault::Iccid& number) {
  std::vector<vault::ImageInfo> found;
  update([&](vault::RecordTx& tx) {
    found = tx.images(*tx.find(number));
    return true;
  });
  return found;
}

vault::Counter Fixture::counter(const vault::Iccid& number, std::uint8_t key_set) {
  vault::Counter value = 0;
  update([&](vault::RecordTx& tx) {
    value = tx.counter(number, key_set);
    return true;
  });
  return value;
}

void Fixture::raw(const std::string& sql) { connect(database.settings())->run(sql); }

std::string Fixture::ask(const std::string& sql) {
  std::string answer;
  connect(database.settings())->query(sql, {}, [&](const db::Row& row) { answer = row.text(0); });
  return answer;
}

vault::Iccid iccid(unsigned number) {
  std::string digits = std::to_string(number);
  digits.insert(0, 10 - digits.size(), '0');
  return *vault::Iccid::from_digits("898600000" + digits);
}

vault::Msisdn msisdn(unsigned number) {
  return *vault::Msisdn::from_text("+86138" + std::to_string(10'000'000 + number));
}

base::Bytes random_content(std::size_t size) {
  base::Bytes content(size);
  base::fill_random(content);
  return content;
}

vault::ImageInfo image_of(const vault::Record& record, base::View content, std::int64_t at) {
  vault::ImageInfo info;
  info.id = base::random_array<16>();
  info.bound_record = record.id;
  info.digest = base::sha256(content);
  info.bytes = static_cast<std::uint32_t>(content.size());
  info.entries = 7;
  info.stored_at = at;
  return info;
}

}  // namespace contract
