// Proves the cuts of outgoing messages: the limits of one SMS, no broken character at any length,
// the four forms of concatenation, and secured packets as TS 31.115 wants them.
#include "smsc/segments.h"

#include <boost/test/unit_test.hpp>

#include "smsc/incoming.h"
#include "smsc/text.h"

namespace {

using namespace smsc;

vault::OutgoingSms outgoing(std::string text = "", base::Bytes packet = {}) {
  return {0x123456789ABCDEF0,
          vault::SmsKind::reminder,
          vault::Msisdn::from_text("+491701234567").value(),
          std::move(text),
          std::move(packet),
          0,
          0,
          ""};
}

Settings settings(Concat concat = Concat::udh8) {
  Settings made;
  made.source = "12345";
  made.concat = concat;
  return made;
}

std::string repeated(std::string_view text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

// The text as a phone would put it together.
std::string joined(const std::vector<SubmitSm>& parts) {
  std::string text;
  for (const SubmitSm& part : parts) {
    const std::size_t skip = (part.esm_class & kUdhi) != 0 ? 1u + part.text[0] : 0u;
    text += decode_text(part.content().subspan(skip), coding_of(part.data_coding), Alphabet::gsm7);
  }
  return text;
}

const char* const kEuro = "\xE2\x82\xAC";       // two septets
const char* const kSmile = "\xF0\x9F\x98\x80";  // a surrogate pair

}  // namespace

BOOST_AUTO_TEST_SUITE(cuts)

BOOST_AUTO_TEST_CASE(a_short_text_is_one_message) {
  auto sms = outgoing("Back up? Y/N");
  sms.validity_ms = 36 * base::kHourMs;
  const auto parts = cut(sms, settings());
  BOOST_REQUIRE(parts.ok());
  BOOST_REQUIRE(parts->size() == 1u);
  const SubmitSm& part = parts->front();
  BOOST_TEST(int{part.esm_class} == 0);
  BOOST_TEST(int{part.data_coding} == 0);
  BOOST_TEST(part.destination.digits == "491701234567");
  BOOST_TEST(part.source.digits == "12345");
  BOOST_TEST(int{part.registered_delivery} == 1);
  BOOST_TEST(part.validity == "000001120000000R");
  BOOST_TEST(base::to_hex(part.find(tag::kUserMessageReference)->value) == "DEF0");
}

BOOST_AUTO_TEST_CASE(the_limits_of_one_sms) {
  const auto count = [](const std::string& text, Concat concat) {
    const auto parts = cut(outgoing(text), settings(concat));
    BOOST_REQUIRE(parts.ok());
    BOOST_TEST(joined(*parts) == text);
    return parts->size();
  };
  for (Concat concat : {Concat::udh8, Concat::udh16}) {
    const int gsm = concat == Concat::udh8 ? 153 : 152;
    const int ucs = concat == Concat::udh8 ? 67 : 66;
    BOOST_TEST(count(repeated("@", 160), concat) == 1u);
    BOOST_TEST(count(repeated("@", 161), concat) == 2u);
    BOOST_TEST(count(repeated("a", 2 * gsm), concat) == 2u);
    BOOST_TEST(count(repeated("a", 2 * gsm + 1), concat) == 3u);
    BOOST_TEST(count(repeated("\xE6\x98\xAF", 70), concat) == 1u);
    BOOST_TEST(count(repeated("\xE6\x98\xAF", 71), concat) == 2u);
    BOOST_TEST(count(repeated("\xE6\x98\xAF", 2 * ucs), concat) == 2u);
    BOOST_TEST(count(repeated("\xE6\x98\xAF", 2 * ucs + 1), concat) == 3u);
  }
  BOOST_TEST(count(repeated(kEuro, 80), Concat::udh8) == 1u);
  BOOST_TEST(count(repeated(kEuro, 81), Concat::udh8) == 2u);
}

BOOST_AUTO_TEST_CASE(no_character_is_cut_at_any_place) {
  for (Concat concat : {Concat::udh8, Concat::udh16, Concat::sar}) {
    for (int before = 140; before < 165; ++before) {
      const std::string text = repeated("a", before) + repeated(kEuro, 100);
      const auto parts = cut(outgoing(text), settings(concat));
      BOOST_REQUIRE(parts.ok());
      BOOST_TEST(joined(*parts) == text);
      for (const SubmitSm& part : *parts) BOOST_TEST(int{part.text.back()} != int{kEscape});
    }
    for (int before = 55; before < 75; ++before) {
      const std::string text = repeated("\xE6\x98\xAF", before) + repeated(kSmile, 60);
      const auto parts = cut(outgoing(text), settings(concat));
      BOOST_REQUIRE(parts.ok());
      BOOST_TEST(joined(*parts) == text);
      for (const SubmitSm& part : *parts) BOOST_TEST(part.text.size() <= 140u);
    }
  }
}

BOOST_AUTO_TEST_CASE(the_headers_of_concatenation) {
  const std::string text = repeated("b", 320);
  const auto udh8 = cut(outgoing(text), settings(Concat::udh8));
  BOOST_REQUIRE(udh8.ok());
  BOOST_REQUIRE(udh8->size() == 3u);
  BOOST_TEST(base::to_hex(base::View(udh8->at(1).text).first(7)) == "050003F0030262");
  BOOST_TEST(int{udh8->at(1).esm_class} == 0x40);
  const auto udh16 = cut(outgoing(text), settings(Concat::udh16));
  BOOST_TEST(base::to_hex(base::View(udh16->at(2).text).first(7)) == "060804DEF00303");
  const auto sar = cut(outgoing(text), settings(Concat::sar));
  BOOST_REQUIRE(sar->size() == 3u);
  BOOST_TEST(int{sar->at(0).esm_class} == 0);
  BOOST_TEST(base::to_hex(sar->at(0).find(tag::kSarReference)->value) == "DEF0");
  BOOST_TEST(base::to_hex(sar->at(0).find(tag::kSarTotal)->value) == "03");
  BOOST_TEST(base::to_hex(sar->at(2).find(tag::kSarSequence)->value) == "03");
  const auto payload = cut(outgoing(text), settings(Concat::payload));
  BOOST_REQUIRE(payload->size() == 1u);
  BOOST_TEST(payload->at(0).text.empty());
  BOOST_TEST(payload->at(0).content().size() == 320u);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_sent) {
  BOOST_TEST(!cut(outgoing(""), settings()).ok());
  BOOST_TEST(!cut(outgoing("\xFF"), settings()).ok());
  BOOST_TEST(cut(outgoing(repeated("a", 1530)), settings()).ok());
  BOOST_TEST(!cut(outgoing(repeated("a", 1531)), settings()).ok());
  BOOST_TEST(!cut(outgoing("", base::Bytes(60'000, 1)), settings()).ok());
}

BOOST_AUTO_TEST_CASE(a_wake_up_that_fits) {
  for (std::size_t size : {std::size_t{1}, std::size_t{137}}) {
    const auto parts = cut(outgoing("", base::Bytes(size, 0x15)), settings());
    BOOST_REQUIRE(parts.ok());
    BOOST_REQUIRE(parts->size() == 1u);
    const SubmitSm& part = parts->front();
    BOOST_TEST(int{part.protocol_id} == 0x7F);
    BOOST_TEST(int{part.data_coding} == 0xF6);
    BOOST_TEST(int{part.esm_class} == 0x40);
    BOOST_TEST(base::to_hex(base::View(part.text).first(4)) == "02700015");
    BOOST_TEST(part.text.size() == size + 3);
  }
  Settings other = settings();
  other.binary_data_coding = 0x04;
  BOOST_TEST(int{cut(outgoing("", {1}), other)->front().data_coding} == 4);
}

BOOST_AUTO_TEST_CASE(a_packet_of_several_parts) {
  for (Concat concat : {Concat::udh8, Concat::udh16, Concat::sar, Concat::payload}) {
    for (std::size_t size = 138; size < 420; ++size) {
      base::Bytes packet(size);
      for (std::size_t i = 0; i < size; ++i) packet[i] = static_cast<std::uint8_t>(i);
      const auto parts = cut(outgoing("", packet), settings(concat));
      BOOST_REQUIRE(parts.ok());
      base::Bytes again;
      int number = 0;
      for (const SubmitSm& part : *parts) {
        BOOST_TEST(part.text.size() <= 140u);
        const auto header = read_user_data_header(part.text);
        BOOST_REQUIRE(header.has_value());
        BOOST_TEST(header->secured == (number == 0));
        BOOST_TEST(header->part == ++number);
        BOOST_TEST(header->parts == static_cast<int>(parts->size()));
        again.insert(again.end(), part.text.begin() + static_cast<std::ptrdiff_t>(header->size),
                     part.text.end());
      }
      BOOST_TEST((again == packet));
    }
  }
  const auto parts = cut(outgoing("", base::Bytes(132 + 134, 1)), settings());
  BOOST_TEST(parts->size() == 2u);
  BOOST_TEST(base::to_hex(base::View(parts->at(0).text).first(8)) == "0770000003F00201");
  BOOST_TEST(base::to_hex(base::View(parts->at(1).text).first(6)) == "050003F00202");
}

BOOST_AUTO_TEST_CASE(relative_times) {
  BOOST_TEST(relative_time(0) == "");
  BOOST_TEST(relative_time(1) == "000000000100000R");
  BOOST_TEST(relative_time(base::kDayMs) == "000001000000000R");
  BOOST_TEST(relative_time(7 * base::kDayMs + 3'723'000) == "000007010203000R");
  BOOST_TEST(relative_time(INT64_MAX) == "010221000000000R");
}

BOOST_AUTO_TEST_SUITE_END()
