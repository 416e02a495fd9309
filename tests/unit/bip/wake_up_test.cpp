// Proves what wakes a card octet by octet (TS 102 226 clause 9, TS 31.115 clause 4), and that of a
// proof of receipt nothing is believed that the card's keys did not make.
#include "bip/wake_up.h"

#include <boost/test/unit_test.hpp>

#include <random>

#include "bip/key_crypto.h"

namespace {

using bip::CardWakeUp;
using bip::PacketStatus;
using bip::WakeMode;
using vault::WakeBuilt;
using vault::WakeReason;

base::Bytes hex(std::string_view text) { return base::from_hex(text).value(); }

// EF_ICCID 98445301200100103246.
vault::Iccid card() { return *vault::Iccid::from_digits("89443510021000012364"); }

constexpr char kKic[] = "A1A2A3A4A5A6A7A8B1B2B3B4B5B6B7B8";
constexpr char kKid[] = "C1C2C3C4C5C6C7C8D1D2D3D4D5D6D7D8";

struct Keys : bip::CardKeySource {
  bip::Family family = bip::Family::des3;
  bool away = false;
  bool known = true;
  base::Result<std::optional<bip::CardKeys>> get(const vault::Iccid& iccid,
                                                 std::uint8_t key_set) override {
    if (away) return base::Error{"away"};
    if (!known || iccid != card() || key_set != 1) return std::optional<bip::CardKeys>();
    return std::optional(bip::CardKeys{family, base::Secret(hex(kKic)), base::Secret(hex(kKid))});
  }
};

struct World {
  Keys keys;
  bip::KeyCrypto crypto{keys};
  bip::WakeUpSettings settings;
  std::unique_ptr<CardWakeUp> wake_up;

  World() {
    settings.mode = WakeMode::push;
    settings.tar = {0xB2, 0x01, 0x01};
    settings.server = "10.0.0.1:6000";
    settings.apn = "internet";
    settings.transport = bip::PushTransport::cat_tp;
    settings.cat_tp_port = 9000;
    make();
  }
  void make() { wake_up = std::make_unique<CardWakeUp>(settings, crypto); }
  WakeBuilt build(vault::Counter counter = 1, WakeReason reason = WakeReason::update) {
    return wake_up->build(card(), reason, settings.key_set, counter);
  }
  std::optional<vault::Por> por(base::View user_data, const vault::Iccid& of = card(),
                                std::uint8_t key_set = 1) {
    auto read = wake_up->read_por(of, key_set, user_data);
    BOOST_REQUIRE(read.ok());
    return read.take();
  }
  std::optional<vault::Por> por(std::string_view user_data) { return por(hex(user_data)); }
};

constexpr char kScript[] =
    "80EC01011E35010339020578470908696E7465726E65743C030117703E05210A000001"
    "80EC0102113C03002328360A98445301200100103246";
constexpr char kPacket[] =
    "00501516391515B201011D4C843DDDE9686D96B42DC9479B8043C5F17716A6A4A53876C47D094B229C2BE7CE88C3"
    "B802FD474EBE3835762E78B47E9B4F6F6CC6D50F278762DA2AE03DDA9F36ABF973E6DEAF";
constexpr char kPor[] = "027100001C12B201014EEDBCB9B51554BB47F152ACE7702804C872F3A146D6D7E3";
constexpr char kCounterLow[] = "027100000B0AB2010100000000010002";

}  // namespace

BOOST_AUTO_TEST_SUITE(wake_up)

BOOST_AUTO_TEST_CASE(push_for_cat_tp) {
  World world;
  BOOST_TEST(base::to_hex(*bip::push_data(world.settings, card())) == kScript);
  const WakeBuilt built = world.build();
  BOOST_REQUIRE((built.kind == WakeBuilt::Kind::done));
  BOOST_TEST(base::to_hex(built.packet.packet) == kPacket);
  BOOST_TEST(built.packet.counter == 1u);
  BOOST_TEST(+built.packet.key_set == 1);
  BOOST_TEST((built.packet.tar == world.settings.tar));
  BOOST_TEST(!world.wake_up->platform_counts());
}

BOOST_AUTO_TEST_CASE(push_for_tcp) {
  World world;
  world.settings.transport = bip::PushTransport::tcp;
  world.settings.apn = "a.example";
  world.settings.bearer = hex("02030405");
  world.settings.server = "[2001:db8::1]:7100";
  world.settings.buffer_size = 1024;
  BOOST_TEST(base::to_hex(*bip::push_data(world.settings, card())) ==
             "80EC01012E"
             "350402030405"
             "39020400"
             "470A0161076578616D706C65"
             "3C03021BBC"
             "3E115720010DB8000000000000000000000001");
  world.settings.apn.clear();
  world.settings.bearer = hex("03");
  world.settings.server = "10.0.0.1:7100";
  BOOST_TEST(base::to_hex(*bip::push_data(world.settings, card())) ==
             "80EC010113"
             "350103"
             "39020400"
             "3C03021BBC"
             "3E05210A000001");
}

BOOST_AUTO_TEST_CASE(push_that_cannot_be) {
  World world;
  world.settings.server = "nowhere";
  BOOST_TEST(!bip::push_data(world.settings, card()).has_value());
  world.make();
  BOOST_TEST((world.build().kind == WakeBuilt::Kind::try_later));
}

// Proves that the applet's packet holds its data, under the counter and TAR that it says.
BOOST_AUTO_TEST_CASE(applet) {
  World world;
  world.settings.mode = WakeMode::applet;
  world.settings.tar = {0xBF, 0xFF, 0x01};
  world.keys.family = bip::Family::aes;
  world.make();
  const WakeBuilt built = world.build(0x0102030405, WakeReason::identity);
  BOOST_REQUIRE((built.kind == WakeBuilt::Kind::done));
  const auto read =
      bip::unwrap_command(bip::Carrier::sms, built.packet.packet, {hex(kKic), hex(kKid)});
  BOOST_REQUIRE(read.has_value());
  BOOST_TEST(base::to_hex(read->data) == "570102");
  BOOST_TEST(base::to_hex(read->head.spi) == "1639");
  BOOST_TEST(+read->head.kic == 0x12);
  BOOST_TEST(+read->head.kid == 0x12);
  BOOST_TEST(base::to_hex(read->head.tar) == "BFFF01");
  BOOST_TEST(read->counter == 0x0102030405u);
  BOOST_TEST(base::to_hex(bip::applet_data(WakeReason::update)) == "570101");
}

BOOST_AUTO_TEST_CASE(keys_that_are_not_there) {
  World world;
  world.keys.away = true;
  BOOST_TEST((world.build().kind == WakeBuilt::Kind::try_later));
  world.keys.away = false;
  world.keys.known = false;
  BOOST_TEST((world.build().kind == WakeBuilt::Kind::no_keys));
  world.keys.known = true;
  BOOST_TEST((world.build().kind == WakeBuilt::Kind::done));
}

BOOST_AUTO_TEST_CASE(proof_that_is_proven) {
  World world;
  const auto por = world.por(kPor);
  BOOST_REQUIRE(por.has_value());
  BOOST_TEST(por->authentic);
  BOOST_TEST(+por->status == 0);
  BOOST_TEST(por->counter == 1u);
  BOOST_TEST((por->tar == world.settings.tar));
  // The elements of the header come in any order.
  BOOST_TEST(world
                 .por("07"
                      "0003AA0101"
                      "7100" +
                      std::string(kPor + 6))
                 .has_value());
}

// Proves that a refusal in clear is read and marked as what anybody may have sent, and that a
// success in clear is nothing.
BOOST_AUTO_TEST_CASE(proof_in_clear) {
  World world;
  for (const bool away : {false, true}) {
    world.keys.away = away;
    const auto low = world.por(kCounterLow);
    BOOST_REQUIRE(low.has_value());
    BOOST_TEST(!low->authentic);
    BOOST_TEST(+low->status == 2);
    BOOST_TEST(low->counter == 1u);
  }
  world.keys.away = false;
  std::string success = kCounterLow;
  success.back() = '0';
  BOOST_TEST(!world.por(success).has_value());
}

// Proves that no octet of a proof can be changed, and that only its card's keys open it.
BOOST_AUTO_TEST_CASE(forged_proofs) {
  World world;
  const base::Bytes good = hex(kPor);
  for (std::size_t i = 5; i < good.size(); ++i) {
    base::Bytes bad = good;
    bad[i] ^= 0x01;
    const auto por = world.por(bad);
    BOOST_TEST(!(por && por->authentic), "octet " << i);
  }
  for (std::size_t size = 0; size < good.size(); ++size) {
    const auto por = world.por(base::View(good).first(size));
    BOOST_TEST(!por.has_value(), "cut to " << size);
  }
  const auto other = *vault::Iccid::from_digits("8944351002100001231");
  BOOST_TEST(!world.por(good, other).has_value());
}

// Proves that keys which cannot be asked for are no verdict on a proof, but on what is none.
BOOST_AUTO_TEST_CASE(proofs_while_the_keys_are_away) {
  World world;
  world.keys.away = true;
  BOOST_TEST(!world.wake_up->read_por(card(), 1, hex(kPor)).ok());
  BOOST_TEST(!world.por("0500030102").has_value());
}

// Proves that what verifies under the well-known key of unknown cards is not believed.
BOOST_AUTO_TEST_CASE(the_dummy_key_proves_nothing) {
  World world;
  const base::Bytes zero(16);
  bip::CommandHead head;
  head.spi = {0x16, 0x39};
  head.kic = head.kid = 0x12;
  bip::ResponsePacket answer;
  answer.tar = world.settings.tar;
  answer.counter = 1;
  base::Bytes user_data = hex("027100");
  const auto packet = bip::wrap_response(bip::Carrier::sms, head, answer, {zero, zero});
  user_data.insert(user_data.end(), packet->begin(), packet->end());
  world.keys.known = false;
  BOOST_TEST(!world.por(user_data).has_value());
}

// Proves that a proof opens under the key set that its packet was sent under, whatever the settings
// have become.
BOOST_AUTO_TEST_CASE(another_key_set_is_configured_meanwhile) {
  World world;
  bip::WakeUpSettings other = world.settings;
  other.key_set = 2;
  world.wake_up->reconfigure(other);
  BOOST_TEST(world.wake_up->key_set() == 2);
  const auto por = world.por(kPor);
  BOOST_REQUIRE(por.has_value());
  BOOST_TEST(por->authentic);
  const auto wrong = world.por(hex(kPor), card(), 2);  // it has none
  BOOST_TEST(!(wrong && wrong->authentic));
  const auto built = world.wake_up->build(card(), WakeReason::update, 1, 7);
  BOOST_TEST((built.kind == WakeBuilt::Kind::done));
  BOOST_TEST(built.packet.key_set == 1);
}

BOOST_AUTO_TEST_CASE(messages_that_are_no_proof) {
  World world;
  for (const char* text :
       {"", "00", "0271", "027000001C12", "0500030102", "FF7100", "0371", "02710001"}) {
    BOOST_TEST(!world.por(text).has_value(), text);
  }
  std::mt19937 random(20261128);
  for (int round = 0; round < 5'000; ++round) {
    base::Bytes noise(random() % 160);
    for (std::uint8_t& octet : noise) octet = static_cast<std::uint8_t>(random());
    if (noise.size() > 3 && round % 2 == 0) noise[0] = 2, noise[1] = 0x71, noise[2] = 0;
    const auto por = world.por(noise);
    BOOST_TEST(!(por && por->authentic));
  }
}

BOOST_AUTO_TEST_SUITE_END()
