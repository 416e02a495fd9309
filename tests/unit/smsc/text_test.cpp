// Proves the alphabets of SMPP: every character of GSM 7 bit with its extension there and back,
// UCS2 with surrogates, and that the choice between them is the cheaper one that loses nothing.
#include "smsc/text.h"

#include <boost/test/unit_test.hpp>

#include <random>

namespace {

using namespace smsc;

base::Bytes hex(std::string_view text) { return base::from_hex(text).value(); }

std::string encoded(std::string_view utf8, Alphabet alphabet = Alphabet::gsm7) {
  const auto result = encode_text(utf8, alphabet);
  if (!result) return "none";
  return std::to_string(result->data_coding) + ":" + base::to_hex(result->octets);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(texts)

BOOST_AUTO_TEST_CASE(gsm7_by_known_octets) {
  BOOST_TEST(encoded("@\xC2\xA3$_ Aa\xC3\xA4\xC3\xA0") ==
             "0:00010211204161"
             "7B7F");
  BOOST_TEST(encoded("[]{}\\~^|\xE2\x82\xAC") == "0:1B3C1B3E1B281B291B2F1B3D1B141B401B65");
  BOOST_TEST(encoded("\xCE\x94\xCE\xA9") == "0:1015");
  BOOST_TEST(encoded("\xE6\x98\xAF") == "8:662F");
  BOOST_TEST(encoded("\xF0\x9F\x98\x80") == "8:D83DDE00");
  BOOST_TEST(encoded("`") == "8:0060");  // not in GSM 7 bit
  BOOST_TEST(encoded("\xFF") == "none");
}

BOOST_AUTO_TEST_CASE(every_septet_there_and_back) {
  for (int septet = 0; septet < 128; ++septet) {
    if (septet == kEscape) continue;
    const base::Bytes octets{static_cast<std::uint8_t>(septet)};
    const auto text = from_gsm7(octets);
    BOOST_TEST(text.size() == 1u);
    BOOST_TEST((to_gsm7(text).value() == octets), septet);
  }
  for (int septet : {0x0A, 0x14, 0x28, 0x29, 0x2F, 0x3C, 0x3D, 0x3E, 0x40, 0x65}) {
    const base::Bytes octets{kEscape, static_cast<std::uint8_t>(septet)};
    BOOST_TEST((to_gsm7(from_gsm7(octets)).value() == octets));
  }
}

BOOST_AUTO_TEST_CASE(what_the_default_alphabet_is_differs) {
  BOOST_TEST(encoded("\xC3\xA4@", Alphabet::latin1) == "0:E440");
  BOOST_TEST(encoded("\xC3\xA4", Alphabet::ascii) == "8:00E4");
  BOOST_TEST(encoded("A@", Alphabet::ascii) == "0:4140");
  BOOST_TEST(encoded("A", Alphabet::ucs2) == "8:0041");
}

BOOST_AUTO_TEST_CASE(incoming_in_every_coding) {
  BOOST_TEST(decode_text(hex("0059001B65"), Coding::default_alphabet, Alphabet::gsm7) ==
             "@Y@\xE2\x82\xAC");
  BOOST_TEST(decode_text(hex("4A41"), Coding::ascii, Alphabet::gsm7) == "JA");
  BOOST_TEST(decode_text(hex("E4"), Coding::latin1, Alphabet::gsm7) == "\xC3\xA4");
  BOOST_TEST(decode_text(hex("E4"), Coding::default_alphabet, Alphabet::latin1) == "\xC3\xA4");
  BOOST_TEST(decode_text(hex("FF39662F"), Coding::ucs2, Alphabet::gsm7) ==
             "\xEF\xBC\xB9\xE6\x98\xAF");
  BOOST_TEST(decode_text(hex("D83DDE00"), Coding::ucs2, Alphabet::gsm7) == "\xF0\x9F\x98\x80");
  BOOST_TEST(decode_text(hex("00590000"), Coding::ucs2, Alphabet::gsm7) == "Y");
  // Half a character, half a pair, a pair the wrong way round.
  BOOST_TEST(decode_text(hex("005900"), Coding::ucs2, Alphabet::gsm7) == "Y");
  BOOST_TEST(decode_text(hex("D83D"), Coding::ucs2, Alphabet::gsm7) == "\xEF\xBF\xBD");
  BOOST_TEST(decode_text(hex("DE00D83D"), Coding::ucs2, Alphabet::gsm7) ==
             "\xEF\xBF\xBD\xEF\xBF\xBD");
  BOOST_TEST(decode_text(hex("41"
                             "1B"),
                         Coding::default_alphabet, Alphabet::gsm7) == "A");
  BOOST_TEST(decode_text(hex("1B41"), Coding::default_alphabet, Alphabet::gsm7) == "A");
  BOOST_TEST(decode_text({}, Coding::ucs2, Alphabet::gsm7) == "");
}

BOOST_AUTO_TEST_CASE(codings_by_number) {
  const auto is = [](int data_coding, Coding coding) {
    return coding_of(static_cast<std::uint8_t>(data_coding)) == coding;
  };
  BOOST_TEST(is(0x00, Coding::default_alphabet));
  BOOST_TEST(is(0x01, Coding::ascii));
  BOOST_TEST(is(0x03, Coding::latin1));
  BOOST_TEST(is(0x08, Coding::ucs2));
  for (int binary : {0x02, 0x04, 0xF4, 0xF5, 0xF6, 0xF7, 0x15, 0x16}) {
    BOOST_TEST(is(binary, Coding::binary), binary);
  }
  BOOST_TEST(is(0xF0, Coding::default_alphabet));
  BOOST_TEST(is(0x18, Coding::ucs2));
  BOOST_TEST(is(0xE0, Coding::ucs2));
}

BOOST_AUTO_TEST_CASE(random_octets_give_utf8) {
  std::mt19937 random(5);
  for (int round = 0; round < 5'000; ++round) {
    base::Bytes octets(random() % 40);
    for (auto& octet : octets) octet = static_cast<std::uint8_t>(random());
    for (Coding coding : {Coding::default_alphabet, Coding::ascii, Coding::latin1, Coding::ucs2}) {
      const std::string text = decode_text(octets, coding, Alphabet::gsm7);
      BOOST_TEST(to_codepoints(text).has_value());
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
