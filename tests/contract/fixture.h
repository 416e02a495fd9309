// One database per test case, on the engine that the binary was started for ("-- sqlite" or
// "-- mariadb"), and short ways to use it.
#pragma once

#include <boost/test/unit_test.hpp>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/crypto.h"
#include "db/key_files.h"
#include "db/sql.h"
#include "db/stores.h"
#include "vault/history.h"
#include "vault/ports.h"

namespace contract {

bool on_sqlite();
bool on_mariadb();

boost::test_tools::assertion_result only_sqlite(boost::unit_test::test_unit_id);
boost::test_tools::assertion_result only_mariadb(boost::unit_test::test_unit_id);
// For BOOST_AUTO_TEST_CASE(..., *kOnlySqlite).
inline const auto kOnlySqlite = boost::unit_test::precondition(only_sqlite);
inline const auto kOnlyMariaDb = boost::unit_test::precondition(only_mariadb);

std::unique_ptr<db::SqlConnection> connect(const db::Settings& settings);

class Lines : public base::Log {
 public:
  void write(base::Severity severity, std::string_view component, std::string_view text) override;
  std::vector<std::string> all() const;
  std::size_t count(std::string_view part) const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

// The keys of all tests, from files in a directory of their own.
const db::KeyFiles& key_files();
const db::FileKeyRing& keys();

// A database on the engine under test. Fresh: no schema yet, dropped at the end. Else with the
// schema and empty; a server's is used again, since DDL is what its tests would spend their time
// with.
class Database {
 public:
  enum class Kind { fresh, used };
  explicit Database(Kind kind = Kind::fresh);
  ~Database();
  const db::Settings& settings() const { return settings_; }

 private:
  void use_again();

  Kind kind_;
  db::Settings settings_;
};

// A database with the schema, a factory and one store.
struct Fixture {
  explicit Fixture(Database::Kind kind = Database::Kind::used);

  std::unique_ptr<vault::Store> open() { return factory->open(); }
  // Runs f and expects it to be committed.
  void commit(const std::function<void(vault::RecordTx&)>& f);
  vault::Outcome update(const std::function<bool(vault::RecordTx&)>& f);
  vault::Record create(const vault::Iccid& iccid);
  std::optional<vault::Record> read(const vault::Iccid& iccid);
  std::vector<vault::ImageInfo> images(const vault::Iccid& iccid);
  vault::Counter counter(const vault::Iccid& iccid, std::uint8_t key_set);
  // Behind the store's back. With `ask`: the first column of the first row, as text.
  void raw(const std::string& sql);
  std::string ask(const std::string& sql);

  Database database;
  Lines log;
  base::Counters counters;
  std::unique_ptr<vault::StoreFactory> factory;
  std::unique_ptr<vault::Store> store;
  base::Now now{1'000, 1'764'000'000'000};
};

// For tests that spoil the schema.
struct FreshFixture : Fixture {
  FreshFixture() : Fixture(Database::Kind::fresh) {}
};

vault::Iccid iccid(unsigned number);
vault::Msisdn msisdn(unsigned number);
base::Bytes random_content(std::size_t size);
vault::ImageInfo image_of(const vault::Record& record, base::View content, std::int64_t at);

}  // namespace contract
