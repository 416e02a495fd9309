// Proves that a host is told what somebody must see to when it begins and when it is over, once
// each, that it gets the plugin's figures, and that a host that throws from there loses nothing
// but them.
#include <boost/test/unit_test.hpp>
#include <sqlite3.h>

#include <atomic>
#include <cstdlib>
#include <map>
#include <stdexcept>

#include "bipvault/ext/alarm.h"
#include "bipvault/ext/metrics.h"
#include "tests/host/loopback.h"
#include "tests/host/test_card.h"
#include "tests/host/workspace.h"

namespace {

using support::Guest;
using support::MinimalHost;
using support::plugin_entry;
using support::wait_for;
using support::Workspace;

std::mutex mutex;
std::vector<std::string> alarms;  // "+store", "-store"
std::map<std::string, std::int64_t> figures;
std::vector<std::string> names;  // by handle - 1
int badly_defined = 0;
std::atomic<bool> throwing{false};

void put(const std::string& line) {
  if (throwing) throw std::runtime_error("defect");
  const std::lock_guard lock(mutex);
  alarms.push_back(line);
}
int count(const std::string& line) {
  const std::lock_guard lock(mutex);
  return static_cast<int>(std::count(alarms.begin(), alarms.end(), line));
}
std::int64_t figure(const std::string& name) {
  const std::lock_guard lock(mutex);
  const auto found = figures.find(name);
  return found == figures.end() ? -1 : found->second;
}

constexpr bv_alarm_1 kAlarm{
    [](const bv_host*, const char* id, int32_t, const char*) { put(std::string("+") + id); },
    [](const bv_host*, const char* id) { put(std::string("-") + id); }};

constexpr bv_metrics_1 kMetrics{
    [](const bv_host*, const char* name, int32_t kind, const char* help) -> uint64_t {
      if (throwing) throw std::runtime_error("defect");
      const std::lock_guard lock(mutex);
      // Boost.Test is the main thread's: it looks at the count at the end.
      const bool known = kind == BV_METRIC_COUNTER || kind == BV_METRIC_GAUGE;
      if (!known || *help == 0) ++badly_defined;
      names.emplace_back(name);
      return names.size();
    },
    [](const bv_host*, uint64_t handle, int64_t amount) {
      const std::lock_guard lock(mutex);
      figures[names.at(handle - 1)] += amount;
    },
    [](const bv_host*, uint64_t handle, int64_t value) {
      const std::lock_guard lock(mutex);
      figures[names.at(handle - 1)] = value;
    },
    [](const bv_host*, uint64_t, int64_t) { throw std::runtime_error("not used"); }};

// The store's file, by somebody else.
class Database {
 public:
  explicit Database(const std::string& path) {
    BOOST_REQUIRE_EQUAL(sqlite3_open(path.c_str(), &handle_), SQLITE_OK);
    sqlite3_busy_timeout(handle_, 10'000);
  }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database() { sqlite3_close(handle_); }

  void run(const std::string& sql) {
    BOOST_REQUIRE_MESSAGE(
        sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK,
        sql << ": " << sqlite3_errmsg(handle_));
  }
  int rows(const std::string& table) {
    int found = -1;
    const auto take = [](void* to, int, char** values, char**) {
      *static_cast<int*>(to) = std::atoi(values[0]);
      return 0;
    };
    sqlite3_exec(handle_, ("SELECT COUNT(*) FROM " + table).c_str(), take, &found, nullptr);
    return found;
  }

 private:
  sqlite3* handle_ = nullptr;
};

struct Fixture {
  Workspace workspace;
  MinimalHost host;
  Guest guest{plugin_entry(), host};

  Fixture() {
    const std::lock_guard lock(mutex);
    alarms.clear();
    figures.clear();
    names.clear();
    badly_defined = 0;
    host.give(BV_EXT_ALARM, &kAlarm);
    host.give(BV_EXT_METRICS, &kMetrics);
  }
  ~Fixture() { throwing = false; }
  void run() {
    const auto ready = guest.init(workspace.config());
    BOOST_REQUIRE_MESSAGE(ready.status == BV_OK, ready.why);
    const auto running = guest.start();
    BOOST_REQUIRE_MESSAGE(running.status == BV_OK, running.why);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(alarms_and_figures, Fixture)

BOOST_AUTO_TEST_CASE(a_store_that_is_not_there) {
  workspace.change("path = bipvault.db", "path = empty.db");  // without a schema
  run();
  BOOST_TEST(wait_for([] { return count("+store") == 1; }));
  BOOST_TEST(guest.health().find("\"alarms\": {\"store\": ") != std::string::npos, guest.health());
  BOOST_TEST(guest.stop() == BV_OK);
  BOOST_TEST(count("-store") == 1);
  BOOST_TEST(count("+store") == 1);
}

// Reads work, and a transaction fails: as on a full disk (e2e_full_disk) and in a read-only file.
BOOST_AUTO_TEST_CASE(a_store_that_is_not_written) {
  Database database(workspace.path("bipvault.db"));
  const auto refused = [](const std::string& when) {
    return "CREATE TRIGGER no_" + when + " BEFORE " + when +
           " ON instances BEGIN SELECT abs(-9223372036854775808); END";
  };
  database.run(refused("INSERT"));
  database.run(refused("UPDATE"));
  run();
  BOOST_TEST(wait_for([] { return count("+store") == 1; }));
  const std::string health = guest.health();
  BOOST_TEST(health.find("\"state\": \"degraded\"") != std::string::npos, health);
  BOOST_TEST(health.find("read but not written: ") != std::string::npos, health);
  BOOST_TEST(health.find("integer overflow") != std::string::npos, health);
  database.run("DROP TRIGGER no_INSERT");
  database.run("DROP TRIGGER no_UPDATE");
  BOOST_TEST(wait_for([] { return count("-store") == 1; }, 60));
  BOOST_TEST(guest.state() == "running");
  BOOST_TEST(guest.stop() == BV_OK);
  BOOST_TEST(count("+store") == 1);
}

// Nothing is wrong with it, but nobody can write either.
BOOST_AUTO_TEST_CASE(a_store_that_somebody_else_holds) {
  workspace.change("path = bipvault.db", "path = bipvault.db\nquery_timeout = 1s");
  Database database(workspace.path("bipvault.db"));
  run();
  BOOST_TEST(wait_for([&] { return database.rows("instances") == 1; }));
  database.run("BEGIN IMMEDIATE");
  BOOST_TEST(wait_for([] { return count("+store") == 1; }, 60));
  BOOST_TEST(guest.state() == "degraded");
  database.run("COMMIT");
  BOOST_TEST(wait_for([] { return count("-store") == 1; }, 60));
  BOOST_TEST(guest.state() == "running");
  BOOST_TEST(guest.stop() == BV_OK);
}

BOOST_AUTO_TEST_CASE(nothing_is_wrong) {
  run();
  BOOST_TEST(wait_for([] { return figure("bipvault_sessions") == 0; }));
  BOOST_TEST(guest.health().find("\"alarms\": {}") != std::string::npos);
  BOOST_TEST(guest.stop() == BV_OK);
  const std::lock_guard lock(mutex);
  BOOST_TEST(alarms.empty());
}

BOOST_AUTO_TEST_CASE(a_host_that_throws) {
  workspace.change("path = bipvault.db", "path = empty.db");
  throwing = true;
  run();
  BOOST_TEST(wait_for([&] { return guest.state() == "degraded"; }));
  BOOST_TEST(guest.stop() == BV_OK);
  throwing = false;
  // Half a table is none.
  static constexpr bv_alarm_1 half{nullptr, kAlarm.clear};
  host.give(BV_EXT_ALARM, &half);
  Guest other(plugin_entry(), host);
  BOOST_TEST(other.init(workspace.config()).status == BV_OK);
  BOOST_TEST(other.start().status == BV_OK);
  BOOST_TEST(wait_for([&] { return other.state() == "degraded"; }));
  BOOST_TEST(count("+store") == 0);
}

// A card whose counter has come to its end cannot be served any more: somebody must see to it, and
// the alarm fades when nothing of the kind happens for an hour.
BOOST_AUTO_TEST_CASE(an_exhausted_card_counter) {
  static std::atomic<std::int64_t> jump{0};
  jump = 0;
  host.give_clock();
  host.on_now = [](std::int64_t* utc_ms, std::int64_t* mono_ms) {
    using namespace std::chrono;
    const auto ms = [](auto time) {
      return duration_cast<milliseconds>(time.time_since_epoch()).count();
    };
    *utc_ms = ms(system_clock::now()) + jump;
    *mono_ms = ms(steady_clock::now()) + jump;
    return BV_OK;
  };
  run();
  support::TestCard card;
  support::Loopback channel(guest.number("tcp"));
  BOOST_REQUIRE(channel.open());
  BOOST_REQUIRE(channel.send(card.identification()));
  BOOST_REQUIRE(channel.send(card.report(0xFFFFFFFFFF)));
  const auto answer = card.answer(channel.receive());
  BOOST_REQUIRE(answer.has_value());
  BOOST_TEST((answer->status == bip::PacketStatus::counter_blocked));
  // The plugin's watch looks every ten seconds.
  BOOST_TEST(wait_for([] { return count("+card_counter") == 1; }, 60));
  jump = 3'700'000;
  BOOST_TEST(wait_for([] { return count("-card_counter") == 1; }, 60));
  BOOST_TEST(guest.stop() == BV_OK);
  // Nor is it news at the next start.
  {
    const std::lock_guard lock(mutex);
    figures.clear();
  }
  BOOST_TEST(guest.start().status == BV_OK);
  BOOST_TEST(wait_for([] { return figure("bipvault_alarms") == 0; }));
  BOOST_TEST(guest.stop() == BV_OK);
  BOOST_TEST(count("+card_counter") == 1);
}

// What has happened is added once, however often it is told.
BOOST_AUTO_TEST_CASE(figures_of_a_card) {
  run();
  support::TestCard card;
  support::Loopback channel(guest.number("tcp"));
  BOOST_REQUIRE(channel.open());
  BOOST_REQUIRE(channel.send(card.identification()));
  BOOST_REQUIRE(channel.send(card.report(1)));
  BOOST_REQUIRE(!channel.receive().empty());
  BOOST_TEST(guest.stop() == BV_OK);
  BOOST_TEST(figure("bipvault_bip_sessions_total") == 1);
  // Nor is it added once more at the next start.
  BOOST_TEST(guest.start().status == BV_OK);
  BOOST_TEST(guest.stop() == BV_OK);
  BOOST_TEST(figure("bipvault_bip_sessions_total") == 1);
  {
    const std::lock_guard lock(mutex);
    BOOST_TEST(!names.empty());
    BOOST_TEST(badly_defined == 0);
  }
}

BOOST_AUTO_TEST_SUITE_END()
