// Proves what the vault is given of a message from a phone or a card: text in every coding, user
// data as it came, the place in a concatenated message, and a mark that only a repetition shares.
#include "smsc/incoming.h"

#include <boost/test/unit_test.hpp>

#include <random>

namespace {

using namespace smsc;

base::Bytes hex(std::string_view text) { return base::from_hex(text).value(); }

constexpr std::int64_t kWindow = 600'000;

base::Now at(std::int64_t ms) { return {ms, 1'764'000'000'000 + ms}; }

DeliverSm message(std::string_view content_hex, int data_coding = 0, int esm_class = 0,
                  std::string from = "491701234567") {
  DeliverSm made;
  made.source = {1, 1, std::move(from)};
  made.destination = {0, 1, "12345"};
  made.esm_class = static_cast<std::uint8_t>(esm_class);
  made.data_coding = static_cast<std::uint8_t>(data_coding);
  made.text = hex(content_hex);
  return made;
}

vault::IncomingSms read(const DeliverSm& given) {
  Settings settings;
  settings.name = "a";
  return read_incoming(given, settings, at(5));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(incoming)

BOOST_AUTO_TEST_CASE(a_text) {
  const auto sms = read(message("59"));
  BOOST_TEST(sms.text == "Y");
  BOOST_TEST(!sms.binary);
  BOOST_TEST(sms.from->digits() == "491701234567");
  BOOST_TEST(sms.to == "12345");
  BOOST_TEST(sms.smsc == "a");
  BOOST_TEST(sms.parts == 1);
  BOOST_TEST(sms.at == at(5).utc_ms);
  BOOST_TEST(read(message("59", 1, 1)).text == "Y");  // as osmo-msc sends it
  BOOST_TEST(read(message("FF39", 8)).text == "\xEF\xBC\xB9");
  BOOST_TEST(read(message("00")).text == "@");
  BOOST_TEST(!read(message("59", 0, 0, "Bank")).from.has_value());
  BOOST_TEST(read(message("59", 0, 0, "+491701234567")).from->digits() == "491701234567");
}

BOOST_AUTO_TEST_CASE(an_answer_of_a_card) {
  for (int data_coding : {0xF6, 0x04, 0x02, 0x00}) {
    const auto sms = read(message("027100001C12", data_coding, 0x40));
    BOOST_TEST(sms.binary);
    BOOST_TEST(base::to_hex(sms.user_data) == "027100001C12");
    BOOST_TEST(sms.text == "");
  }
}

BOOST_AUTO_TEST_CASE(parts_of_a_text) {
  auto sms =
      read(message("050003AA0302"
                   "4142",
                   0, 0x40));
  BOOST_TEST(sms.text == "AB");
  BOOST_TEST(sms.reference == 0xAA);
  BOOST_TEST(sms.parts == 3);
  BOOST_TEST(sms.part == 2);
  sms =
      read(message("060804BEEF0201"
                   "0041",
                   8, 0x40));
  BOOST_TEST(sms.text == "A");
  BOOST_TEST(sms.reference == 0xBEEF);
  BOOST_TEST(sms.parts == 2);
  DeliverSm sar = message("41");
  sar.tlvs = {{tag::kSarReference, hex("0007")},
              {tag::kSarTotal, hex("02")},
              {tag::kSarSequence, hex("02")}};
  sms = read(sar);
  BOOST_TEST(sms.reference == 7);
  BOOST_TEST(sms.part == 2);
}

BOOST_AUTO_TEST_CASE(elements_in_any_order) {
  for (const char* text : {"0771000003AA0201FF", "070003AA02017100FF",
                           "090A0199"
                           "0003AA0201"
                           "7100FF"}) {
    base::Bytes octets = hex(text);
    if (octets[0] == 9) octets[0] = 10;
    const auto header = read_user_data_header(octets);
    BOOST_REQUIRE(header.has_value());
    BOOST_TEST(header->secured);
    BOOST_TEST(header->parts == 2);
    BOOST_TEST(header->part == 1);
    BOOST_TEST(header->size == octets.size() - 1);
  }
  // A part that cannot be is none; what does not fit is no header.
  for (const char* text : {"050003AA0200", "050003AA0203", "050003AA0001", "050003AA0101"}) {
    BOOST_TEST(read_user_data_header(hex(text))->parts == 1);
  }
  for (const char* text : {"", "05", "050003AA02"}) {
    BOOST_TEST(!read_user_data_header(hex(text)).has_value());
  }
  BOOST_TEST(read_user_data_header(hex("0300FF01"))->parts == 1);
  // Such a text is shown with its octets rather than lost.
  BOOST_TEST(read(message("FF41", 3, 0x40)).text ==
             "\xC3\xBF"
             "A");
}

BOOST_AUTO_TEST_CASE(the_same_again_has_the_same_mark) {
  Marks marks;
  const auto first = marks.mark(message("59"), false, kWindow, at(0));
  BOOST_TEST((marks.mark(message("59"), false, kWindow, at(60'000)) == first));
  Marks other_instance;
  BOOST_TEST((other_instance.mark(message("59"), false, kWindow, at(1'000)) == first));
  // Across the border of two periods, in the same process.
  BOOST_TEST((marks.mark(message("59"), false, kWindow, at(kWindow - 1)) == first));
  BOOST_TEST((marks.mark(message("59"), false, kWindow, at(kWindow)) != first));
}

// STOP, START, STOP within a minute: the last one counts.
BOOST_AUTO_TEST_CASE(the_same_words_after_others_are_new) {
  Marks marks;
  const auto stop = marks.mark(message("53"), false, kWindow, at(0));
  const auto start = marks.mark(message("54"), false, kWindow, at(1));
  const auto again = marks.mark(message("53"), false, kWindow, at(2));
  BOOST_TEST((stop != start));
  BOOST_TEST((again != stop));
  BOOST_TEST((marks.mark(message("53"), false, kWindow, at(3)) == again));
  BOOST_TEST((marks.mark(message("54"), false, kWindow, at(4)) != start));
}

BOOST_AUTO_TEST_CASE(what_differs_has_another_mark) {
  Marks marks;
  const auto first = marks.mark(message("59"), false, kWindow, at(0));
  BOOST_TEST((marks.mark(message("59", 0, 0, "491701234568"), false, kWindow, at(0)) != first));
  BOOST_TEST((Marks().mark(message("4E"), false, kWindow, at(0)) != first));
  BOOST_TEST((Marks().mark(message("59", 8), false, kWindow, at(0)) != first));
  // Parts: by their content, also when they come again in another order.
  const auto one = marks.mark(message("050003AA020141", 0, 0x40), true, kWindow, at(0));
  const auto two = marks.mark(message("050003AA020241", 0, 0x40), true, kWindow, at(0));
  BOOST_TEST((one != two));
  BOOST_TEST((marks.mark(message("050003AA020141", 0, 0x40), true, kWindow, at(9)) == one));
}

BOOST_AUTO_TEST_CASE(random_headers) {
  std::mt19937 random(4);
  for (int round = 0; round < 20'000; ++round) {
    base::Bytes octets(random() % 30);
    for (auto& octet : octets) octet = static_cast<std::uint8_t>(random() % 12);
    const auto header = read_user_data_header(octets);
    if (!header) continue;
    BOOST_TEST(header->size <= octets.size());
    BOOST_TEST(header->part >= 1);
    BOOST_TEST(header->part <= header->parts);
  }
}

BOOST_AUTO_TEST_SUITE_END()
