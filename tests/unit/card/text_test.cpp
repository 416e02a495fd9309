// Codings of text and numbers: the published examples come out right, every form is read back,
// and no octets break the readers.
#include "card/text.h"

#include <boost/test/unit_test.hpp>

#include "card/number.h"
#include "tests/support/torment.h"

using namespace card;

namespace {
base::Bytes hex(std::string_view text) { return base::from_hex(text).value(); }
}  // namespace

BOOST_AUTO_TEST_SUITE(text)

BOOST_AUTO_TEST_CASE(alpha_identifiers_of_public_sources) {
  BOOST_TEST(decode_alpha(hex("8108D24D6F7A696C6C61CAFFFF")) == "Mozilla\u694A");
  BOOST_TEST(decode_alpha(hex("820869004D6F7A696C6C61CAFFFF")) == "Mozilla\u694A");
  BOOST_TEST(decode_alpha(hex("810513 5395A62E31FFFF")) == "S\u0995\u09A6.1");
  BOOST_TEST(decode_alpha(hex("820505302D82D32D31")) == "-\u0532\u0583-1");
  BOOST_TEST(decode_alpha(hex("4B756E64656E626574726575756E67FF")) == "Kundenbetreuung");
  BOOST_TEST(decode_alpha(hex("80004100E404180056FFFF")) == "A\u00E4\u0418V");
}

BOOST_AUTO_TEST_CASE(the_shortest_form_is_chosen) {
  BOOST_TEST(base::to_hex(encode_alpha("Anna", 8).value()) == "416E6E61FFFFFFFF");
  BOOST_TEST(base::to_hex(encode_alpha("Иван", 14).value()) == "81040898B2B0BDFFFFFFFFFFFFFF");
  BOOST_TEST(base::to_hex(encode_alpha("Jürg")) == "4A7E7267");
  BOOST_TEST(base::to_hex(encode_alpha("\u0532\u0583")) == "8202053280D1");
  BOOST_TEST(base::to_hex(encode_alpha("王芳")) == "80738B82B3");
  BOOST_TEST(!encode_alpha("Anna", 3).has_value());
  BOOST_TEST(encode_alpha("", 3).value() == hex("FFFFFF"));
}

BOOST_AUTO_TEST_CASE(what_is_written_is_read_back) {
  for (const char* text : {"", "a", "[]{}~^|\\€", "Größe 5 µ", "Владимир Иванов 2", "Žofie Dvořák",
                           "王伟 13", "日本語", "Ա֏-1", "@£$", "emoji \U0001F600 end"}) {
    BOOST_TEST(decode_alpha(encode_alpha(text)) == text);
    BOOST_TEST(decode_alpha(encode_alpha(text, 60).value()) == text);
    BOOST_TEST(decode_text_string(encode_text_string(text)).value() == text);
  }
}

// TS 23.038 clauses 6.2.1 and 6.2.1.1: each code of both tables there and back, and an escape pair
// of neither is shown as the basic table has it.
BOOST_AUTO_TEST_CASE(every_septet_there_and_back) {
  const std::string extension = "0A1428292F3C3D3E4065";
  for (unsigned code = 0; code < 0x80; ++code) {
    const base::Bytes alone{static_cast<std::uint8_t>(code)};
    const base::Bytes escaped{0x1B, static_cast<std::uint8_t>(code)};
    if (code == 0x1B) {
      BOOST_TEST((from_gsm(alone).empty() && from_gsm(escaped) == U" "));
      continue;
    }
    BOOST_TEST((to_gsm(from_gsm(alone)).value() == alone), code);
    const bool known = extension.find(base::to_hex(alone)) % 2 == 0;
    BOOST_TEST((to_gsm(from_gsm(escaped)).value() == (known ? escaped : alone)), code);
  }
  BOOST_TEST((from_gsm(hex("1B")).empty() && from_gsm(hex("1B80FF")) == U"  "));
  BOOST_TEST(!to_gsm(U"\x1B").has_value());
}

BOOST_AUTO_TEST_CASE(septets_pack_and_unpack) {
  BOOST_TEST(base::to_hex(pack_septets(to_gsm(from_utf8("hellohello")).value())) ==
             "E8329BFD4697D9EC37");
  for (std::size_t count = 0; count < 20; ++count) {
    base::Bytes septets;
    for (std::size_t i = 0; i < count; ++i) septets.push_back(static_cast<std::uint8_t>(127 - i));
    BOOST_TEST(unpack_septets(pack_septets(septets), count) == septets);
  }
}

BOOST_AUTO_TEST_CASE(broken_utf8_becomes_replacement_characters) {
  for (std::string_view bad : {"\xC3", "\xE4\xB8", "\xC0\x80", "\xED\xA0\x80", "\xFF", "\x80"}) {
    const std::u32string read = from_utf8(bad);
    BOOST_TEST((read.find(char32_t{0xFFFD}) != std::u32string::npos));
  }
}

BOOST_AUTO_TEST_CASE(noise_is_survived) {
  card_test::torment(hex("81040898B2B0BDFFFFFF"), [](base::View data) {
    (void)decode_alpha(data);
    (void)decode_text_string(data);
    (void)from_ucs2(data);
    (void)from_gsm(data);
    (void)from_bcd(data);
    (void)from_utf8(base::as_text(data));
  });
}

// An escape pair is one character in the shorter forms as well.
BOOST_AUTO_TEST_CASE(an_escape_in_a_shorter_form) {
  BOOST_TEST(decode_alpha(hex("810508B21B651B41")) == "\u0432€A");
}

// A base among the surrogates gives no characters, but the text stays valid UTF-8.
BOOST_AUTO_TEST_CASE(surrogates_never_reach_utf8) {
  BOOST_TEST(decode_alpha(hex("8201D82D D3")) == "\uFFFD");
  BOOST_TEST(decode_alpha(hex("80D83D0041")) == "\uFFFDA");
  BOOST_TEST(decode_text_string(hex("08DE00")).value() == "\uFFFD");
}

BOOST_AUTO_TEST_CASE(numbers_and_identifiers) {
  BOOST_TEST(base::to_hex(to_bcd("6082658001").value()) == "0628560810");
  BOOST_TEST(base::to_hex(to_bcd("*100#").value()) == "1A00FB");
  BOOST_TEST(from_bcd(hex("1A00FB")) == "*100#");
  BOOST_TEST(!to_bcd("12a").has_value());
  BOOST_TEST(to_string(parse_number("+491721234567")) == "+491721234567");
  BOOST_TEST(int{parse_number("+49").ton_npi} == 0x91);
  BOOST_TEST(to_string(dialled_number("+4917212345671234567").value()) == "+4917212345671234567");
  for (const char* none : {"", "+", "12a", "*100#", "+49 172", "++49", "123456789012345678901"}) {
    BOOST_TEST(!dialled_number(none).has_value(), none);
  }
  BOOST_TEST(int{parse_number("110").ton_npi} == 0x81);
  BOOST_TEST(base::to_hex(iccid_octets("8944350210000123").value()).substr(0, 4) == "9844");
  BOOST_TEST(base::to_hex(*iccid_octets("89443510021000012364")) == "98445301200100103246");
  BOOST_TEST(iccid_digits(hex("984453012001001032F1")) == "8944351002100001231");
  BOOST_TEST(luhn_digit("894435100210000123") == '1');
  BOOST_TEST(!iccid_octets("894435100210000123641").has_value());
  BOOST_TEST(!iccid_octets("89443510021A").has_value());
  BOOST_TEST(base::to_hex(*imei_octets("123456789012345")) == "1A32547698103254");
}

BOOST_AUTO_TEST_SUITE_END()
