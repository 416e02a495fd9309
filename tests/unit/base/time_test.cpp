// Proves the calendar: one function does all of it, here is its table.
#include <boost/test/unit_test.hpp>

#include "base/time.h"

using namespace base;

namespace {

std::int64_t at(int year, int month, int day, int hour = 0, int minute = 0, int second = 0) {
  return from_civil({year, month, day, hour, minute, second});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(calendar)

BOOST_AUTO_TEST_CASE(known_moments) {
  BOOST_TEST(at(1970, 1, 1) == 0);
  BOOST_TEST(at(2026, 11, 24, 9, 5, 0) == 1'795'511'100'000);
  BOOST_TEST(iso_date(1'795'511'100'000) == "2026-11-24T09:05:00Z");
  BOOST_TEST(iso_date(-1) == "1969-12-31T23:59:59Z");
}

BOOST_AUTO_TEST_CASE(months_end_where_the_month_ends) {
  BOOST_TEST(add_months(at(2026, 12, 31, 23, 59, 59), 2) == at(2027, 2, 28, 23, 59, 59));
  BOOST_TEST(add_months(at(2027, 12, 31), 2) == at(2028, 2, 29));
  BOOST_TEST(add_months(at(2026, 8, 15), 2) == at(2026, 10, 15));
  BOOST_TEST(add_months(at(2026, 11, 30), 2) == at(2027, 1, 30));
  BOOST_TEST(add_months(at(2026, 3, 31), -1) == at(2026, 2, 28));
}

BOOST_AUTO_TEST_CASE(wire_dates) {
  const std::int64_t moment = at(2026, 11, 24, 9, 5, 7);
  const Bytes wire = to_bcd_date(moment);
  BOOST_TEST(to_hex(wire) == "20261124090507");
  BOOST_TEST((from_bcd_date(wire) == moment));
  for (const char* hex : {"20261324090507", "20261131090507", "20261124240507", "2026112409050A",
                          "202611240905", "2026112409050700", "20260229000000"}) {
    BOOST_TEST(!from_bcd_date(*from_hex(hex)), hex);
  }
}

BOOST_AUTO_TEST_SUITE_END()
