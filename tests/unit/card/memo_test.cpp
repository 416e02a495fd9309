// The date of a memo: what the terminal answers is local time with its zone, or nothing useful.
#include "card/memo.h"

#include <boost/test/unit_test.hpp>

#include "tests/support/card_world.h"
#include "tests/support/lone_applet.h"

using namespace card;

namespace {

// The date that a memo gets when the terminal answers so to "date, time and zone".
std::string date_for(const std::string& result) {
  card_test::LoneApplet alone(card_test::test_card(card_test::kIccid));
  alone.menu(Applet::kMemo);
  alone.answer("830100 8D020441");
  alone.answer("830100 8D020442");
  BOOST_CHECK(alone.fetch().type == CommandType::provide_local_information);
  BOOST_TEST(alone.last.qualifier == info::kDateTime);
  alone.answer(result);
  const auto memos = read_memos(*alone.card.files.find(path::memos()));
  BOOST_REQUIRE(memos.size() == 1u);
  BOOST_TEST(memos[0].title == "A");
  return memos[0].date ? base::to_hex(*memos[0].date) : "none";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(memo)

// The first is the conformance tests': 7 May 2002, 14:08:17, zone not known.
BOOST_AUTO_TEST_CASE(local_time_becomes_utc) {
  BOOST_TEST(date_for("830100 A607205070418071FF") == "20020507140817");
  BOOST_TEST(date_for("830100 A60720507041807100") == "20020507140817");
  BOOST_TEST(date_for("830100 A60720507041807180") == "20020507120817");  // two hours east
  BOOST_TEST(date_for("830100 A60720507041807188") == "20020507160817");  // and west
  // The last minute of 2026 in UTC, from the first of 2027 further east; a leap day.
  BOOST_TEST(date_for("830100 A60772101000009540") == "20261231230059");
  BOOST_TEST(date_for("830100 A60742201000000080") == "20240131220000");
  BOOST_TEST(date_for("830100 A60742209221000000") == "20240229120000");
}

// A memo is kept without a date rather than with one that is none.
BOOST_AUTO_TEST_CASE(what_is_no_date) {
  for (const char* result :
       {"830130", "83012001", "830100", "830100 A600", "830100 A606205070418071",
        "830100 A60820507041807100FF", "830100 A607FFFFFFFFFFFFFF", "830100 A60700000000000000",
        "830100 A60720317041807100", "830100 A60720502341807100", "830100 A60732209242000000",
        "830100 A60720507042807100", "830100 A60720507041067100", "830100 A60720507041800600",
        "830100 A607205070418071F0", "830100 A607205070418071A0"}) {
    BOOST_TEST(date_for(result) == "none", result);
  }
}

BOOST_AUTO_TEST_SUITE_END()
