// What the log tells of a store that goes, comes and flaps.
#include "db/health.h"

#include <boost/test/unit_test.hpp>

#include "tests/support/collected_log.h"
#include "tests/support/fake_clock.h"

using db::SqlError;

namespace {

struct Fixture {
  support::CollectedLog log;
  base::Counters counters;
  support::FakeClock clock;
  db::Health health{log, counters, 10'000, clock};

  void lost() { health.failed(SqlError(SqlError::Kind::lost, 2002, "connect failed")); }
  void full() { health.failed(SqlError(SqlError::Kind::full, 13, "disk full")); }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(health, Fixture)

// A database that stalls lets every tenth request through: one line for all of it, and one when it
// has been well for ten seconds.
BOOST_AUTO_TEST_CASE(flapping) {
  for (int i = 0; i < 1000; ++i) {
    lost();
    clock.advance(25);
    if (i % 10 == 9) health.writable();
  }
  BOOST_TEST(log.count("store unavailable") == 1u);
  BOOST_TEST(log.count("available again") == 0u);
  clock.advance(9'999);
  health.reachable();
  BOOST_TEST(log.count("available again") == 0u);
  clock.advance(1);
  health.reachable();
  health.writable();
  BOOST_TEST(log.count("available again: trouble for 25 s, 1000 tries failed") == 1u, log.all());
  lost();
  BOOST_TEST(log.count("store unavailable") == 2u);
}

// Nobody came while it was well: the next failure is told as a new one, after the end of the last.
BOOST_AUTO_TEST_CASE(nobody_came) {
  lost();
  clock.advance(2'000);
  health.reachable();
  clock.advance(3'600'000);
  lost();
  BOOST_TEST(log.count("available again: trouble for 2 s, 1 tries failed") == 1u, log.all());
  BOOST_TEST(log.count("store unavailable") == 2u);
}

// Each cause is told once; a full disk is not over because reads work.
BOOST_AUTO_TEST_CASE(causes) {
  for (int i = 0; i < 5; ++i) {
    lost();
    full();
  }
  BOOST_TEST(log.count("connect failed") == 1u);
  BOOST_TEST(log.count("disk full") == 1u);
  health.reachable();
  clock.advance(60'000);
  health.reachable();
  BOOST_TEST(log.count("available again") == 0u);
  health.writable();
  clock.advance(10'000);
  health.reachable();
  BOOST_TEST(log.count("available again: trouble for 60 s, 10 tries failed") == 1u, log.all());
}

// A full disk takes a small transaction now and then: what is wrong stands until all has been well
// for a while.
BOOST_AUTO_TEST_CASE(written_now_and_then) {
  BOOST_TEST(health.write_fault() == "");
  for (int i = 0; i < 10; ++i) {
    full();
    clock.advance(2'000);
    health.writable();
    clock.advance(3'000);
    health.reachable();
    BOOST_TEST(health.write_fault() == "disk full");
  }
  clock.advance(7'000);
  health.writable();
  BOOST_TEST(health.write_fault() == "");
}

// Anything else stands in the way only until something has gone through: a row that cannot be read
// is no fault of a store that takes the next one, and a server that refuses to write says why.
BOOST_AUTO_TEST_CASE(over_with_the_next_commit) {
  lost();
  BOOST_TEST(health.write_fault().find("connect failed") != std::string::npos);
  health.reachable();
  BOOST_TEST(health.write_fault() == "");
  health.failed(SqlError(SqlError::Kind::other, 0, "bad value of a column"));
  BOOST_TEST(health.write_fault() == "bad value of a column");
  health.writable();
  BOOST_TEST(health.write_fault() == "");
  full();
  clock.advance(1'000);
  health.writable();
  clock.advance(60'000);
  lost();  // nobody came in between: another trouble
  health.reachable();
  BOOST_TEST(health.write_fault() == "");
}

// Somebody else's commits go through: no trouble of the store.
BOOST_AUTO_TEST_CASE(conflicts) {
  health.failed(SqlError(SqlError::Kind::conflict, 1213, "deadlock"));
  BOOST_TEST(log.all() == "");
}

BOOST_AUTO_TEST_SUITE_END()
