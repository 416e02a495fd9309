// What operators write as numbers with units, addresses and words is read exactly or not at all.
#include <boost/test/unit_test.hpp>

#include "base/text.h"

// Proves the units, and that nothing overflows or is guessed.
BOOST_AUTO_TEST_CASE(durations_and_sizes) {
  BOOST_TEST(*base::parse_duration("500ms") == 500);
  BOOST_TEST(*base::parse_duration("5m") == 300'000);
  BOOST_TEST(*base::parse_duration("2months") == 60ll * 86'400'000);
  BOOST_TEST(*base::parse_duration("1h30m") == 5'400'000);
  BOOST_TEST(*base::parse_duration("0") == 0);
  for (const char* bad :
       {"", "5", "-5s", "s", "5 s", "5S", "5m5", "106751991168d", "99999999999999999999s"}) {
    BOOST_TEST(!base::parse_duration(bad), bad);
  }
  BOOST_TEST(*base::parse_size("256K") == 262'144);
  BOOST_TEST(*base::parse_size("4G") == 4'294'967'296);
  for (const char* bad : {"", "K", "1k", "1KB", "-1", "9999999999999G"}) {
    BOOST_TEST(!base::parse_size(bad), bad);
  }
}

// Proves that addresses are numeric and complete.
BOOST_AUTO_TEST_CASE(addresses) {
  BOOST_TEST(base::parse_host_port("[::1]:0")->host == "::1");
  BOOST_TEST(base::parse_host_port("10.0.0.1:65535")->port == 65535);
  for (const char* bad : {"", ":1", "1", "::1:7", "[10.0.0.1]:7", "10.0.0.1:", "10.0.0.1:65536",
                          "10.0.0.1:7x", "10.0.0:7"}) {
    BOOST_TEST(!base::parse_host_port(bad), bad);
  }
  BOOST_TEST(base::valid_network("2001:db8::/32"));
  BOOST_TEST(!base::valid_network("10.0.0.0/33"));
  BOOST_TEST(!base::valid_network("10.0.0.0/"));
}

// Proves that a slip of the fingers finds its word and something else finds none.
BOOST_AUTO_TEST_CASE(nearest_words) {
  BOOST_TEST(base::edit_distance("idle", "ilde") == 1u);
  BOOST_TEST(base::edit_distance("", "abc") == 3u);
  BOOST_TEST(base::nearest_word("timout", {"timeout", "tcp"}) == "timeout");
  BOOST_TEST(base::nearest_word("zzzzzz", {"timeout", "tcp"}) == "");
}

// Proves that only well-formed UTF-8 passes.
BOOST_AUTO_TEST_CASE(utf8) {
  BOOST_TEST(base::valid_utf8("a\xC3\xA9\xE6\x98\xAF\xF0\x9F\x98\x80"));
  for (const char* bad : {"\x80", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                          "\xF5\x80\x80\x80", "\xC3", "\xE6\x98"}) {
    BOOST_TEST(!base::valid_utf8(bad));
  }
}

// What others say stays one line of a log, and not an endless one.
BOOST_AUTO_TEST_CASE(lines_of_a_log) {
  BOOST_TEST(base::one_line("a\nb\tc\r\x1b[1m\x7F\xC3\xBC") == "a b c??[1m?\xC3\xBC");
  BOOST_TEST(base::one_line(std::string(100'000, 'x')).size() == 32u * 1024);
}

// What a terminal obeys, C1 and the direction of writing among it, comes to none; letters of every
// script, joiners and other octets do.
BOOST_AUTO_TEST_CASE(nothing_for_a_terminal_to_obey) {
  for (const char* mark : {"\u0080", "\u009B", "\u009F", "\u061C", "\u200E", "\u200F", "\u202A",
                           "\u202E", "\u2066", "\u2069"}) {
    BOOST_TEST(base::one_line(std::string("a") + mark + "b") == "a?b");
    BOOST_TEST(base::visible(mark).starts_with("<U+"));
    BOOST_TEST(base::visible_json(mark).starts_with("\\u"));
  }
  BOOST_TEST(base::visible("a\n\tb\x1B[1m\x7F\x9B\u202E") ==
             "a\n\tb<U+001B>[1m<U+007F><U+009B><U+202E>");
  BOOST_TEST(base::visible_json("{\n\"a\": \"\u009B\x7F\"}") == "{\n\"a\": \"\\u009B\\u007F\"}");
  for (const char* text : {"\u00A0é王😀אב\u200D\u200C\u2065\u206A", "\xE9\xFF\xC3", ""}) {
    BOOST_TEST(base::visible(text) == text);
    BOOST_TEST(base::visible_json(text) == text);
    BOOST_TEST(base::one_line(text) == text);
  }
}

// Octets of no text are shown one by one.
BOOST_AUTO_TEST_CASE(printable_octets) {
  using namespace std::string_literals;
  BOOST_TEST(base::printable(" A~\x7F\x80\xFF\0\n\x1F"s) == " A~??????");
  BOOST_TEST(base::printable("") == "");
}

// A text is cut in front of a character that does not fit, never inside it.
BOOST_AUTO_TEST_CASE(cut_between_characters) {
  const std::string text = "a\xC3\xBC\xF0\x9F\x98\x80z";
  const std::size_t wanted[] = {0, 1, 1, 3, 3, 3, 3, 7, 8, 8};
  for (std::size_t limit = 0; limit < std::size(wanted); ++limit) {
    BOOST_TEST(base::cut_text(text, limit) == text.substr(0, wanted[limit]), limit);
  }
}
