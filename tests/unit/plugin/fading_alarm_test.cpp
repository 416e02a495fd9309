// Proves that single events raise an alarm at once, that it counts them, and that it is over an
// hour after the last one.
#include "plugin/fading_alarm.h"

#include <boost/test/unit_test.hpp>

namespace {

struct Fixture {
  base::Counters counters;
  plugin::FadingAlarm alarm{"a.b", "something is wrong"};
  base::Now now{5'000'000, 0};
  std::string after(std::int64_t ms, int events = 0) {
    if (events > 0) counters.add("a.b", events);
    now.mono_ms += ms;
    return alarm.text(counters, now);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(fading_alarms, Fixture)

BOOST_AUTO_TEST_CASE(over_after_an_hour) {
  BOOST_TEST(after(0) == "");
  BOOST_TEST(after(10'000, 1) == "something is wrong (1 times)");
  BOOST_TEST(after(base::kHourMs - 1) == "something is wrong (1 times)");
  BOOST_TEST(after(0, 2) == "something is wrong (3 times)");
  BOOST_TEST(after(base::kHourMs - 1) == "something is wrong (3 times)");
  BOOST_TEST(after(1) == "");
  BOOST_TEST(after(10'000) == "");
  BOOST_TEST(after(10'000, 1) == "something is wrong (1 times)", "counted anew");
}

BOOST_AUTO_TEST_CASE(an_event_after_a_long_silence) {
  BOOST_TEST(after(5 * base::kHourMs) == "");
  BOOST_TEST(after(5 * base::kHourMs, 1) == "something is wrong (1 times)");
}

BOOST_AUTO_TEST_SUITE_END()
