// The applet's channel against a network that does not keep to anything.
#include <boost/test/unit_test.hpp>

#include <string>

#include "card/commands.h"
#include "tests/support/card_world.h"
#include "tests/support/lone_applet.h"

using namespace card;

namespace {

// A card that has asked for its status and is flooded: the terminal always has more.
struct Flooded : card_test::LoneApplet {
  explicit Flooded(Carrier carrier) : LoneApplet(made(carrier)) {
    menu(Applet::kStatus);
    applet.envelope(encode(data_available(1, 255)));
  }
  static card::Card made(Carrier carrier) {
    card::Card card = card_test::test_card(card_test::kIccid);
    card.carrier = carrier;
    if (card.keys.psk.empty()) card.keys.psk = base::Secret(base::Bytes(16, 1));
    return card;
  }
  // Until the card closes its channel: how often it has fetched.
  int fetches(std::string_view octet) {
    std::string piece = "830100 3681ED ";
    for (int i = 0; i < 237; ++i) piece += octet;
    piece += " 3701FF";
    for (int count = 0; count < 1000;) {
      switch (fetch().type) {
        case CommandType::open_channel:
          answer("830100 38028100 39020578");
          applet.envelope(encode(data_available(1, 255)));
          break;
        case CommandType::receive_data:
          answer(piece);
          ++count;
          break;
        case CommandType::close_channel:
          return count;
        default:
          answer("");
      }
    }
    return 1000;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(link_flood)

// What comes is looked at now and then, so that no more is kept than a packet needs; the rest
// stays with the terminal.
BOOST_AUTO_TEST_CASE(a_flood_is_given_up) {
  BOOST_TEST(Flooded(Carrier::tcp).fetches("00") < 10);
  BOOST_TEST(Flooded(Carrier::tls_psk).fetches("00") < 10);
}

BOOST_AUTO_TEST_SUITE_END()
