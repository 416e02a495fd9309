// Proves calendar arithmetic against dates worked out by hand: month ends, leap years, clock
// changes, hours over midnight; and that the process's own zone plays no part.
#include <boost/test/unit_test.hpp>

#include <cstdlib>

#include "base/time.h"
#include "vault/calendar.h"

using namespace vault;

namespace {

std::int64_t utc(int year, int month, int day, int hour = 0, int minute = 0, int second = 0) {
  return base::from_civil({year, month, day, hour, minute, second});
}

std::string after(const Calendar& calendar, std::int64_t from, Interval interval) {
  return base::iso_date(calendar.add(from, interval));
}

const Hours kOffice{9 * 60, 20 * 60};

}  // namespace

BOOST_AUTO_TEST_SUITE(calendar)

BOOST_AUTO_TEST_CASE(months_in_utc) {
  const Calendar c = Calendar::utc();
  const struct {
    std::int64_t from;
    int months;
    const char* to;
  } rows[] = {
      {utc(2026, 1, 31, 12), 1, "2026-02-28T12:00:00Z"},
      {utc(2024, 1, 31, 12), 1, "2024-02-29T12:00:00Z"},
      {utc(2025, 12, 31, 23, 59, 59), 2, "2026-02-28T23:59:59Z"},
      {utc(2026, 11, 24, 9, 5), 2, "2027-01-24T09:05:00Z"},
      {utc(2026, 8, 31), 1, "2026-09-30T00:00:00Z"},
      {utc(2024, 2, 29), 12, "2025-02-28T00:00:00Z"},
      {utc(2026, 3, 15), 0, "2026-03-15T00:00:00Z"},
  };
  for (const auto& row : rows) BOOST_TEST(after(c, row.from, {row.months, 0}) == row.to);
  BOOST_TEST(c.add(utc(2026, 1, 31) + 7, {1, 5}) == utc(2026, 2, 28) + 12);
  BOOST_TEST(c.add(1000, {0, 500}) == 1500);
}

// Two months over a clock change keep the time of day; a time that is left out moves behind it.
BOOST_AUTO_TEST_CASE(months_over_a_clock_change) {
  const auto berlin = Calendar::load("Europe/Berlin");
  BOOST_REQUIRE(berlin.has_value());
  BOOST_TEST(after(*berlin, utc(2026, 2, 15, 9), {2, 0}) == "2026-04-15T08:00:00Z");
  BOOST_TEST(after(*berlin, utc(2026, 9, 15, 8), {2, 0}) == "2026-11-15T09:00:00Z");
  // 28 February 02:30 local; on 28 March 2027 the clock goes from 02:00 to 03:00.
  BOOST_TEST(after(*berlin, utc(2027, 2, 28, 1, 30), {1, 0}) == "2027-03-28T01:00:00Z");
  // In Kiritimati (UTC+14) the last of January begins when UTC still has the 30th.
  const auto far = Calendar::load("Pacific/Kiritimati");
  BOOST_REQUIRE(far.has_value());
  BOOST_TEST(after(*far, utc(2026, 1, 30, 12), {1, 0}) == "2026-02-27T12:00:00Z");
}

BOOST_AUTO_TEST_CASE(hours_of_the_day) {
  const auto shanghai = Calendar::load("Asia/Shanghai");
  BOOST_REQUIRE(shanghai.has_value());
  BOOST_TEST(!shanghai->inside(kOffice, utc(2026, 11, 24, 0, 59, 59)));
  BOOST_TEST(shanghai->inside(kOffice, utc(2026, 11, 24, 1)));
  BOOST_TEST(shanghai->inside(kOffice, utc(2026, 11, 24, 11, 59, 59)));
  BOOST_TEST(!shanghai->inside(kOffice, utc(2026, 11, 24, 12)));
  BOOST_TEST(shanghai->next_inside(kOffice, utc(2026, 11, 24, 12)) == utc(2026, 11, 25, 1));
  BOOST_TEST(shanghai->next_inside(kOffice, utc(2026, 11, 24, 0, 30)) == utc(2026, 11, 24, 1));
  BOOST_TEST(shanghai->next_inside(kOffice, utc(2026, 11, 24, 3)) == utc(2026, 11, 24, 3));
  const Calendar plain = Calendar::utc();
  const Hours night{22 * 60, 6 * 60};
  BOOST_TEST(plain.inside(night, utc(2026, 1, 1, 23)));
  BOOST_TEST(plain.inside(night, utc(2026, 1, 1, 5, 59)));
  BOOST_TEST(!plain.inside(night, utc(2026, 1, 1, 6)));
  BOOST_TEST(plain.next_inside(night, utc(2026, 1, 1, 12)) == utc(2026, 1, 1, 22));
  BOOST_TEST(plain.inside({0, 24 * 60}, utc(2026, 1, 1)));
  BOOST_TEST(plain.inside({600, 600}, utc(2026, 1, 1)));
}

// Whatever the moment, the next one inside is inside, not before, and within two days.
BOOST_AUTO_TEST_CASE(next_inside_over_a_year) {
  const auto zone = Calendar::load("America/Asuncion");
  BOOST_REQUIRE(zone.has_value());
  for (const Hours hours : {kOffice, Hours{2 * 60, 3 * 60}, Hours{22 * 60, 60}}) {
    for (std::int64_t at = utc(2024, 1, 1); at < utc(2025, 1, 1); at += 47 * base::kMinuteMs) {
      const std::int64_t next = zone->next_inside(hours, at);
      BOOST_REQUIRE(next >= at);
      BOOST_REQUIRE(next - at <= 2 * base::kDayMs);
      BOOST_REQUIRE_MESSAGE(zone->inside(hours, next), base::iso_date(at));
    }
  }
}

BOOST_AUTO_TEST_CASE(days_and_dates) {
  const auto tokyo = Calendar::load("Asia/Tokyo");
  BOOST_REQUIRE(tokyo.has_value());
  BOOST_TEST(tokyo->date(utc(2026, 11, 24, 15)) == "2026-11-25");
  BOOST_TEST(tokyo->day(utc(2026, 11, 24, 14, 59)) + 1 == tokyo->day(utc(2026, 11, 24, 15)));
  BOOST_TEST(Calendar::utc().day(utc(1970, 1, 2)) == 1);
}

BOOST_AUTO_TEST_CASE(unknown_zones_are_refused) {
  for (const char* name : {"", "Europe/Nowhere", "../../etc/passwd", "\xFF", "CET+"}) {
    BOOST_TEST(!Calendar::load(name).has_value(), name);
  }
}

// TZ of the process neither matters nor changes.
BOOST_AUTO_TEST_CASE(the_process_keeps_its_zone) {
  const char* const before = std::getenv("TZ");
  const auto berlin = Calendar::load("Europe/Berlin");
  BOOST_TEST(berlin->date(utc(2026, 11, 24, 23, 30)) == "2026-11-25");
  BOOST_TEST(std::getenv("TZ") == before);
}

BOOST_AUTO_TEST_CASE(written_forms) {
  BOOST_TEST((parse_interval("2months") == Interval{2, 0}));
  BOOST_TEST((parse_interval("60d") == Interval{0, 60 * base::kDayMs}));
  BOOST_TEST((parse_interval("1months12h") == Interval{1, 12 * base::kHourMs}));
  for (const char* bad : {"", "0", "0d", "months", "2", "-1months", "1months2months", "9999months",
                          "2 weeks", "1monthsx"}) {
    BOOST_TEST(!parse_interval(bad).has_value(), bad);
  }
  BOOST_TEST((parse_hours("09:00-20:00") == kOffice));
  BOOST_TEST((parse_hours(" 9 - 20 ") == kOffice));
  BOOST_TEST((parse_hours("22:30-06:15") == Hours{22 * 60 + 30, 6 * 60 + 15}));
  BOOST_TEST((parse_hours("0-24") == Hours{0, 24 * 60}));
  for (const char* bad : {"", "9", "9-", "-20", "9-25", "24-3", "9:60-20", "9:00:00-20", "a-b",
                          "9-20-21", "+9-20", "24:01-3"}) {
    BOOST_TEST(!parse_hours(bad).has_value(), bad);
  }
}

BOOST_AUTO_TEST_SUITE_END()
