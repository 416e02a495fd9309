// Proves that packets dealt with together ask for their card's keys once, that the next ones ask
// anew, and that what comes out is what comes out one by one.
#include "bip/key_crypto.h"

#include <boost/test/unit_test.hpp>

#include "bip/card_messages.h"
#include "tests/support/test_card.h"

namespace {

using namespace bip;
using support::TestCard;

class CountingSource : public support::TestKeySource {
 public:
  base::Result<std::optional<CardKeys>> get(const vault::Iccid& iccid,
                                            std::uint8_t key_set) override {
    ++asked;
    return TestKeySource::get(iccid, key_set);
  }
  int asked = 0;
};

struct Rig {
  Rig() { source.add(card); }
  // A packet of `by`, read by `keys` as of card `as`.
  Keys::Unwrapped read(Keys& keys, TestCard& by, const vault::Iccid& as) {
    Message message;
    message.code = static_cast<std::uint8_t>(Ins::status);
    const base::Bytes packet = by.packet(message);
    return keys.unwrap_command(as, Transport::tcp, *read_command_head(Carrier::bip, packet),
                               packet);
  }
  TestCard card{"89443510021000012364"};
  TestCard stranger{"89443510021000012372"};
  CountingSource source;
  KeyCrypto crypto{source};
};

bool good(const Keys::Unwrapped& packet) { return packet.status == PacketStatus::por_ok; }

}  // namespace

BOOST_FIXTURE_TEST_SUITE(key_crypto, Rig)

BOOST_AUTO_TEST_CASE(together_the_keys_are_asked_for_once) {
  const auto together = crypto.together();
  BOOST_REQUIRE(together != nullptr);
  std::uint64_t last = 0;
  for (int i = 0; i < 20; ++i) {
    const auto packet = read(*together, card, card.iccid);
    BOOST_TEST(good(packet));
    BOOST_TEST(packet.counter > last);
    last = packet.counter;
  }
  CommandHead head;
  head.spi = {0x16, 0x19};
  head.kic = head.kid = 0x12;
  BOOST_TEST(together
                 ->wrap_response(card.iccid, Transport::tcp, head, last, PacketStatus::por_ok,
                                 base::Bytes{1})
                 .has_value());
  BOOST_TEST(source.asked == 1);
  BOOST_TEST(good(read(*crypto.together(), card, card.iccid)));
  BOOST_TEST(source.asked == 2);
  for (int i = 0; i < 3; ++i) BOOST_TEST(good(read(crypto, card, card.iccid)));
  BOOST_TEST(source.asked == 5);
}

// Nobody's keys are taken for somebody else's; that there are none is remembered as well.
BOOST_AUTO_TEST_CASE(together_but_of_several_cards) {
  const auto together = crypto.together();
  for (int i = 0; i < 3; ++i) BOOST_TEST(!good(read(*together, stranger, stranger.iccid)));
  BOOST_TEST(source.asked == 1);
  BOOST_TEST(good(read(*together, card, card.iccid)));
  BOOST_TEST(!good(read(*together, card, stranger.iccid)));
  BOOST_TEST(!good(read(*together, stranger, card.iccid)));
  BOOST_TEST(good(read(*together, card, card.iccid)));
  BOOST_TEST(source.asked == 4);
}

BOOST_AUTO_TEST_SUITE_END()
