// The terminal keeps the rules of the BIP buffers: pieces of at most 237 octets, data available
// when the buffer becomes filled and again for a rest, a drop only after the data, its errors.
#include "card/text.h"
#include "tests/unit/card/puppet_terminal.h"

using namespace card;

BOOST_FIXTURE_TEST_SUITE(terminal, card_test::PuppetTerminal)

BOOST_AUTO_TEST_CASE(a_channel_opens_where_the_card_says) {
  const Response& response = open();
  BOOST_TEST(response.ok());
  BOOST_TEST(of(response, tag::kChannelStatus) == "8100");
  BOOST_TEST(of(response, tag::kBufferSize) == "0320");
  BOOST_TEST(to_string(named) == "10.1.2.3:4321");
  BOOST_TEST(of(ask(commands::channel_status()), tag::kChannelStatus) == "8100");
}

BOOST_AUTO_TEST_CASE(a_smaller_buffer_is_performed_with_modification) {
  const Response& response = open(1400);
  BOOST_CHECK(response.result == General::performed_modified);
  BOOST_TEST(of(response, tag::kBufferSize) == "03E8");
}

// What the terminal grants and says of the link goes with what the card has named: the answer to
// the conformance test's command, octet by octet.
BOOST_AUTO_TEST_CASE(a_packet_bearer_with_a_login_is_opened) {
  const base::Bytes command = *base::from_hex(
      "D036810301400182028182350702030403041F0239020578"
      "0D08F4557365724C6F670D08F4557365725077643C0301AD9C3E052101010101");
  BOOST_TEST(base::to_hex(encode(ask(*decode_command(command)))) ==
             "81030140018202828183010738028100350702030403041F02390203E8");
  BOOST_TEST(to_string(named) == "1.1.1.1:44444");
  ask(commands::close_channel(1));
  BOOST_TEST(base::to_hex(encode(ask(commands::close_channel(1)))) == "81030141008202828183023A02");
}

BOOST_AUTO_TEST_CASE(what_is_received_is_told_octet_by_octet) {
  open();
  peer_sends(250);
  settle();
  const std::string told = base::to_hex(encode(ask(commands::receive_data(1, 0xC8))));
  BOOST_TEST(told ==
             "810301420082028281830100B681C8" + base::to_hex(base::Bytes(0xC8, 0x5A)) + "B70132");
}

// The date as in a service centre's time stamp, in UTC; where it is this phone does not know.
BOOST_AUTO_TEST_CASE(date_and_time_are_told_and_the_place_is_not) {
  BOOST_TEST(base::to_hex(encode(ask(commands::local_information(info::kDateTime)))) ==
             "810301260382028281830100A60762901241310200");
  BOOST_TEST(base::to_hex(encode(ask(commands::local_information(0x00)))) ==
             "810301260082028281830130");
}

BOOST_AUTO_TEST_CASE(what_cannot_be_opened_has_its_cause) {
  reachable = false;
  BOOST_TEST(base::to_hex(open().additional) == "07");
  reachable = true;
  BOOST_TEST(open().ok());
  BOOST_TEST(base::to_hex(open().additional) == "01");  // no second channel
  Command server = commands::open_channel({{1, 2, 3, 4}, 5}, 800);
  ask(commands::close_channel(1));
  ObjectList objects;
  objects.add(tag::kBearer, {0x03}).add(tag::kBufferSize, {0x03, 0x20});
  objects.add(tag::kTransport, {0x03, 0x10, 0x00}).add(tag::kOtherAddress, {0x21, 1, 2, 3, 4});
  server.objects = objects;
  BOOST_TEST(base::to_hex(ask(server).additional) == "06");
  server.objects = ObjectList();
  BOOST_CHECK(ask(server).result == General::values_missing);
}

BOOST_AUTO_TEST_CASE(channels_that_are_not_open_are_refused) {
  BOOST_TEST(base::to_hex(ask(commands::close_channel(1)).additional) == "02");
  open();
  BOOST_TEST(base::to_hex(ask(commands::close_channel(2)).additional) == "03");
  BOOST_TEST(base::to_hex(ask(commands::receive_data(3, 10)).additional) == "03");
  BOOST_TEST(ask(commands::close_channel(1)).ok());
  BOOST_TEST(of(ask(commands::channel_status()), tag::kChannelStatus) == "0000");
}

BOOST_AUTO_TEST_CASE(the_tx_buffer_waits_for_immediate) {
  open();
  const base::Bytes half(240, 0x11);
  BOOST_TEST(of(ask(commands::send_data(1, half, false)), tag::kChannelDataLength) == "FF");
  BOOST_TEST(of(ask(commands::send_data(1, half, false)), tag::kChannelDataLength) == "FF");
  BOOST_TEST(of(ask(commands::send_data(1, half, false)), tag::kChannelDataLength) == "50");
  BOOST_TEST(!ask(commands::send_data(1, half, false)).ok());  // does not fit
  char buffer[1000];
  BOOST_TEST(::recv(peer, buffer, sizeof buffer, 0) == -1);
  BOOST_TEST(of(ask(commands::send_data(1, {}, true)), tag::kChannelDataLength) == "FF");
  BOOST_TEST(::recv(peer, buffer, sizeof buffer, 0) == 720);
}

BOOST_AUTO_TEST_CASE(data_are_announced_once_and_again_for_a_rest) {
  open();
  peer_sends(300);
  settle();
  BOOST_TEST(events(event::kDataAvailable) == 1u);
  peer_sends(10);  // the buffer is filled already
  settle();
  BOOST_TEST(events(event::kDataAvailable) == 1u);
  const Response first = ask(commands::receive_data(1, 0xFF));
  BOOST_TEST(first.objects.find(tag::kChannelData)->size() == 237u);
  BOOST_TEST(of(first, tag::kChannelDataLength) == "49");
  BOOST_TEST(events(event::kDataAvailable) == 2u);  // 73 octets are left
  const Response second = ask(commands::receive_data(1, 0xED));
  BOOST_CHECK(second.result == General::missing_information);
  BOOST_TEST(second.objects.find(tag::kChannelData)->size() == 73u);
  BOOST_TEST(of(second, tag::kChannelDataLength) == "00");
  BOOST_TEST(events(event::kDataAvailable) == 2u);
  peer_sends(1);
  settle();
  BOOST_TEST(events(event::kDataAvailable) == 3u);
}

BOOST_AUTO_TEST_CASE(replies_of_every_awkward_size_arrive_whole) {
  for (std::size_t size : {1u, 127u, 128u, 236u, 237u, 238u, 255u, 256u, 474u, 800u}) {
    open();
    peer_sends(size);
    settle();
    std::size_t got = 0;
    for (std::string left = "FF"; left != "00";) {
      const Response part = ask(commands::receive_data(1, 0xED));
      got += part.objects.find(tag::kChannelData)->size();
      left = of(part, tag::kChannelDataLength);
    }
    BOOST_TEST(got == size);
    ask(commands::close_channel(1));
    ::close(std::exchange(peer, -1));
  }
}

BOOST_AUTO_TEST_CASE(the_rx_buffer_is_as_large_as_granted) {
  open(100);
  peer_sends(300);
  settle();
  BOOST_TEST(of(ask(commands::receive_data(1, 50)), tag::kChannelDataLength) == "32");
}

BOOST_AUTO_TEST_CASE(a_drop_is_told_after_the_data) {
  open();
  peer_sends(20);
  ::close(std::exchange(peer, -1));
  settle();
  BOOST_TEST(events(event::kDataAvailable) == 1u);
  BOOST_TEST(events(event::kChannelStatus) == 0u);
  const Response data = ask(commands::receive_data(1, 0xED));
  BOOST_TEST(data.objects.find(tag::kChannelData)->size() == 20u);
  settle();
  BOOST_TEST(events(event::kChannelStatus) == 1u);
  BOOST_TEST(of(ask(commands::channel_status()), tag::kChannelStatus) == "0105");
  BOOST_TEST(base::to_hex(ask(commands::send_data(1, base::Bytes(3, 1), true)).additional) == "02");
  BOOST_TEST(events(event::kChannelStatus) == 1u);
  BOOST_TEST(ask(commands::close_channel(1)).ok());
}

// What is sent into a broken link is refused also to a card that has not asked to be told of it,
// but not before it has fetched what came.
BOOST_AUTO_TEST_CASE(a_broken_link_takes_nothing_whatever_the_card_wants_to_hear) {
  ask(commands::set_up_event_list({event::kDataAvailable}));
  open();
  peer_sends(20);
  ::close(std::exchange(peer, -1));
  settle();
  BOOST_TEST(ask(commands::send_data(1, base::Bytes(3, 1), true)).ok());
  ask(commands::receive_data(1, 0xED));
  const Response& refused = ask(commands::send_data(1, base::Bytes(3, 1), true));
  BOOST_CHECK(refused.result == General::bip_error);
  BOOST_TEST(base::to_hex(refused.additional) == "02");
  BOOST_TEST(events(event::kChannelStatus) == 0u);
}

BOOST_AUTO_TEST_CASE(cuts_break_the_link_after_exactly_so_many_octets) {
  for (std::size_t cut : {0u, 1u, 239u, 240u, 241u, 500u}) {
    open();
    terminal->cuts().after_sent = cut;
    for (int i = 0; i < 3; ++i) ask(commands::send_data(1, base::Bytes(240, 1), true));
    char buffer[1000];
    ssize_t got = ::recv(peer, buffer, sizeof buffer, 0);
    BOOST_TEST(got == static_cast<ssize_t>(cut));
    ask(commands::close_channel(1));
    ::close(std::exchange(peer, -1));
  }
}

BOOST_AUTO_TEST_CASE(timers_expire_stop_and_tell_what_is_left) {
  BOOST_TEST(ask(commands::start_timer(2, 90)).ok());
  now.mono_ms += 30 * base::kSecondMs;
  Command get = commands::stop_timer(2);
  get.qualifier = timer::kGet;
  BOOST_TEST(base::to_hex(encode(ask(get))) == "810301270282028281830100A40102A503001000");
  BOOST_TEST(ask(commands::stop_timer(2)).ok());
  BOOST_CHECK(ask(commands::stop_timer(2)).result == General::timer_contradiction);
  ask(commands::start_timer(2, 90));
  puppet.envelopes.clear();
  now.mono_ms += 90 * base::kSecondMs;
  settle();
  BOOST_REQUIRE(puppet.envelopes.size() == 1u);
  BOOST_TEST(base::to_hex(encode(puppet.envelopes[0])) == "D70C82028281A40102A503001003");
}

BOOST_AUTO_TEST_CASE(the_card_is_polled_as_it_asked) {
  now.mono_ms += 30 * base::kSecondMs;
  settle();
  BOOST_TEST(puppet.polls == 1);
  ask(commands::poll_interval(600));
  now.mono_ms += 599 * base::kSecondMs;
  settle();
  BOOST_TEST(puppet.polls == 1);
  now.mono_ms += base::kSecondMs;
  settle();
  BOOST_TEST(puppet.polls == 2);
}

BOOST_AUTO_TEST_CASE(the_user_answers_within_the_form) {
  put(commands::get_input("Key:", {.digits = true, .least = 3, .most = 4}));
  BOOST_REQUIRE(terminal->prompt().has_value());
  BOOST_TEST(!terminal->answer("12"));
  BOOST_TEST(!terminal->answer("12345"));
  BOOST_TEST(!terminal->answer("12a"));
  BOOST_TEST(terminal->answer("1234"));
  BOOST_TEST(of(puppet.responses.back(), tag::kText) == "0431323334");
}

// Lengths of a form are of UCS2 as it goes to the card, where an emoji takes two; what one response
// has no room for is refused before the card would wait for it in vain.
BOOST_AUTO_TEST_CASE(an_answer_is_as_long_as_it_is_coded) {
  const auto repeated = [](std::string_view character, int times) {
    std::string text;
    while (times-- > 0) text += character;
    return text;
  };
  put(commands::get_input("Text:", {.digits = false, .least = 0, .most = 4}));
  BOOST_TEST(!terminal->answer(repeated("\U0001F600", 3)));
  BOOST_TEST(terminal->answer(repeated("\U0001F600", 2)));
  for (const auto& [fits, does_not] :
       {std::pair(repeated("\U0001F600", 59), "\U0001F600"), std::pair(repeated("Ж", 119), "Ж"),
        std::pair(repeated("a", 239), "a")}) {
    put(commands::get_input("Text:", {.digits = false, .least = 0, .most = 255}));
    BOOST_TEST(!terminal->answer(fits + does_not));
    BOOST_REQUIRE(terminal->prompt().has_value());
    const std::size_t responses = puppet.responses.size();
    BOOST_TEST(terminal->answer(fits));
    BOOST_REQUIRE(puppet.responses.size() == responses + 1);
    BOOST_TEST(decode_text_string(*puppet.responses.back().objects.find(tag::kText)).value() ==
               fits);
  }
}

// By its number or its text; what is not in the list is not taken.
BOOST_AUTO_TEST_CASE(the_user_chooses_from_a_list) {
  const std::vector<MenuItem> items{{1, "Tea"}, {2, "Milk"}, {20, "1"}};
  for (const auto& [typed, chosen] : {std::pair("2", "02"), std::pair("milk", "02"),
                                      std::pair("20", "14"), std::pair("1", "01")}) {
    put(commands::select_item("Drink", items));
    BOOST_REQUIRE(terminal->prompt().has_value());
    BOOST_CHECK(terminal->prompt()->kind == Prompt::Kind::choice);
    BOOST_TEST(terminal->prompt()->text == "Drink");
    BOOST_TEST(terminal->prompt()->items.size() == 3u);
    for (const char* other : {"3", "0", "257", "-1", "", "Mil"}) {
      BOOST_TEST(!terminal->answer(other));
    }
    BOOST_TEST(terminal->answer(typed));
    BOOST_CHECK(puppet.responses.back().type == CommandType::select_item);
    BOOST_CHECK(puppet.responses.back().result == General::performed);
    BOOST_TEST(of(puppet.responses.back(), tag::kItemId) == chosen);
    BOOST_TEST(!terminal->prompt().has_value());
  }
}

BOOST_AUTO_TEST_CASE(a_list_can_be_left) {
  const auto left_by = [this](void (Terminal::*leave)()) {
    put(commands::select_item("Drink", {{1, "Tea"}}));
    BOOST_REQUIRE(terminal->prompt().has_value());
    ((*terminal).*leave)();
    BOOST_TEST(of(puppet.responses.back(), tag::kItemId) == "none");
    return puppet.responses.back().result;
  };
  BOOST_CHECK(left_by(&Terminal::cancel) == General::terminated_by_user);
  BOOST_CHECK(left_by(&Terminal::go_back) == General::backward_move);
  BOOST_CHECK(left_by(&Terminal::ignore) == General::no_response);
}

// The title may be absent; items may not, nor share an identifier or have none.
BOOST_AUTO_TEST_CASE(lists_that_nobody_can_choose_from) {
  BOOST_CHECK(ask(commands::select_item("Drink", {})).result == General::values_missing);
  for (const std::vector<MenuItem>& items :
       {std::vector<MenuItem>{{0, "Tea"}}, std::vector<MenuItem>{{1, "Tea"}, {1, "Milk"}}}) {
    BOOST_CHECK(ask(commands::select_item("Drink", items)).result == General::data_not_understood);
  }
  put(commands::select_item("", {{1, "Tea"}}));
  BOOST_TEST(terminal->answer("Tea"));
}

BOOST_AUTO_TEST_CASE(unknown_commands_are_named_so) {
  Command command = commands::more_time();
  command.type = static_cast<CommandType>(0x12);
  BOOST_CHECK(ask(command).result == General::type_not_understood);
}

BOOST_AUTO_TEST_SUITE_END()
