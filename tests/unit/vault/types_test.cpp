// Proves that identifiers parse or fail, and that typed spellings find the canonical form.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <random>

#include "vault/types.h"

using vault::Iccid;
using vault::Msisdn;
using vault::UserKey;

namespace {

std::vector<std::string> spellings(std::string_view typed) {
  std::vector<std::string> out;
  for (const Iccid& iccid : vault::iccid_spellings(typed)) out.push_back(iccid.digits());
  return out;
}

bool contains(const std::vector<std::string>& list, const std::string& text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(types)

// EF_ICCID: nibbles swapped, F as trailing filler only; vectors of 19 and 20 digits.
BOOST_AUTO_TEST_CASE(iccid_from_and_to_the_file) {
  const auto twenty = Iccid::from_ef(*base::from_hex("98445301200100103246"));
  BOOST_REQUIRE(twenty);
  BOOST_TEST(twenty->digits() == "89443510021000012364");
  const auto nineteen = Iccid::from_ef(*base::from_hex("984453012001001032F1"));
  BOOST_REQUIRE(nineteen);
  BOOST_TEST(nineteen->digits() == "8944351002100001231");
  BOOST_TEST(nineteen->luhn_ok());
  const auto back = nineteen->to_ef();
  BOOST_TEST(base::to_hex(back) == "984453012001001032F1");
}

BOOST_AUTO_TEST_CASE(iccid_refuses_what_is_none) {
  for (const char* hex : {"98445301F00100103246",  // filler inside
                          "9844530120010010324A",  // a nibble that is no digit
                          "FFFFFFFFFFFFFFFFFFFF",  // nothing
                          "984453012001001032",    // nine octets
                          "9844530120010010324601"}) {
    BOOST_TEST(!Iccid::from_ef(*base::from_hex(hex)), hex);
  }
  for (const char* digits : {"", "123456789", "894435100210000123641", "8944x51002100001236"}) {
    BOOST_TEST(!Iccid::from_digits(digits), digits);
  }
}

// What agents and vendors type: blanks, F at either end, swapped nibbles, check digit or not.
BOOST_AUTO_TEST_CASE(iccid_spellings_find_the_card) {
  const std::string card = "8944351002100001231";
  for (const char* typed :
       {"8944351002100001231", "8944 3510 0210 0001 231", "8944351002100001231F",
        "F8944351002100001231", "984453012001001032F1", "894435100210000123"}) {
    BOOST_TEST(contains(spellings(typed), card), typed);
  }
  BOOST_TEST(spellings("8944351002100001231").front() == card);
  BOOST_TEST(contains(spellings("8944351002100001231"), "894435100210000123"));
  BOOST_TEST(spellings("").empty());
  BOOST_TEST(spellings("hello").empty());
}

BOOST_AUTO_TEST_CASE(msisdn_forms) {
  const auto number = Msisdn::from_text("+49 172 123-4567");
  BOOST_REQUIRE(number);
  BOOST_TEST(number->digits() == "491721234567");
  BOOST_TEST(Msisdn::from_text("0049 1721234567")->digits() == "491721234567");
  BOOST_TEST(base::to_hex(number->to_bcd()) == "91947112325476");
  BOOST_TEST((Msisdn::from_bcd(number->to_bcd()) == number));
  BOOST_TEST(Msisdn::from_bcd(*base::from_hex("9194711232547698F0"))->digits() ==
             "49172123456789"
             "0");
  BOOST_TEST(Msisdn::from_bcd(*base::from_hex("8100947112325476"))->digits() == "491721234567");
  const auto zeros = Msisdn::from_bcd(*base::from_hex("08000000000000"));  // found by fuzzing
  BOOST_TEST((Msisdn::from_bcd(zeros->to_bcd()) == zeros));
  for (const char* text : {"", "+", "1234", "+1234567890123456", "+49x72"}) {
    BOOST_TEST(!Msisdn::from_text(text), text);
  }
  for (const char* hex : {"91", "91FFFF", "919F7112", "91947112325476543210987654"}) {
    BOOST_TEST(!Msisdn::from_bcd(*base::from_hex(hex)), hex);
  }
}

// Damm's published example: 572 gets check digit 4.
BOOST_AUTO_TEST_CASE(damm_digit_finds_single_errors_and_swaps) {
  BOOST_TEST(vault::damm_digit("572") == 4);
  BOOST_TEST(vault::damm_digit("5724") == 0);
  const std::string good = "314159262";
  std::string whole = good.substr(0, 8);
  whole.push_back(static_cast<char>('0' + vault::damm_digit(whole)));
  BOOST_TEST(vault::damm_digit(whole) == 0);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (char c = '0'; c <= '9'; ++c) {
      std::string wrong = whole;
      wrong[i] = c;
      if (wrong != whole) BOOST_TEST(vault::damm_digit(wrong) != 0);
    }
    if (i + 1 < whole.size() && whole[i] != whole[i + 1]) {
      std::string turned = whole;
      std::swap(turned[i], turned[i + 1]);
      BOOST_TEST(vault::damm_digit(turned) != 0);
    }
  }
}

BOOST_AUTO_TEST_CASE(keys_are_random_and_carry_their_check_digit) {
  for (int digits = 6; digits <= 15; ++digits) {
    const UserKey one = UserKey::generate(digits);
    const UserKey two = UserKey::generate(digits);
    BOOST_TEST(one.ascii().size() == static_cast<std::size_t>(digits + 1));
    BOOST_TEST(one.check_digit_ok());
    BOOST_TEST(base::to_hex(one.ascii()) != base::to_hex(two.ascii()));
  }
  BOOST_TEST(!UserKey::parse(base::as_bytes("123456")));
  BOOST_TEST(!UserKey::parse(base::as_bytes("12345678901234567")));
  BOOST_TEST(!UserKey::parse(base::as_bytes("1234 567")));
}

// Every decoder meets random octets: nothing but a refusal or a valid value may come out.
BOOST_AUTO_TEST_CASE(random_octets) {
  std::mt19937 random(7);
  for (int round = 0; round < 20'000; ++round) {
    base::Bytes octets(random() % 24);
    for (auto& octet : octets) octet = static_cast<std::uint8_t>(random());
    if (const auto iccid = Iccid::from_ef(octets)) {
      const auto back = iccid->to_ef();
      BOOST_TEST((Iccid::from_ef(back) == iccid));
    }
    Msisdn::from_bcd(octets);
    vault::iccid_spellings(base::as_text(octets));
    if (const auto key = UserKey::parse(octets)) BOOST_TEST(key->ascii().size() >= 7u);
  }
}

// Ids sort by their moment, whatever their random part; two of one moment differ.
BOOST_AUTO_TEST_CASE(dated_ids) {
  const std::int64_t moment = 1'764'000'000'000;
  for (int i = 0; i < 100; ++i) {
    const auto id = vault::dated_id(moment);
    BOOST_TEST((id >= vault::first_dated_id(moment)));
    BOOST_TEST((id < vault::first_dated_id(moment + 1)));
    BOOST_TEST((id != vault::dated_id(moment)));
  }
  BOOST_TEST((vault::first_dated_id(0) == vault::RecordId{}));
}

BOOST_AUTO_TEST_SUITE_END()
