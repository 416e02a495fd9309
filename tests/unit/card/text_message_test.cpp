// Short messages between the network and the phone: texts are shown whole and can be answered,
// downloads go to the card, each is answered once, noise is refused.
#include <boost/test/unit_test.hpp>

#include "card/short_message.h"
#include "tests/support/card_world.h"
#include "tests/support/torment.h"

using namespace card;
using card_test::World;

namespace {

const Number kFrom{kTonInternational, "491710000000"};

base::Bytes hex(const char* text) { return base::from_hex(text).value(); }

std::string last_text(const World& world) {
  for (auto it = world.events.rbegin(); it != world.events.rend(); ++it) {
    if (it->kind == "text") return it->text;
  }
  return {};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(text_messages)

BOOST_AUTO_TEST_CASE(a_text_is_shown_and_answered) {
  World world;
  const auto tpdu = encode_text_deliver(kFrom, "Back up? Y/N {€}", 0);
  BOOST_REQUIRE(tpdu);
  world.terminal->receive(*tpdu);
  BOOST_TEST(last_text(world) == "Back up? Y/N {€}");
  BOOST_REQUIRE(world.delivered.size() == 1u);
  BOOST_TEST(world.delivered[0].value().empty());
  BOOST_REQUIRE(world.terminal->reply("Y"));
  BOOST_REQUIRE(world.submitted.size() == 1u);
  BOOST_TEST(base::to_hex(world.submitted[0]) ==
             "01000C91947101000000"
             "0000"
             "0159");
}

BOOST_AUTO_TEST_CASE(nobody_can_be_answered_before_a_text_has_come) {
  World world;
  BOOST_TEST(!world.terminal->reply("Y"));
  world.terminal->receive(*encode_text_deliver(kFrom, "?", 0));
  BOOST_TEST(!world.terminal->reply(std::string(161, 'x')));
  BOOST_TEST(world.submitted.empty());
}

// A service that is named by letters is shown as it is named and cannot be answered: not as if
// the letters were digits, nor does the answer go to whoever wrote before.
BOOST_AUTO_TEST_CASE(a_sender_of_letters_cannot_be_answered) {
  World world;
  world.terminal->receive(*encode_text_deliver(kFrom, "Before", 0));
  world.terminal->receive(hex("04 0BD0C2B07BEDF700 0000 62110100000000 02C834"));
  BOOST_TEST(last_text(world) == "Hi");
  BOOST_TEST(world.events.back().fields.at(0).second == "Banküß");
  BOOST_TEST(!world.terminal->reply("Y"));
  BOOST_TEST(world.submitted.empty());
  world.terminal->receive(*encode_text_deliver(kFrom, "After", 0));
  BOOST_TEST(world.terminal->reply("Y"));
}

// As an SMSC sent them: GSM 7 bit with a header and its fill bit, and UCS2.
BOOST_AUTO_TEST_CASE(parts_are_put_together_in_any_order) {
  World world;
  const auto part = [](const std::string& number, const std::string& ucs2) {
    return hex(("440C91947101000000"
                "0008"
                "62110100000000"
                "08"
                "0500030702" +
                number + ucs2)
                   .c_str());
  };
  world.terminal->receive(part("02", "0042"));
  BOOST_TEST(last_text(world).empty());
  world.terminal->receive(part("01", "0041"));
  BOOST_TEST(last_text(world) == "AB");
  BOOST_TEST(world.delivered.size() == 2u);
}

BOOST_AUTO_TEST_CASE(septets_behind_a_header_begin_at_a_septet) {
  // UDL 8: seven septets of header with its fill bit, and one of text, which is "A".
  const auto text =
      decode_text(hex("440C91947101000000"
                      "0000"
                      "62110100000000"
                      "08"
                      "050003070201"
                      "82"));
  BOOST_REQUIRE(text);
  BOOST_TEST(text->text == "A");
  BOOST_TEST(text->total == 2);
}

BOOST_AUTO_TEST_CASE(other_codings) {
  const std::string head =
      "040C91947101000000"
      "00";
  const std::string time = "62110100000000";
  const auto latin1 = decode_text(hex((head + "F4" + time +
                                       "02"
                                       "59E9")
                                          .c_str()));
  BOOST_REQUIRE(latin1);
  BOOST_TEST(latin1->text == "Yé");
  BOOST_TEST(decode_text(hex((head + "E0" + time +
                              "02"
                              "6628")
                                 .c_str()))
                 ->text == "昨");
  // The group that asks the phone to delete the message once it is read is coded as the first one.
  const auto fleeting = [&](const char* dcs, const char* rest) {
    const auto text = decode_text(hex((head + dcs + time + rest).c_str()));
    return text ? text->text : "none";
  };
  BOOST_TEST(fleeting("48", "026628") == "昨");
  BOOST_TEST(fleeting("44", "0259E9") == "Yé");
  BOOST_TEST(fleeting("40", "0159") == "Y");
}

BOOST_AUTO_TEST_CASE(noise_is_refused) {
  World world;
  const auto good = encode_text_deliver(kFrom, "Hello", 0);
  for (std::size_t size = 0; size < good->size(); ++size) {
    world.terminal->receive({good->data(), size});
    BOOST_REQUIRE(world.delivered.size() == size + 1);
    BOOST_TEST(!world.delivered.back().has_value());
  }
  card_test::torment(*good, [](base::View data) { (void)decode_text(data); });
}

BOOST_AUTO_TEST_SUITE_END()
