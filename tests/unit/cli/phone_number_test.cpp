// Numbers as operations write them: an international one is taken in each spelling, a national one
// only with the country's code, and nothing else.
#include "cli/phone_number.h"
#include "tests/unit/cli/tools.h"

using namespace tools;

namespace {

// "number", "number?" when it was taken as international, or "!fault".
std::string read(std::string_view text, std::string_view country_code = {}) {
  const cli::TypedNumber typed = cli::read_number(text, country_code);
  if (!typed.number) return "!" + typed.fault;
  BOOST_TEST(typed.fault.empty());
  return typed.number->digits() + (typed.without_plus ? "?" : "");
}

const std::string kNational =
    "!is a national number: write + and the country code in place of its first 0";
const std::string kNoCode = "!is wrong: no country code begins with 0";
const std::string kNone = "!is not an international number";

}  // namespace

BOOST_AUTO_TEST_SUITE(phone_number)

BOOST_AUTO_TEST_CASE(spellings) {
  const std::string number = "8613800138001";
  for (const char* text : {"+8613800138001", "008613800138001", "+86 138-0013-8001",
                           "00 86 (138) 0013.8001", "+86/13800138001"}) {
    BOOST_TEST(read(text) == number, text);
    BOOST_TEST(read(text, "49") == number, text);
  }
  for (const char* text : {"8613800138001", "86 138 0013 8001"}) {
    BOOST_TEST(read(text) == number + "?", text);
    BOOST_TEST(read(text, "86") == number + "?", text);
  }
  for (const char* text : {"013800138001", "0138 0013-8001", "(0)13800138001"}) {
    BOOST_TEST(read(text) == kNational, text);
    BOOST_TEST(read(text, "86") == number, text);
  }
}

BOOST_AUTO_TEST_CASE(none) {
  for (const char* text :
       {"+013800138001", "00013800138001", "+0", "00049", "+49 (0) 1721234567"}) {
    BOOST_TEST(read(text).starts_with("!"), text);
  }
  BOOST_TEST(read("+013800138001") == kNoCode);
  BOOST_TEST(read("00013800138001", "86") == kNoCode);
  for (const char* text : {"", "+", "00", "+86", "1234", "abc", "+8613800138001x",
                           "1234567890123456", "++8613800138001", "8613800138001+",
                           "13\xC2\xA0"
                           "800138001"}) {
    BOOST_TEST(read(text) == kNone, text);
    BOOST_TEST(read(text, "86") == kNone, text);
  }
  BOOST_TEST(read("0", "86") == kNone);
  BOOST_TEST(read("01234567890123456", "86") == kNone);
}

BOOST_AUTO_TEST_CASE(country_codes) {
  for (const char* text : {"86", "+86"}) BOOST_TEST(cli::read_country_code(text).value() == "86");
  BOOST_TEST(cli::read_country_code("1").has_value());
  BOOST_TEST(cli::read_country_code("+420").has_value());
  for (const char* text : {"", "+", "0", "086", "0086", "++86", "8 6", "86x", "4200"}) {
    BOOST_TEST(!cli::read_country_code(text).has_value(), text);
  }
}

// By the tools: a national number is a bad line that says what to write, or an international one
// with --country-code; what has neither + nor 0 is told once, with how many there are.
BOOST_AUTO_TEST_CASE(imported) {
  const Laboratory lab;
  lab.set_up();
  const std::string file =
      "iccid,msisdn\n8986001234567890120,+8613800000001\n8986001234567890138,013800138001\n"
      "8986001234567890146,8613800000003\n8986001234567890153,8613800000004\n";
  const Ended bad = lab.ops({"import", "-"}, file);
  BOOST_TEST(bad.code == 1, bad.output);
  BOOST_TEST(
      contains(bad, "line 3: the msisdn " + kNational.substr(1) + ", or give --country-code\n"),
      bad.output);
  BOOST_TEST(contains(bad, "created 2, updated 0, unchanged 1, bad 1\n"), bad.output);
  const std::string warning =
      "2 numbers without + were taken as international, the first in line 4";
  BOOST_TEST(contains(bad, warning), bad.output);
  BOOST_TEST(contains(lab.care(proven({"show", "8986001234567890138"})), "+8613800000002"));
  const Ended good = lab.ops({"import", "--country-code", "+86", "-"}, file);
  BOOST_TEST(good.code == 0, good.output);
  BOOST_TEST(contains(good, warning), good.output);
  BOOST_TEST(contains(lab.care(proven({"show", "8986001234567890138"})), "+8613800138001"));
  const Ended json = lab.ops({"--json", "import", "--country-code=86", "-"}, file);
  BOOST_TEST(contains(json, "\"numbers_without_plus\": 2"), json.output);
  const Ended all = lab.ops({"import", "-"}, "iccid,msisdn\n8986001234567890120,+8613800000001\n");
  BOOST_TEST(!contains(all, "without +"), all.output);
  const Ended refused = lab.ops({"import", "--country-code", "0086", "-"}, file);
  BOOST_TEST(refused.code == 2, refused.output);
  BOOST_TEST(contains(refused, "--country-code must be"), refused.output);
  const Ended sent = lab.ops({"smsc", "send-test", "013800138001"});
  BOOST_TEST(sent.code == 2, sent.output);
  BOOST_TEST(contains(sent, "013800138001 " + kNational.substr(1) + "\n"), sent.output);
}

BOOST_AUTO_TEST_SUITE_END()
