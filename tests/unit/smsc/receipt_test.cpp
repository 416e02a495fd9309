// Proves that receipts of every known dialect are understood, that ids are compared as each SMSC
// needs it, and that a person's message is not taken for one.
#include "smsc/receipt.h"

#include <boost/test/unit_test.hpp>

#include <random>

namespace {

using namespace smsc;
using Kind = vault::SmsReceipt::Kind;

base::Bytes hex(std::string_view text) { return base::from_hex(text).value(); }

DeliverSm message(std::string_view text, int esm_class = 0x04) {
  DeliverSm made;
  made.source = {1, 1, "491701234567"};
  made.destination = {0, 1, "12345"};
  made.esm_class = static_cast<std::uint8_t>(esm_class);
  const base::View octets = base::as_bytes(text);
  made.text.assign(octets.begin(), octets.end());
  return made;
}

vault::SmsReceipt read(const DeliverSm& given, IdMatch match = IdMatch::text) {
  Settings settings;
  settings.name = "a";
  settings.source = "12345";
  settings.id_match = match;
  return read_receipt(given, settings);
}

const char* const kStandard =
    "id:0000123456 sub:001 dlvrd:001 submit date:2611240905 done date:2611240906 stat:DELIVRD "
    "err:000 text:Back up?";

}  // namespace

BOOST_AUTO_TEST_SUITE(receipts)

BOOST_AUTO_TEST_CASE(the_standards_form) {
  const auto receipt = read(message(kStandard));
  BOOST_TEST(receipt.message_id == "123456");
  BOOST_TEST((receipt.kind == Kind::delivered));
  BOOST_TEST(receipt.error == "");
  BOOST_TEST(receipt.number->digits() == "491701234567");
  BOOST_TEST(receipt.smsc == "a");
}

BOOST_AUTO_TEST_CASE(dialects) {
  struct Row {
    const char* text;
    const char* id;
    Kind kind;
    const char* error;
  };
  const Row rows[] = {
      {"id:00000002 sub:001 dlvrd:000 submit date:YYMMDDhhmm done date:2611231200 stat:UNDELIV "
       "err:022 text:hi",
       "2", Kind::failed, "UNDELIV err:022"},
      {"ID:1101C1-C9D03D-F000 SUB:001 DLVRD:001 SUBMIT DATE:261124090500 DONE DATE:261124090501 "
       "STAT:delivrd ERR:0 TEXT:",
       "1101c1-c9d03d-f000", Kind::delivered, ""},
      {"id:SAR-+4917-2-1 sub:001 stat:EXPIRED err:27", "sar-+4917-2-1", Kind::failed,
       "EXPIRED err:27"},
      {"id: 77 sub: 001 dlvrd: 001 done date: 2611240906 stat: DELIVRD err: 0", "77",
       Kind::delivered, ""},
      {"id=AB12 stat=REJECTD err=9 done date=1", "ab12", Kind::failed, "REJECTD err:9"},
      {"stat:DELIVRD id:00 done date:1", "0", Kind::delivered, ""},
      {"id: sub:001 dlvrd:000 stat:ENROUTE err:000", "", Kind::interim, "ENROUTE err:000"},
      {"id:5\nstat:UNKNOWN\nerr:1", "5", Kind::interim, "UNKNOWN err:1"},
      {"id:5 status:DELIVERED error:0", "5", Kind::delivered, ""},
      {"id:5 stat:ACCEPTD", "5", Kind::interim, "ACCEPTD"},
      {"id:5 stat:DELETED", "5", Kind::failed, "DELETED"},
      {"", "", Kind::interim, ""},
      {"nothing of the kind", "", Kind::interim, ""},
  };
  for (const Row& row : rows) {
    const auto receipt = read(message(row.text));
    BOOST_TEST(receipt.message_id == row.id, row.text);
    BOOST_TEST((receipt.kind == row.kind), row.text);
    BOOST_TEST(receipt.error == row.error, row.text);
  }
}

BOOST_AUTO_TEST_CASE(the_quoted_text_is_not_looked_at) {
  const auto receipt = read(message("id:9 stat:UNDELIV err:1 text:id:8 stat:DELIVRD"));
  BOOST_TEST(receipt.message_id == "9");
  BOOST_TEST((receipt.kind == Kind::failed));
}

BOOST_AUTO_TEST_CASE(parameters_go_before_the_text) {
  DeliverSm given = message("id:1 stat:DELIVRD done date:1");
  given.tlvs = {{tag::kReceiptedMessageId, hex("3030414200")},
                {tag::kMessageState, hex("05")},
                {tag::kNetworkError, hex("030016")},
                {tag::kUserMessageReference, hex("DEF0")}};
  auto receipt = read(given);
  BOOST_TEST(receipt.message_id == "ab");
  BOOST_TEST((receipt.kind == Kind::failed));
  BOOST_TEST(receipt.error == "DELIVRD network 3/22");
  BOOST_TEST(receipt.reference == 0xDEF0);
  // Of a wrong size or value: the text decides.
  given.tlvs = {{tag::kReceiptedMessageId, hex("00")},
                {tag::kMessageState, hex("0005")},
                {tag::kUserMessageReference, hex("01")}};
  receipt = read(given);
  BOOST_TEST(receipt.message_id == "1");
  BOOST_TEST((receipt.kind == Kind::delivered));
  BOOST_TEST(receipt.reference == 0);
  given.tlvs = {{tag::kMessageState, hex("63")}};
  BOOST_TEST((read(given).kind == Kind::delivered));
}

BOOST_AUTO_TEST_CASE(announced_as_ucs2) {
  DeliverSm ascii = message(kStandard);
  ascii.data_coding = 8;
  BOOST_TEST(read(ascii).message_id == "123456");
  DeliverSm real = message("");
  real.data_coding = 8;
  for (const char* c = kStandard; *c != 0; ++c) {
    real.text.push_back(0);
    real.text.push_back(static_cast<std::uint8_t>(*c));
  }
  BOOST_TEST(read(real).message_id == "123456");
}

// node-smpp packs every text so and says data_coding 1 (IA5).
BOOST_AUTO_TEST_CASE(in_the_gsm_alphabet) {
  const DeliverSm given = message(
      "id:msg\x11"
      "4\x02 sub:001 done date:2611230906 stat:DELIVRD");
  BOOST_TEST(read(given).message_id == "msg_4$");
}

BOOST_AUTO_TEST_CASE(in_the_payload) {
  DeliverSm given = message("");
  const base::View octets = base::as_bytes(kStandard);
  given.tlvs = {{tag::kMessagePayload, {octets.begin(), octets.end()}}};
  BOOST_TEST(read(given).message_id == "123456");
}

BOOST_AUTO_TEST_CASE(known_by_class_by_parameter_and_by_text) {
  BOOST_TEST(is_receipt(message("", 0x04)));
  BOOST_TEST(is_receipt(message("", 0x05)));  // message mode bits besides
  BOOST_TEST(is_receipt(message("", 0x20)));
  BOOST_TEST((read(message(kStandard, 0x20)).kind == Kind::interim));
  BOOST_TEST(is_receipt(message(kStandard, 0x00)));
  DeliverSm named = message("", 0x00);
  named.tlvs = {{tag::kReceiptedMessageId, hex("3100")}};
  BOOST_TEST(is_receipt(named));
  BOOST_TEST(read(named).marked);
  for (const int marked : {0x04, 0x05, 0x20}) BOOST_TEST(read(message(kStandard, marked)).marked);
  BOOST_TEST(!read(message(kStandard, 0x00)).marked);  // by its text alone
  // What people write.
  for (const char* text : {"Y", "id: 5", "my id:5 stat:DELIVRD done date:1", "id:5 stat:DELIVRD"}) {
    BOOST_TEST(!is_receipt(message(text, 0x00)), text);
    BOOST_TEST(!is_receipt(message(text, 0x01)), text);
  }
  BOOST_TEST(!is_receipt(message(kStandard, 0x40)));
  BOOST_TEST(!is_receipt(message("read", 0x08)));
}

BOOST_AUTO_TEST_CASE(addresses_that_are_not_turned_round) {
  DeliverSm given = message(kStandard);
  std::swap(given.source, given.destination);
  BOOST_TEST(read(given).number->digits() == "491701234567");
}

BOOST_AUTO_TEST_CASE(ids_as_each_smsc_needs_it) {
  const auto match = [](const char* submitted, const char* receipted, IdMatch mode) {
    return submitted_id(submitted, mode) == receipted_id(receipted, mode);
  };
  BOOST_TEST(match("00B8BE19", "B8BE19", IdMatch::text));
  BOOST_TEST(match("1101C1-C9D03D-F000", "1101c1-c9d03d-f000", IdMatch::text));
  BOOST_TEST(!match("00B8BE19", "B8BE19", IdMatch::exact));
  BOOST_TEST(match("1E240", "123456", IdMatch::hex_dec));
  BOOST_TEST(match("0001e240", "0000123456", IdMatch::hex_dec));
  BOOST_TEST(match("123456", "1E240", IdMatch::dec_hex));
  BOOST_TEST(match("ffffffffffffffff", "18446744073709551615", IdMatch::hex_dec));
  // What is no number is text in every mode.
  BOOST_TEST(match("msg_id_not_implemented", "MSG_id_not_implemented", IdMatch::hex_dec));
  BOOST_TEST(match("1ffffffffffffffff", "1FFFFFFFFFFFFFFFF", IdMatch::hex_dec));
  BOOST_TEST(match("", "", IdMatch::hex_dec));
  BOOST_TEST(!match("A", "", IdMatch::text));
  BOOST_TEST(submitted_id("000", IdMatch::text) == "0");
}

BOOST_AUTO_TEST_CASE(random_octets) {
  std::mt19937 random(3);
  const std::string pattern = kStandard;
  for (int round = 0; round < 20'000; ++round) {
    DeliverSm given = message(pattern, round % 2 == 0 ? 4 : 0);
    for (int i = 0; i < 5; ++i) {
      given.text[random() % given.text.size()] = static_cast<std::uint8_t>(random());
    }
    given.text.resize(random() % (given.text.size() + 1));
    (void)is_receipt(given);
    const auto receipt = read(given);
    BOOST_TEST(receipt.message_id.size() <= 65u);
    BOOST_TEST(receipt.error.size() <= 60u);
  }
}

BOOST_AUTO_TEST_SUITE_END()
