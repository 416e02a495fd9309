// Toolkit codec: the conformance vectors of TS 31.124 come out of the builders octet for octet and
// are read back; whatever octets come, the decoders neither fail nor read past the end.
#include "card/toolkit.h"

#include <boost/test/unit_test.hpp>

#include "card/commands.h"
#include "card/text.h"
#include "tests/support/torment.h"

using namespace card;

namespace {

base::Bytes hex(std::string_view text) { return base::from_hex(text).value(); }

// Details and devices of a command to the terminal, then what follows.
void check(Command command, std::string_view expected) {
  command.number = 1;
  BOOST_TEST(base::to_hex(encode(command)) == base::to_hex(hex(expected)));
  const auto back = decode_command(hex(expected));
  BOOST_REQUIRE(back);
  BOOST_TEST(base::to_hex(encode(*back)) == base::to_hex(hex(expected)));
}

void check(const Envelope& envelope, std::string_view expected) {
  BOOST_TEST(base::to_hex(encode(envelope)) == base::to_hex(hex(expected)));
  BOOST_TEST(decode_envelope(hex(expected)).has_value());
}

// A command that no builder makes: what was read says the same again.
Command read_back(std::string_view text) {
  auto command = decode_command(hex(text));
  BOOST_REQUIRE(command);
  BOOST_TEST(base::to_hex(encode(*command)) == base::to_hex(hex(text)));
  return std::move(*command);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(toolkit)

BOOST_AUTO_TEST_CASE(commands_as_in_the_conformance_tests) {
  check(commands::set_up_menu("Toolkit Menu", {{0x11, "One"}, {0x12, "Two"}}),
        "D023 8103012500 82028182 850C546F6F6C6B6974204D656E75 8F04114F6E65 8F041254776F");
  check(commands::select_item("Toolkit Select",
                              {{1, "Item 1"}, {2, "Item 2"}, {3, "Item 3"}, {4, "Item 4"}}),
        "D03D 8103012400 82028182 850E546F6F6C6B69742053656C656374 8F07014974656D2031 "
        "8F07024974656D2032 8F07034974656D2033 8F07044974656D2034");
  check(commands::poll_interval(20), "D00D 8103010300 82028182 84020114");
  check(commands::start_timer(1, 5 * 60), "D011 8103012700 82028182 A40101 A503005000");
  check(commands::stop_timer(1), "D00C 8103012701 82028182 A40101");
  check(commands::set_up_event_list({0x09}), "D00C 8103010500 82028182 990109");
  check(commands::set_up_event_list({}), "D00B 8103010500 82028182 9900");
  Command left = commands::stop_timer(1);
  left.qualifier = timer::kGet;
  check(left, "D00C 8103012702 82028182 A40101");
  check(commands::local_information(0x00), "D009 8103012600 82028182");
  check(commands::local_information(info::kImei), "D009 8103012601 82028182");
  check(commands::local_information(info::kDateTime), "D009 8103012603 82028182");
  // What the applet has no use for: language, access technology, IMEI with software version.
  check(commands::local_information(0x04), "D009 8103012604 82028182");
  check(commands::local_information(0x06), "D009 8103012606 82028182");
  check(commands::local_information(0x08), "D009 8103012608 82028182");
  check(commands::close_channel(1), "D009 8103014100 82028121");
  check(commands::channel_status(), "D009 8103014400 82028182");
  check(commands::receive_data(1, 0xC8), "D00C 8103014200 82028121 B701C8");
  check(commands::send_data(1, hex("0001020304050607"), true),
        "D013 8103014301 82028121 B6080001020304050607");
  Command input = commands::get_input("Enter 12345", {.digits = true, .least = 5, .most = 5});
  check(input, "D01B 8103012300 82028182 8D0C04456E746572203132333435 91020505");
  Command text = commands::display_text("Toolkit Test 1", Clear::by_user);
  text.qualifier = 0x80;
  check(text, "D01A 8103012180 82028102 8D0F04546F6F6C6B697420546573742031");
}

BOOST_AUTO_TEST_CASE(open_channel_as_a_tcp_client) {
  check(commands::open_channel({{10, 0, 0, 1}, 6000}, 1400),
        "D01C 8103014001 82028182 350103 39020578 3C03021770 3E05210A000001");
}

// What the applet never asks for itself: a packet bearer with its quality of service and the
// subscriber's login; a default bearer with an access name. PUSH brings such objects.
BOOST_AUTO_TEST_CASE(open_channel_with_all_that_it_can_name) {
  const char* packet =
      "D036 8103014001 82028182 350702030403041F02 39020578 0D08F4557365724C6F67 "
      "0D08F455736572507764 3C0301AD9C 3E052101010101";
  const Command bearer = read_back(packet);
  BOOST_CHECK(bearer.type == CommandType::open_channel);
  BOOST_TEST(bearer.qualifier == 0x01);
  BOOST_TEST(base::to_hex(*bearer.objects.find(tag::kBearer)) == "02030403041F02");
  BOOST_TEST(*decode_text_string(*bearer.objects.find(tag::kText, 0)) == "UserLog");
  BOOST_TEST(*decode_text_string(*bearer.objects.find(tag::kText, 1)) == "UserPwd");
  BOOST_TEST(base::to_hex(*bearer.objects.find(tag::kTransport)) == "01AD9C");
  BOOST_TEST(base::to_hex(*bearer.objects.find(tag::kOtherAddress)) == "2101010101");
  BOOST_TEST(!bearer.objects.find(tag::kOtherAddress, 1).has_value(), "no local address");
  const Command named = read_back(
      "D027 8103014001 82028182 350103 39020578 470908696E7465726E6574 3C03011770 "
      "3E05210A000001");
  BOOST_TEST(base::as_text(*named.objects.find(tag::kAccessName)) == "\x08internet");
  BOOST_TEST(base::to_hex(*named.objects.find(tag::kTransport)) == "011770");
  const base::Bytes whole = hex(packet);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    BOOST_TEST(!decode_command({whole.data(), size}).has_value());
  }
}

BOOST_AUTO_TEST_CASE(channel_data_above_127_octets_has_the_long_length) {
  const base::Bytes encoded = encode(commands::send_data(1, base::Bytes(0xED, 0x55), true));
  // D0 81 F9, details, devices, then B6 81 ED.
  BOOST_TEST(base::to_hex({encoded.data(), 3}) == "D081F9");
  BOOST_TEST(base::to_hex({encoded.data() + 12, 3}) == "B681ED");
  const auto back = decode_command(encoded);
  BOOST_REQUIRE(back);
  BOOST_TEST(back->objects.find(tag::kChannelData)->size() == 0xEDu);
}

BOOST_AUTO_TEST_CASE(responses_as_in_the_conformance_tests) {
  const auto opened =
      decode_response(hex("8103014001 82028281 830100 38028100 350702030403041F02 39020578"));
  BOOST_REQUIRE(opened);
  BOOST_TEST(opened->ok());
  BOOST_TEST(base::to_hex(*opened->objects.find(tag::kChannelStatus)) == "8100");
  BOOST_TEST(base::to_hex(*opened->objects.find(tag::kBufferSize)) == "0578");
  const auto refused =
      decode_response(hex("8103014001 82028281 830122 350702030403041F02 39020578"));
  BOOST_REQUIRE(refused);
  BOOST_TEST(!refused->ok());
  const auto invalid = decode_response(hex("8103014100 82028281 83023A03"));
  BOOST_REQUIRE(invalid);
  BOOST_CHECK(invalid->result == General::bip_error);
  BOOST_TEST(base::to_hex(invalid->additional) == "03");
  const auto closed = decode_response(hex("8103014100 82028281 83023A02"));
  BOOST_REQUIRE(closed);
  BOOST_CHECK(closed->result == General::bip_error);
  BOOST_TEST(base::to_hex(closed->additional) == "02");
  for (const char* text :
       {"8103014301 82028281 830100 B701FF", "8103014400 82028281 830100 B8028100",
        "8103012300 82028281 830100 8D06043132333435", "8103012400 82028281 830100 900102",
        "8103012400 82028281 830111", "8103012400 82028281 830110",
        "8103012700 82028281 830100 A40101", "8103012702 82028281 830100 A40101 A503003042",
        "8103012702 82028281 830124 A40101", "8103012600 82028281 830100 930700F11000010001",
        "8103012603 82028281 830100 A607205070418071FF", "8103012604 82028281 830100 AD02656E",
        "8103012606 82028281 830100 3F0103", "8103010300 82028281 830100 84020114"}) {
    const auto response = decode_response(hex(text));
    BOOST_REQUIRE(response);
    BOOST_TEST(base::to_hex(encode(*response)) == base::to_hex(hex(text)));
  }
}

// 200 octets at once: the data have the long length, what still waits stands behind them.
BOOST_AUTO_TEST_CASE(received_data_as_in_the_conformance_tests) {
  base::Bytes octets = hex("8103014200 82028281 830100 B681C8");
  for (int i = 0; i < 0xC8; ++i) octets.push_back(static_cast<std::uint8_t>(i));
  for (const char* rest : {"B701FF", "B70132", "B70100"}) {
    base::Bytes whole = octets;
    for (const std::uint8_t octet : hex(rest)) whole.push_back(octet);
    const auto response = decode_response(whole);
    BOOST_REQUIRE(response);
    BOOST_TEST(base::to_hex(encode(*response)) == base::to_hex(whole));
    const base::View data = *response->objects.find(tag::kChannelData);
    BOOST_REQUIRE(data.size() == 0xC8u);
    BOOST_TEST(data.front() == 0x00);
    BOOST_TEST(data.back() == 0xC7);
    BOOST_TEST(response->objects.find(tag::kChannelDataLength)->front() == hex(rest).back());
  }
  for (std::size_t size = 12; size < octets.size(); ++size) {
    const auto cut = decode_response({octets.data(), size});
    BOOST_TEST((!cut || !cut->objects.has(tag::kChannelData)));
  }
}

BOOST_AUTO_TEST_CASE(envelopes_as_in_the_conformance_tests) {
  check(menu_selection(2), "D307 82020181 900102");
  Envelope help = menu_selection(2);
  help.objects.add(tag::kHelp | tag::kCr, {});
  check(help, "D309 82020181 900102 9500");
  check(data_available(1, 0x1000), "D60E 990109 82028281 B8028100 B701FF");
  check(link_dropped(1), "D60B 99010A 82028281 B8020105");
  check(timer_expired(1, 10), "D70C 82028281 A40101 A503000001");
  BOOST_TEST(decode_envelope(hex("D12D 82028381 06099111223344556677F8 8B1C 0404912143 7F 16 "
                                 "89101000000000 0D 53686F7274204D657373616765"))
                 .has_value());
}

BOOST_AUTO_TEST_CASE(a_list_is_read_as_it_was_made) {
  const std::vector<MenuItem> made{{1, "One"}, {0x80, "Zwölf"}, {0xFF, ""}, {7, "семь"}};
  const auto list = decode_command(encode(commands::select_item("", made)));
  BOOST_REQUIRE(list);
  BOOST_TEST(!list->objects.has(tag::kAlpha), "no title is no object");
  const std::vector<MenuItem> read = read_items(*list);
  BOOST_REQUIRE(read.size() == made.size());
  for (std::size_t i = 0; i < made.size(); ++i) {
    BOOST_TEST(read[i].id == made[i].id);
    BOOST_TEST(read[i].text == made[i].text);
  }
  Command none = commands::select_item("Title", {});
  BOOST_TEST(read_items(none).empty());
  none.objects.add(tag::kItem | tag::kCr, {});
  BOOST_TEST(read_items(none).empty(), "an item without identifier is none");
  const Command removes_the_menu = read_back("D00B 8103012500 82028182 8F00");
  BOOST_TEST(removes_the_menu.objects.has(tag::kItem));
  BOOST_TEST(read_items(removes_the_menu).empty());
}

// More than FETCH can bring is still read; an item whose length runs past the end is not.
BOOST_AUTO_TEST_CASE(lists_of_any_length) {
  const std::vector<MenuItem> long_ones(3, MenuItem{1, std::string(200, 'x')});
  const base::Bytes encoded = encode(commands::select_item("Title", long_ones));
  const auto list = decode_command(encoded);
  BOOST_REQUIRE(list);
  BOOST_TEST(read_items(*list).size() == 3u);
  BOOST_TEST(read_items(*list).back().text.size() == 200u);
  for (std::size_t size = 0; size < encoded.size(); ++size) {
    BOOST_TEST(!decode_command({encoded.data(), size}).has_value());
  }
  BOOST_TEST(!decode_command(hex("D00D 8103012400 82028182 8F030141")).has_value());
  BOOST_TEST(!decode_command(hex("D00E 8103012400 82028182 8F82014101")).has_value());
}

BOOST_AUTO_TEST_CASE(timers_and_durations) {
  BOOST_TEST(base::to_hex(encode_timer(24 * 3600)) == "420000");
  BOOST_TEST(decode_timer(hex("325195")).value_or(-1) == 23 * 3600 + 15 * 60 + 59);
  for (const char* bad : {"0A0000", "A00000", "006600", "000066", "520000", "0000", ""}) {
    BOOST_TEST(!decode_timer(hex(bad)).has_value());
  }
  BOOST_TEST(base::to_hex(encode_duration(255)) == "01FF");
  BOOST_TEST(base::to_hex(encode_duration(256)) == "0005");
  BOOST_TEST(decode_duration_ms(hex("021E")).value_or(0) == 3000);
  BOOST_TEST(!decode_duration_ms(hex("0314")).has_value());
  BOOST_TEST(!decode_duration_ms(hex("0100")).has_value());
}

BOOST_AUTO_TEST_CASE(long_tags_keep_their_value) {
  ObjectList list;
  list.add(0x8A11, {0x01, 0x02}).add(0x36 | tag::kCr, {0x03});
  const base::Bytes encoded = list.encode();
  BOOST_TEST(base::to_hex(encoded) == "7F8A11020102B60103");
  const auto back = ObjectList::parse(encoded);
  BOOST_REQUIRE(back);
  BOOST_TEST(base::to_hex(*back->find(0x0A11)) == "0102");
  BOOST_TEST(base::to_hex(*back->find(tag::kChannelData)) == "03");
  BOOST_TEST(!ObjectList::parse(hex("000101")).has_value());
  BOOST_TEST(!ObjectList::parse(hex("FF0101")).has_value());
  BOOST_TEST(!ObjectList::parse(hex("7F00010101")).has_value());
}

BOOST_AUTO_TEST_CASE(every_truncation_and_noise_is_survived) {
  const base::Bytes command = encode(commands::open_channel({{10, 0, 0, 1}, 6000}, 1400));
  for (std::size_t size = 0; size < command.size(); ++size) {
    BOOST_TEST(!decode_command({command.data(), size}).has_value());
  }
  base::Bytes longer = command;
  longer.push_back(0x00);
  BOOST_TEST(!decode_command(longer).has_value());
  const auto try_all = [](base::View data) {
    // What is understood can be said again and means the same.
    if (const auto decoded = decode_command(data)) {
      const auto again = decode_command(encode(*decoded));
      BOOST_REQUIRE(again);
      BOOST_REQUIRE(again->objects.encode() == decoded->objects.encode());
      (void)read_items(*decoded);
    }
    (void)decode_response(data);
    (void)decode_envelope(data);
    (void)ObjectList::parse(data);
  };
  card_test::torment(command, try_all);
  card_test::torment(encode(commands::select_item("List", {{1, "One"}, {2, "два"}})), try_all);
  card_test::torment(hex("8103012400 82028281 830100 900102"), try_all);
}

BOOST_AUTO_TEST_SUITE_END()
