// The card answers APDUs with the status words of TS 102 221, keeps its access conditions, and
// survives any octets.
#include "card/uicc.h"

#include <boost/test/unit_test.hpp>

#include "tests/support/card_world.h"
#include "tests/support/torment.h"

using namespace card;

namespace {

struct NoApplet : ToolkitApplet {
  void terminal_profile(base::View) override {}
  bool envelope(base::View) override { return false; }
  bool terminal_response(base::View) override { return false; }
  void status() override { ++polls; }
  base::View pending() const override { return waiting; }
  void fetched() override { waiting.clear(); }
  base::Bytes waiting;
  int polls = 0;
};

struct Fixture {
  Card card = card_test::test_card(card_test::kIccid);
  NoApplet applet;
  Uicc uicc{card, applet};

  std::string send(std::string_view apdu) {
    const ApduAnswer answer = uicc.transmit(base::from_hex(apdu).value());
    return base::to_hex(answer.data) + base::to_hex(base::Writer().u16(answer.status).view());
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(uicc, Fixture)

BOOST_AUTO_TEST_CASE(files_are_selected_and_read) {
  BOOST_TEST(send("00A40004023F00") == "610D");
  BOOST_TEST(send("00C000000D") == "620B8202782183023F008A01059000");
  BOOST_TEST(send("00A4000C022FE2") == "9000");
  BOOST_TEST(send("00B000000A") == "984453012001001032F69000");
  BOOST_TEST(send("00B0000404") == "200100109000");
  BOOST_TEST(send("00A4080C047F106F3A") == "9000");
  BOOST_TEST(send("00B201042A") == std::string(84, 'F') + "9000");
  BOOST_TEST(send("00A4040C07A0000000871002") == "9000");
  BOOST_TEST(send("00A4000C025F3A") == "9000");
  BOOST_TEST(send("00B2010C2A") == std::string(84, 'F') + "9000");  // by short identifier 1
  BOOST_TEST(send("00A4000C024F30") == "9000");
  BOOST_TEST(send("00B2010440").substr(0, 32) == "A80FC0034F3A01C4034F1102CA034F50");
}

BOOST_AUTO_TEST_CASE(what_is_wrong_has_its_status_word) {
  BOOST_TEST(send("00A40004021234") == "6A82");
  BOOST_TEST(send("00B000000A") == "6986");
  BOOST_TEST(send("00A4000C022FE2") == "9000");
  BOOST_TEST(send("00B2010404") == "6981");
  BOOST_TEST(send("00B000000B") == "6C0A");
  BOOST_TEST(send("00B000FF01") == "6B00");
  BOOST_TEST(send("00D600000111") == "6982");  // the ICCID is not to be changed
  BOOST_TEST(send("00A4080C047F106F3A") == "9000");
  BOOST_TEST(send("00B2FF042A") == "6A83");
  BOOST_TEST(send("00B2010410") == "6C2A");
  BOOST_TEST(send("00B201022A") == "6A86");
  BOOST_TEST(send("00DC010401AA") == "6700");
  BOOST_TEST(send("00B00000") == "6700");
  BOOST_TEST(send("00A400040"
                  "33F00") == "6700");
  BOOST_TEST(send("00FE000000") == "6D00");
  BOOST_TEST(send("A0A40000023F00") == "6E00");
  BOOST_TEST(send("8012000000") == "6985");
  BOOST_TEST(send("80C20000021122") == "6A80");
}

BOOST_AUTO_TEST_CASE(records_and_binaries_are_updated) {
  BOOST_TEST(send("00A4080C047FBF6F02") == "9000");
  BOOST_TEST(send("00D600000A98445301200100104244") == "9000");
  BOOST_TEST(send("00B000000A") == "984453012001001042449000");
  BOOST_TEST(send("00D600090211 22") == "6B00");
  BOOST_TEST(send("00A4080C047F106F4A") == "9000");
  BOOST_TEST(send("00DC02040D02032143F5FFFFFFFFFFFFFFFF") == "9000");
  BOOST_TEST(send("00B202040D") == "02032143F5FFFFFFFFFFFFFFFF9000");
}

BOOST_AUTO_TEST_CASE(a_waiting_command_is_announced_and_fetched) {
  applet.waiting = base::from_hex("D009810301440082028182").value();
  BOOST_TEST(send("80F2000C00") == "910B");
  BOOST_TEST(applet.polls == 1);
  BOOST_TEST(send("801200000A") == "6C0B");
  BOOST_TEST(send("801200000B") == "D0098103014400820281829000");
  BOOST_TEST(send("80F2000C00") == "9000");
}

BOOST_AUTO_TEST_CASE(any_octets_are_answered) {
  const auto good = base::from_hex("00DC02040D02032143F5FFFFFFFFFFFFFFFF").value();
  card_test::torment(good, [this](base::View data) { (void)uicc.transmit(data); });
  std::mt19937 engine(3);
  for (int round = 0; round < 20000; ++round) {
    base::Bytes apdu = card_test::random_bytes(engine, 12);
    if (apdu.size() > 1) {
      constexpr std::uint8_t kIns[] = {0xA4, 0xB0, 0xB2, 0xD6, 0xDC, 0xC0, 0x10, 0x12, 0x14, 0xC2};
      apdu[0] &= 0x80;
      apdu[1] = kIns[engine() % 10];
    }
    (void)uicc.transmit(apdu);
  }
}

BOOST_AUTO_TEST_SUITE_END()
