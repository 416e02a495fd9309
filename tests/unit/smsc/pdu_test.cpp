// Proves the border to libsmpp34: each trap of the library is met by our own framing, limits and
// TLV walker, so that legal PDUs are read as they are and hostile ones do no harm.
#include "smsc/pdu.h"

#include <boost/test/unit_test.hpp>

#include <random>

namespace {

using namespace smsc;

base::Bytes hex(std::string_view text) { return base::from_hex(text).value(); }

// A PDU from its body in hex.
base::Bytes pdu(std::uint32_t command, std::uint32_t status, std::uint32_t sequence,
                const base::Bytes& body) {
  base::Bytes out;
  append_header(out, command, status, sequence);
  out.insert(out.end(), body.begin(), body.end());
  patch_length(out, 0);
  return out;
}

// The body is copied into a vector of its own, so that a sanitizer sees every read behind its end.
struct Framed {
  base::Bytes octets;
  Frame frame;
  explicit Framed(const base::Bytes& whole) : octets(whole.begin() + kHeaderSize, whole.end()) {
    base::Reader reader(whole);
    frame.header.length = reader.u32();
    frame.header.command = reader.u32();
    frame.header.status = reader.u32();
    frame.header.sequence = reader.u32();
    frame.body = octets;
  }
};

base::Result<Decoded> decoded(const base::Bytes& whole) {
  const Framed framed(whole);
  return decode_message(framed.frame);
}

// Mandatory part of a deliver_sm up to data_coding and sm_default_msg_id.
const char* const kFields =
    "00"
    "0101"
    "34393137363132333400"
    "0100"
    "313233343500"
    "00"
    "00"
    "00"
    "00"
    "00"
    "00"
    "00"
    "00"
    "00";

base::Bytes deliver(std::string_view text_hex, std::string_view tlvs_hex = "") {
  base::Bytes body = hex(kFields);
  const base::Bytes text = hex(text_hex);
  body.push_back(static_cast<std::uint8_t>(text.size()));
  body.insert(body.end(), text.begin(), text.end());
  const base::Bytes tlvs = hex(tlvs_hex);
  body.insert(body.end(), tlvs.begin(), tlvs.end());
  return pdu(command::kDeliverSm, 0, 7, body);
}

ShortMessage example() {
  ShortMessage message;
  message.source = {1, 1, "12345"};
  message.destination = {1, 1, "4917212345678"};
  message.esm_class = kUdhi;
  message.protocol_id = 0x7F;
  message.registered_delivery = 1;
  message.data_coding = 0xF6;
  message.text = hex("0270000003150102");
  return message;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pdus)

BOOST_AUTO_TEST_CASE(a_wake_up_on_the_wire) {
  base::Bytes out;
  BOOST_REQUIRE(append_submit_sm(out, 2, example()).ok());
  BOOST_TEST(base::to_hex(out) ==
             "0000003B"
             "00000004"
             "00000000"
             "00000002"
             "00"
             "01013132333435"
             "00"
             "010134393137323132333435363738"
             "00"
             "407F00"
             "0000"
             "0100"
             "F6"
             "00"
             "08"
             "0270000003150102");
}

BOOST_AUTO_TEST_CASE(what_is_packed_can_be_read_again) {
  ShortMessage message = example();
  message.service_type = "CMT";
  message.validity = "000001000000000R";
  message.priority = 3;
  for (std::size_t size : {0u, 1u, 140u, 159u, 253u, 254u}) {
    message.text.assign(size, 0x00);  // GSM "@"
    message.tlvs = {{tag::kUserMessageReference, hex("1234")}, {0x1401, hex("00FF")}};
    base::Bytes out = hex("AABB");  // what stands before is left alone
    BOOST_REQUIRE(append_submit_sm(out, 0x7FFFFFFF, message).ok());
    const base::Bytes whole(out.begin() + 2, out.end());
    const auto again = decoded(whole);
    BOOST_REQUIRE(again.ok());
    BOOST_TEST((again->message == message));
    BOOST_TEST(!again->odd);
    BOOST_TEST(Framed(whole).frame.header.length == whole.size());
  }
}

// What is kept of one message never shows in the next one.
BOOST_AUTO_TEST_CASE(packed_one_after_the_other_as_each_alone) {
  std::mt19937 random(5);
  std::vector<SubmitSm> messages{example()};
  const auto varied = [&](auto change) {
    messages.push_back(messages[random() % messages.size()]);
    change(messages.back());
  };
  for (int round = 0; round < 20; ++round) {
    varied([](SubmitSm& m) { m.service_type += m.service_type.size() < 5 ? "C" : ""; });
    varied([](SubmitSm& m) { m.source.digits += m.source.digits.size() < 20 ? "7" : ""; });
    varied([](SubmitSm& m) { m.source.ton ^= 1; });
    varied(
        [](SubmitSm& m) { m.destination.digits += m.destination.digits.size() < 20 ? "8" : ""; });
    varied([](SubmitSm& m) { m.destination.npi ^= 1; });
    varied([](SubmitSm& m) { m.esm_class ^= 0x40; });
    varied([](SubmitSm& m) { m.protocol_id ^= 0x7F; });
    varied([](SubmitSm& m) { m.priority ^= 1; });
    varied([](SubmitSm& m) { m.validity = m.validity.empty() ? "000001000000000R" : ""; });
    varied([](SubmitSm& m) { m.registered_delivery ^= 1; });
    varied([](SubmitSm& m) { m.data_coding ^= 0xF6; });
    varied([](SubmitSm& m) { m.text.push_back(0x41); });
    varied([](SubmitSm& m) { m.tlvs.push_back({tag::kUserMessageReference, {1, 2}}); });
    varied([](SubmitSm& m) { m.source.digits = std::string(21, '1'); });  // does not fit
  }
  SubmitPacker packer;
  for (std::uint32_t i = 1; i <= 1'000; ++i) {
    const SubmitSm& message = messages[random() % messages.size()];
    base::Bytes alone, among;
    const bool fits = append_submit_sm(alone, i, message).ok();
    BOOST_TEST(packer.append(among, i, message).ok() == fits);
    BOOST_TEST((alone == among));
  }
}

// The library packs neither TLVs above 1,024 octets nor texts of 254.
BOOST_AUTO_TEST_CASE(a_long_payload_is_packed_and_read) {
  ShortMessage message = example();
  message.text.clear();
  message.tlvs = {{tag::kMessagePayload, base::Bytes(60'000, 0x41)}};
  base::Bytes out;
  BOOST_REQUIRE(append_submit_sm(out, 1, message).ok());
  const auto again = decoded(out);
  BOOST_REQUIRE(again.ok());
  BOOST_TEST(again->message.content().size() == 60'000u);
}

// The library cuts them, changes the caller's struct and says that all is well.
BOOST_AUTO_TEST_CASE(strings_that_are_too_long_are_refused) {
  base::Bytes out;
  Bind bind;
  bind.system_id = "bipvault";
  bind.password = base::Secret(base::as_bytes("123456789"));
  const auto refused = append_bind(out, command::kBindTransceiver, 1, bind);
  BOOST_REQUIRE(!refused.ok());
  BOOST_TEST(refused.error().find("password") != std::string::npos);
  BOOST_TEST(refused.error().find("1234") == std::string::npos);
  ShortMessage message = example();
  message.destination.digits = std::string(21, '1');
  BOOST_TEST(!append_submit_sm(out, 1, message).ok());
  message = example();
  message.source.digits = std::string(
      "12\0"
      "34",
      5);
  BOOST_TEST(!append_submit_sm(out, 1, message).ok());
  message = example();
  message.text.assign(255, 0);
  BOOST_TEST(!append_submit_sm(out, 1, message).ok());
  BOOST_TEST(out.empty());
}

BOOST_AUTO_TEST_CASE(binds_on_the_wire) {
  Bind bind;
  bind.system_id = "id";
  bind.password = base::Secret(base::as_bytes("12345678"));
  bind.system_type = "VMA";
  for (std::uint32_t command :
       {command::kBindReceiver, command::kBindTransmitter, command::kBindTransceiver}) {
    base::Bytes out;
    BOOST_REQUIRE(append_bind(out, command, 1, bind).ok());
    BOOST_TEST(base::to_hex(base::View(out).subspan(8)) ==
               "00000000"
               "00000001"
               "696400"
               "313233343536373800"
               "564D4100"
               "34"
               "0000"
               "00");
    BOOST_TEST(Framed(out).frame.header.command == command);
  }
}

// 29 empty TLVs in 156 octets run over the end of the library's buffer, 100 crash it.
BOOST_AUTO_TEST_CASE(many_empty_tlvs_do_not_reach_the_library) {
  for (int count : {29, 64, 65, 100, 500}) {
    std::string tlvs;
    for (int i = 0; i < count; ++i) tlvs += "14010000";
    const auto read = decoded(deliver("", tlvs));
    BOOST_REQUIRE(read.ok());
    BOOST_TEST(read->message.tlvs.size() ==
               std::min<std::size_t>(kMaxTlvs, static_cast<std::size_t>(count)));
    BOOST_TEST(read->odd == (count > 64));
  }
  BOOST_TEST(library_text_high_water() < 1024u);
}

BOOST_AUTO_TEST_CASE(a_bad_tlv_is_left_out_and_the_message_stays) {
  // A state of two octets where one belongs, a port of four, one that is cut, odd octets behind.
  for (const char* tlvs : {"042700020102", "020A000400000001",
                           "0427000101"
                           "001E00FF4142",
                           "0427000101"
                           "001E",
                           "0427000101"
                           "00"}) {
    const auto read = decoded(deliver("59", tlvs));
    BOOST_REQUIRE(read.ok());
    BOOST_TEST(base::to_hex(read->message.content()) == "59");
    BOOST_TEST(read->message.tlvs.size() == 1u);
  }
}

BOOST_AUTO_TEST_CASE(odd_types_and_long_addresses_are_taken) {
  for (const char* addresses : {"0702", "FF10", "0612"}) {
    base::Bytes body = hex("00" + std::string(addresses) +
                           "3132330001013400"
                           "000000"
                           "0000"
                           "00000000"
                           "0159");
    const auto read = decoded(pdu(command::kDeliverSm, 0, 1, body));
    BOOST_REQUIRE(read.ok());
    BOOST_TEST(read->message.source.ton == hex(addresses)[0]);
    BOOST_TEST(read->message.source.npi == hex(addresses)[1]);
    BOOST_TEST(read->message.source.digits == "123");
  }
  base::Bytes body = hex("000101" + base::to_hex(base::as_bytes(std::string(30, '7'))) +
                         "0001013400"
                         "000000"
                         "0000"
                         "00000000"
                         "0159");
  const auto read = decoded(pdu(command::kDeliverSm, 0, 1, body));
  BOOST_REQUIRE(read.ok());
  BOOST_TEST(read->message.source.digits == std::string(20, '7'));
  BOOST_TEST(read->odd);
}

// A deliver_sm with a validity period: the library knows only the empty one there.
BOOST_AUTO_TEST_CASE(times_in_a_deliver_sm_are_taken) {
  base::Bytes body =
      hex("00"
          "010131"
          "00"
          "010132"
          "00"
          "000000"
          "00");
  const std::string time = "000001000000000R";
  body.insert(body.end(), time.begin(), time.end());
  const base::Bytes rest =
      hex("00"
          "00000000"
          "0159");
  body.insert(body.end(), rest.begin(), rest.end());
  const auto read = decoded(pdu(command::kDeliverSm, 0, 1, body));
  BOOST_REQUIRE(read.ok());
  BOOST_TEST(read->message.validity == time);
}

BOOST_AUTO_TEST_CASE(a_text_length_that_is_wrong) {
  base::Bytes small = deliver("4142");
  small[small.size() - 3] = 1;  // says 1, two octets are there
  auto read = decoded(small);
  BOOST_REQUIRE(read.ok());
  BOOST_TEST(base::to_hex(read->message.text) == "4142");
  BOOST_TEST(read->odd);
  base::Bytes large = deliver("4142");
  large[large.size() - 3] = 9;
  read = decoded(large);
  BOOST_REQUIRE(read.ok());
  BOOST_TEST(base::to_hex(read->message.text) == "4142");
  BOOST_TEST(read->odd);
  // One octet 00 too many is no text.
  read = decoded(deliver("4142", "00"));
  BOOST_REQUIRE(read.ok());
  BOOST_TEST(base::to_hex(read->message.text) == "4142");
}

BOOST_AUTO_TEST_CASE(answers_with_and_without_body) {
  const auto id = [](std::uint32_t status, std::string_view body) {
    const Framed framed(pdu(command::kSubmitSm | command::kResponse, status, 9, hex(body)));
    return decode_message_id(framed.frame);
  };
  BOOST_TEST(id(0, "414200") == "AB");
  BOOST_TEST(id(0, "") == "");  // accepted, without an id
  BOOST_TEST(id(0x58, "") == "");
  BOOST_TEST(id(0x58, "00") == "");  // an error with an empty id: frequent, and legal
  BOOST_TEST(id(0x45, "414200") == "AB");
  BOOST_TEST(id(0x401, "00") == "");  // a vendor's status
  BOOST_TEST(id(0, "4142") == "AB");  // without its end
  BOOST_TEST(id(0,
                "414200"
                "001D000141") == "AB");
  BOOST_TEST(id(0, base::to_hex(base::Bytes(500, 0x41))).size() == 65u);
}

BOOST_AUTO_TEST_CASE(bind_answers_in_every_form) {
  const auto answer = [](std::string_view body) {
    const Framed framed(pdu(command::kBindTransceiver | command::kResponse, 0, 1, hex(body)));
    return decode_bind_answer(framed.frame);
  };
  BOOST_TEST(answer("534D5343000210000134").system_id == "SMSC");
  BOOST_TEST(int{answer("534D5343000210000134").interface_version.value()} == 0x34);
  BOOST_TEST(!answer("00").interface_version.has_value());
  BOOST_TEST(answer("").system_id == "");
  BOOST_TEST(!answer("53000210000050").interface_version.has_value());
}

BOOST_AUTO_TEST_CASE(alerts) {
  const base::Bytes body =
      hex("0301"
          "3439313736"
          "00"
          "0001"
          "3132"
          "00"
          "0422000100");
  const Framed framed(pdu(command::kAlertNotification, 0, 3, body));
  const auto alert = decode_alert(framed.frame);
  BOOST_REQUIRE(alert.ok());
  BOOST_TEST(alert->source.digits == "49176");
  BOOST_TEST(int{alert->source.ton} == 3);
  BOOST_TEST(int{alert->availability.value()} == 0);
  const base::Bytes plain(body.begin(), body.end() - 5);
  for (std::size_t size = 0; size < body.size(); ++size) {
    const Framed cut(
        pdu(command::kAlertNotification, 0, 3,
            base::Bytes(body.begin(), body.begin() + static_cast<std::ptrdiff_t>(size))));
    BOOST_TEST(decode_alert(cut.frame).ok() == (size >= plain.size()));
  }
}

BOOST_AUTO_TEST_CASE(data_sm_from_the_smsc) {
  base::Bytes body =
      hex("00"
          "0101"
          "343900"
          "0101"
          "313200"
          "40"
          "00"
          "F6"
          "0424000302710041");
  body[body.size() - 5] = 4;  // payload of four octets
  const auto read = decoded(pdu(command::kDataSm, 0, 1, body));
  BOOST_REQUIRE(read.ok());
  BOOST_TEST(base::to_hex(read->message.content()) == "02710041");
  BOOST_TEST(int{read->message.esm_class} == 0x40);
  BOOST_TEST(int{read->message.data_coding} == 0xF6);
}

BOOST_AUTO_TEST_CASE(cut_at_every_length) {
  const base::Bytes whole = deliver("4142", "0427000102");
  const std::size_t mandatory = kHeaderSize + hex(kFields).size() + 1;
  for (std::size_t size = kHeaderSize; size < whole.size(); ++size) {
    const auto read = decoded({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)});
    BOOST_TEST(read.ok() == (size >= mandatory), size);
  }
}

BOOST_AUTO_TEST_CASE(random_and_mutated_messages) {
  std::mt19937 random(11);
  const base::Bytes pattern = deliver("4142434445",
                                      "0427000102"
                                      "001E0003414200"
                                      "0204000200FF");
  for (int round = 0; round < 20'000; ++round) {
    base::Bytes octets = pattern;
    if (round % 4 == 0) {
      octets.resize(kHeaderSize + random() % 200);
      for (auto& octet : octets) octet = static_cast<std::uint8_t>(random());
    } else {
      for (int i = 0; i < 4; ++i)
        octets[16 + random() % (octets.size() - 16)] = static_cast<std::uint8_t>(random());
      octets.resize(16 + random() % (octets.size() - 15));
    }
    Framed framed(octets);
    for (std::uint32_t command : {command::kDeliverSm, command::kDataSm}) {
      framed.frame.header.command = command;
      (void)decode_message(framed.frame);
    }
    (void)decode_alert(framed.frame);
    (void)decode_message_id(framed.frame);
    (void)decode_bind_answer(framed.frame);
  }
  BOOST_TEST(library_text_high_water() < 1024u);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(framing)

BOOST_AUTO_TEST_CASE(pieces_make_no_difference) {
  base::Bytes stream;
  for (int i = 0; i < 3; ++i) {
    const base::Bytes one = deliver(i == 1 ? "" : "4142");
    stream.insert(stream.end(), one.begin(), one.end());
    append_header(stream, command::kEnquireLink, 0, 5);
  }
  for (std::size_t piece : {std::size_t{1}, std::size_t{7}, stream.size()}) {
    Framer framer(1000);
    int seen = 0;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      framer.feed(base::View(stream).subspan(at, std::min(piece, stream.size() - at)));
      while (const auto frame = framer.next()) {
        ++seen;
        BOOST_TEST(frame->body.size() == frame->header.length - kHeaderSize);
      }
    }
    BOOST_TEST(seen == 6);
    BOOST_TEST(!framer.broken());
    BOOST_TEST(framer.buffered() == 0u);
  }
}

BOOST_AUTO_TEST_CASE(lengths_that_cannot_be) {
  for (const char* text : {"00000000", "0000000F", "7FFFFFFF", "FFFFFFFF", "000003E9"}) {
    Framer framer(1000);
    framer.feed(hex(std::string(text) + "00000015"
                                        "00000000"
                                        "00000005"));
    BOOST_TEST(!framer.next().has_value());
    BOOST_TEST(framer.broken());
    BOOST_TEST(framer.bad_header().sequence == 5u);
    framer.feed(base::Bytes(100'000));
    BOOST_TEST(framer.buffered() < 100u);
  }
  Framer framer(1000);
  framer.feed(base::as_bytes("HTTP/1.1 400 Bad Request\r\n"));
  BOOST_TEST(!framer.next().has_value());
  BOOST_TEST(framer.complaint() == "the peer does not speak SMPP (HTTP?)");
  Framer tls(1000);
  tls.feed(hex("15030100020246"));
  BOOST_TEST(!tls.next().has_value());
  BOOST_TEST(tls.complaint() == "the peer does not speak plain SMPP (TLS?)");
}

BOOST_AUTO_TEST_SUITE_END()
