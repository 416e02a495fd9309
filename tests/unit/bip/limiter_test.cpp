// Proves who is turned away after too many failures, for how long, and who never is.
#include "bip/limiter.h"

#include <boost/test/unit_test.hpp>

#include "base/log.h"

namespace {

using namespace bip;
using namespace std::string_view_literals;

base::Now at(std::int64_t ms) { return {ms, 0}; }
Address address(std::string_view text) { return parse_address(text).value(); }

}  // namespace

BOOST_AUTO_TEST_SUITE(limiter)

BOOST_AUTO_TEST_CASE(an_address_is_turned_away_for_the_rest_of_its_minute) {
  Limiter limiter;
  limiter.configure(3, 0, {});
  const Address peer = address("10.0.0.1");
  for (int i = 0; i < 3; ++i) {
    BOOST_TEST(limiter.address_allowed(peer, at(i * 1000)));
    limiter.failed(peer, "8944", at(i * 1000));
  }
  BOOST_TEST(!limiter.address_allowed(peer, at(3000)));
  BOOST_TEST(!limiter.address_allowed(peer, at(59'999)));
  BOOST_TEST(limiter.address_allowed(peer, at(60'000)));
  BOOST_TEST(limiter.address_allowed(address("10.0.0.2"), at(3000)));
  BOOST_TEST(limiter.card_allowed("8944", at(3000)));  // 0: no limit by card
  limiter.failed(peer, "", at(60'000));
  BOOST_TEST(limiter.address_allowed(peer, at(60'001)));  // a new window
}

BOOST_AUTO_TEST_CASE(a_card_is_counted_over_all_addresses) {
  Limiter limiter;
  limiter.configure(0, 2, {});
  limiter.failed(address("10.0.0.1"), "8944", at(0));
  limiter.failed(address("10.0.0.2"), "8944", at(0));
  BOOST_TEST(!limiter.card_allowed("8944", at(1)));
  BOOST_TEST(limiter.card_allowed("8945", at(1)));
  BOOST_TEST(limiter.address_allowed(address("10.0.0.1"), at(1)));
}

BOOST_AUTO_TEST_CASE(exempt_ranges_are_never_turned_away) {
  Limiter limiter;
  limiter.configure(1, 0, {"10.1.0.0/16", "nonsense", "2001:db8::/32"});
  for (const char* text : {"10.1.2.3", "2001:db8:1::5"}) {
    limiter.failed(address(text), "", at(0));
    BOOST_TEST(limiter.address_allowed(address(text), at(1)), text);
  }
  limiter.failed(address("10.2.0.1"), "", at(0));
  BOOST_TEST(!limiter.address_allowed(address("10.2.0.1"), at(1)));
}

BOOST_AUTO_TEST_CASE(an_ipv6_network_counts_as_one) {
  Limiter limiter;
  limiter.configure(1, 0, {});
  limiter.failed(address("2001:db8::1"), "", at(0));
  BOOST_TEST(!limiter.address_allowed(address("2001:db8::ffff:2"), at(1)));
  BOOST_TEST(limiter.address_allowed(address("2001:db8:0:1::1"), at(1)));
}

BOOST_AUTO_TEST_CASE(ranges_are_read_strictly) {
  for (const char* text : {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/x", "10.0.0/8", "", "/8", "::/129",
                           "10.0.0.0/-1", "10.0.0.0/8 ", "10.0.0.0/-0"}) {
    BOOST_TEST(!AddressRange::parse(text).ok(), text);
  }
  for (const std::string_view text : {"10.0.0.1\0x"sv, "10.0.0.1\0/8"sv, "::1\0"sv}) {
    BOOST_TEST(!bip::parse_address(text).has_value());
    BOOST_TEST(!AddressRange::parse(text).ok());
  }
  BOOST_TEST(AddressRange::parse("0.0.0.0/0")->contains(address("1.2.3.4")));
  BOOST_TEST(!AddressRange::parse("0.0.0.0/0")->contains(address("2001:db8::1")));
  BOOST_TEST(AddressRange::parse("10.0.0.4/30")->contains(address("10.0.0.7")));
  BOOST_TEST(!AddressRange::parse("10.0.0.4/30")->contains(address("10.0.0.8")));
  BOOST_TEST(AddressRange::parse("10.0.0.4")->contains(address("10.0.0.4")));
  BOOST_TEST(!AddressRange::parse("10.0.0.4")->contains(address("10.0.0.5")));
  BOOST_TEST(AddressRange::parse("::/0")->contains(address("10.0.0.5")));
}

BOOST_AUTO_TEST_CASE(the_tables_are_bounded) {
  Limiter limiter;
  limiter.configure(0, 1, {});
  for (std::size_t i = 0; i < Limiter::kMostEntries + 1000; ++i) {
    limiter.failed(address("10.0.0.1"), base::cat("8944", i), at(0));
  }
  BOOST_TEST(limiter.entries() <= Limiter::kMostEntries);
  // The newest is among them.
  BOOST_TEST(!limiter.card_allowed(base::cat("8944", Limiter::kMostEntries + 999), at(1)));
}

BOOST_AUTO_TEST_SUITE_END()
