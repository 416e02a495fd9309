// What goes through the last net under a log.
#include "base/seldom_log.h"

#include <boost/test/unit_test.hpp>

#include "tests/support/collected_log.h"
#include "tests/support/fake_clock.h"

namespace {

struct Fixture {
  support::CollectedLog out;
  support::FakeClock clock;
  base::SeldomLog log{out, clock};

  void repeat(int times) {
    for (int i = 0; i < times; ++i) log.error("plugin.key_service", base::cat("card ", i));
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(seldom_log, Fixture)

BOOST_AUTO_TEST_CASE(ten_a_minute) {
  repeat(1000);
  log.info("bip.stopped", "stopped");
  BOOST_TEST(out.count("plugin.key_service: card") == 10u);
  BOOST_TEST(out.count("bip.stopped") == 1u);
  clock.advance(59'999);
  repeat(1);
  log.tell_left_out();
  BOOST_TEST(out.count("more lines") == 0u);
  clock.advance(1);
  log.tell_left_out();
  log.tell_left_out();
  BOOST_TEST(out.count("plugin.key_service: 991 more lines like the last ones") == 1u, out.all());
  repeat(3);
  BOOST_TEST(out.count("plugin.key_service: card") == 13u);
}

// Without anybody who asks, the next line of the next minute tells.
BOOST_AUTO_TEST_CASE(told_with_the_next) {
  repeat(12);
  clock.advance(60'000);
  repeat(1);
  BOOST_TEST(out.count("2 more lines") == 1u);
  BOOST_TEST(out.count("card 0") == 2u);
  clock.advance(60'000);
  repeat(1);
  BOOST_TEST(out.count("more lines") == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
