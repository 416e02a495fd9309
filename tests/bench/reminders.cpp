// bench_reminders ENGINE DIR STORED DUE [SOCKET]: what the daily job costs when DUE of STORED
// records are due. One line of JSON: seconds of the whole run (claimed, marked, handed out to a
// sink, outcome committed), of one look when nothing is due, and of the scans alone.
//
// The records are made by the engine itself, all with an image and a number; those that are due
// are spread over all of them, each on a page of its own. Everything of DIR/reminders.db or of the
// database `reminders` goes.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "db/key_files.h"
#include "db/record_row.h"
#include "db/sqlite_connection.h"
#include "db/stores.h"
#ifdef BIPVAULT_MYSQL
#include "db/mysql_connection.h"
#endif
#include "tests/support/scripted_sms.h"
#include "vault/reminder_service.h"

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "bench_reminders: %s\n", what.c_str());
  std::exit(1);
}
template <class T>
T need(base::Result<T> result) {
  if (!result) die(result.error());
  return result.take();
}
double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::unique_ptr<db::SqlConnection> connect(const db::Settings& settings) {
#ifdef BIPVAULT_MYSQL
  if (settings.engine == db::Engine::mysql) {
    return std::make_unique<db::MySqlConnection>(settings, base::Secret());
  }
#endif
  return std::make_unique<db::SqliteConnection>(settings.path, db::SqliteMode::write, 5000);
}

// That there is an image; nobody reads it here.
std::string image() {
  db::StoredImage stored;
  stored.info.bytes = stored.info.entries = 1;
  return "X'" + base::to_hex(db::pack({stored})) + "'";
}

// The indexes of `records` are made when its rows are there: sorted, they take a fraction of the
// time. What the schema has beyond these only slows the filling.
struct Index {
  const char* name;
  const char* definition;
};
constexpr Index kIndexes[] = {
    {"records_iccid", "UNIQUE INDEX records_iccid ON records (iccid)"},
    {"records_msisdn", "INDEX records_msisdn ON records (msisdn_provisioned)"},
    {"records_moved_from", "INDEX records_moved_from ON records (moved_from)"},
    {"records_updated_at", "INDEX records_updated_at ON records (updated_at)"},
    {"records_identity_at", "INDEX records_identity_at ON records (identity_at)"},
};

// One statement makes all records, in the order of their ids. Every `stored / due`-th was updated
// 70 days ago, the others within the last 50.
std::string all_records(bool sqlite, std::int64_t now, std::int64_t stored, std::int64_t due) {
  const auto digits = [&](const std::string& head, int width) {
    return sqlite ? "'" + head + "' || printf('%0" + std::to_string(width) + "d', i)"
                  : "CONCAT('" + head + "', LPAD(i, " + std::to_string(width) + ", '0'))";
  };
  const std::string id = "CAST(" + digits("", 16) + (sqlite ? " AS BLOB)" : " AS BINARY(16))");
  const std::string day = std::to_string(base::kDayMs);
  const std::string at = "CASE WHEN i % " + std::to_string(stored / due) + " = 0 THEN " +
                         std::to_string(now) + " - 70 * " + day + " + i ELSE " +
                         std::to_string(now) + " - (i % 50) * " + day + " - i END";
  const std::string count = std::to_string(stored);
  const std::string numbers = sqlite
                                  ? "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
                                    "FROM n WHERE i < " + count + ") SELECT i FROM n)"
                                  : "(SELECT seq AS i FROM seq_1_to_" + count + ") AS n";
  return "INSERT INTO records (id, version, last_op, iccid, msisdn_provisioned, customer, "
         "language, handset, last_error, ended, first_stored_at, updated_at, identity_at, "
         "key_state, pepper, key_transaction, wrong_keys, timed_once, lock_reason, epoch, "
         "foreign_wrong, stranger_wrong, moved_by_order, moved_survivor_is_new, moved_customer, "
         "moved_language, history_count, versions) SELECT " +
         id + ", 1, " + id + ", " + digits("8944", 15) + ", " + digits("4917", 10) +
         ", '', 'en', '', '', 0, " + at + ", " + at + ", " + at +
         ", 2, 1, 0, 0, 0, '', 0, 0, 0, 0, 0, '', '', 0, " + image() + " FROM " + numbers;
}

void fill(const db::Settings& settings, std::int64_t now, std::int64_t stored, std::int64_t due) {
  db::Settings patient = settings;
  patient.query_timeout_ms = base::kHourMs;
  const auto connection = connect(patient);
  const bool sqlite = settings.engine == db::Engine::sqlite;
  for (const Index& index : kIndexes) {
    connection->run(std::string("DROP INDEX ") + index.name + (sqlite ? "" : " ON records"));
  }
  if (sqlite) connection->run("PRAGMA cache_size = -1000000");  // KiB: the trees' inner pages
  if (!sqlite) connection->run("SET SESSION unique_checks = 0, foreign_key_checks = 0");
  connection->run(all_records(sqlite, now, stored, due));
  for (const Index& index : kIndexes) {
    connection->run(std::string("CREATE ") + index.definition);
  }
}

struct Bench {
  db::Settings settings;
  std::unique_ptr<db::FileKeyRing> keys;
  base::NoLog log;
  base::Counters counters;
  std::unique_ptr<vault::StoreFactory> factory;
  std::unique_ptr<vault::Store> store;
};

void prepare(Bench& bench, const std::string& directory) {
  bench.settings.path = directory + "reminders.db";
  bench.settings.database = "reminders";
  bench.settings.user = "root";
  for (const char* end : {"", "-wal", "-shm"}) ::unlink((bench.settings.path + end).c_str());
  const db::KeyFiles files{directory + "r.master", directory + "r.pepper", directory + "r.audit"};
  for (const std::string& file : {files.master_key_file, files.pepper_file, files.audit_key_file}) {
    ::unlink(file.c_str());
  }
  if (!db::create_key_files(files).ok()) die("key files");
  bench.keys = need(db::FileKeyRing::load(files));
  need(db::schema_init(bench.settings));
  bench.factory =
      need(db::make_store_factory(bench.settings, *bench.keys, bench.log, bench.counters));
  bench.store = bench.factory->open();
}

// Until nothing is left to do at once, with a sink that accepts everything. `told`: of what is at
// the sink, what the service has heard of.
double run(vault::ReminderService& service, support::ScriptedOut& out, base::Now now,
           std::size_t& told) {
  const auto start = Clock::now();
  while (service.work(now) <= now.mono_ms || told < out.at_smsc.size()) {
    for (; told < out.at_smsc.size(); ++told) {
      service.outcome({out.at_smsc[told].ref, 1, 1, vault::SmsOutcome::Kind::accepted, "sink",
                       std::to_string(told), 0, false});
    }
  }
  return seconds_since(start);
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 5) die("usage: bench_reminders ENGINE DIR STORED DUE [SOCKET]");
  Bench bench;
  if (std::string(arguments[1]) == "mysql") {
    bench.settings.engine = db::Engine::mysql;
    bench.settings.socket = count > 5 ? arguments[5] : "";
  }
  const std::int64_t stored = std::stoll(arguments[3]);
  const std::int64_t due = std::stoll(arguments[4]);
  prepare(bench, std::string(arguments[2]) + "/");
  base::Now now = base::SystemClock().now();
  now.utc_ms += 12 * base::kHourMs - now.utc_ms % base::kDayMs;  // noon: inside the hours
  const auto filling = Clock::now();
  fill(bench.settings, now.utc_ms, stored, due);
  const double filled = seconds_since(filling);

  vault::ReminderSettings settings;
  settings.enabled = true;
  support::ScriptedOut out;
  vault::ReminderService service(settings, {}, "bench", *bench.store, out, nullptr, bench.log,
                                 bench.counters);
  const auto scan = Clock::now();
  const auto preview = need(vault::ReminderService::preview(settings, {}, *bench.store, 100, now));
  const double looked = seconds_since(scan);
  std::size_t told = 0;
  const double ran = run(service, out, now, told);
  now.mono_ms += base::kMinuteMs;
  const double idle = run(service, out, now, told);
  std::printf(
      "{\"engine\": \"%s\", \"stored\": %lld, \"due\": %zu, \"fill_s\": %.1f, \"preview_s\": %.4f, "
      "\"run_s\": %.2f, \"reminders_per_s\": %.0f, \"idle_look_s\": %.6f, \"previewed\": %llu}\n",
      arguments[1], static_cast<long long>(stored), out.at_smsc.size(), filled, looked, ran,
      static_cast<double>(out.at_smsc.size()) / ran, idle,
      static_cast<unsigned long long>(preview.due));
  return 0;
}
