// Wake-up by SMS: only a packet of the card's own keys, with a counter that rises, makes the applet
// open a channel, or remote management for a PUSH; the proof of receipt says what became of it and
// can be verified.
#include <boost/test/unit_test.hpp>

#include "card/short_message.h"
#include "card/sms_pp.h"
#include "tests/support/card_world.h"
#include "tests/support/torment.h"

using namespace card;
using card_test::World;

namespace {

using Tar = std::array<std::uint8_t, 3>;

constexpr std::uint8_t kPorBySubmit = 0x39, kPorInReport = 0x19;

struct Woken : World {
  Woken() : World(card_test::test_card(card_test::kIccid)) { fill_card(card, {20, 3, 1}, 1); }

  base::Bytes packet(std::uint8_t reason, std::uint64_t counter, std::uint8_t por = kPorBySubmit) {
    return secured(Link::kTar, {0x57, 0x01, reason}, counter, por);
  }
  base::Bytes secured(const Tar& tar, base::Bytes data, std::uint64_t counter,
                      std::uint8_t por = kPorBySubmit) {
    bip::CommandPacket command;
    command.head = Link::head_for(card.keys, Por::always);
    command.head.spi[1] = por;
    command.head.tar = tar;
    command.counter = counter;
    command.data = std::move(data);
    const bip::KeyView keys{card.keys.kic.view(), card.keys.kid.view()};
    return bip::wrap_command(bip::Carrier::sms, command, keys).value();
  }
  static base::Bytes push() {
    return base::from_hex("80EC010113 350103 39020578 3C03021BBC 3E05217F000001").value();
  }
  void deliver(const base::Bytes& command_packet) {
    base::Bytes user_data{0x02, 0x70, 0x00};
    user_data.insert(user_data.end(), command_packet.begin(), command_packet.end());
    BOOST_REQUIRE(terminal->deliver(parse_number("+491710000000"), user_data));
    run();
  }
  // The same as the network delivers it, without the card having its turn.
  base::Bytes delivery(const base::Bytes& command_packet) const {
    base::Bytes user_data{0x02, 0x70, 0x00};
    user_data.insert(user_data.end(), command_packet.begin(), command_packet.end());
    return encode_deliver(parse_number("+491710000000"), user_data, now.utc_ms).value();
  }
  // What the last message of the card says, read with its keys.
  std::optional<bip::ResponsePacket> answer(std::uint8_t por = kPorBySubmit) {
    for (auto it = events.rbegin(); it != events.rend(); ++it) {
      if (it->kind != "sms") continue;
      BOOST_TEST(it->fields.at(0).second == "+491710000000");
      const base::Bytes data = base::from_hex(it->fields.at(1).second).value();
      BOOST_TEST(base::to_hex({data.data(), 3}) == "027100");
      bip::CommandHead head = Link::head_for(card.keys, Por::always);
      head.spi[1] = por;
      const bip::KeyView keys{card.keys.kic.view(), card.keys.kid.view()};
      return bip::unwrap_response(bip::Carrier::sms, head, base::View(data).subspan(3), keys);
    }
    return std::nullopt;
  }
  int proof(std::uint8_t por = kPorBySubmit) {
    const auto seen = answer(por);
    return seen ? static_cast<int>(seen->status) : -1;
  }
  std::string response() {
    const auto seen = answer();
    return seen && seen->status == bip::PacketStatus::por_ok ? base::to_hex(seen->data) : "none";
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(wake, Woken)

BOOST_AUTO_TEST_CASE(an_update_is_a_backup_that_says_why) {
  deliver(packet(0x01, 5));
  BOOST_TEST(proof() == 0);
  BOOST_TEST(vault.image == image());
  BOOST_TEST(int{vault.commands.at(0).fields.origin.value()} == 1);
}

BOOST_AUTO_TEST_CASE(an_identity_report_can_be_asked_for) {
  deliver(packet(0x02, 5));
  BOOST_TEST(vault.log.at(0) == "REPORT done");
  BOOST_TEST(int{vault.commands.at(0).fields.origin.value()} == 1);
}

BOOST_AUTO_TEST_CASE(the_proof_may_be_in_the_delivery_report) {
  deliver(packet(0x02, 5, kPorInReport));
  BOOST_TEST(proof(kPorInReport) == 0);
  BOOST_TEST(vault.log.size() == 1u);
}

// Reports go to the network in the order of its messages, though a text is read before the card has
// had the download before it; what a script plays is no message of the network's.
BOOST_AUTO_TEST_CASE(the_network_hears_in_the_order_of_its_messages) {
  terminal->receive(delivery(packet(0x00, 1, kPorInReport)));
  terminal->receive(encode_text_deliver(parse_number("+4912"), "Hello", 0).value());
  deliver(packet(0x00, 2, kPorInReport));
  terminal->receive(base::from_hex("FF").value());
  terminal->receive(delivery(packet(0x00, 3)));
  run();
  BOOST_REQUIRE(delivered.size() == 4u);
  BOOST_TEST(delivered[0].value().size() > 3u);
  BOOST_TEST(delivered[1].value().empty());
  BOOST_TEST(!delivered[2].has_value());
  BOOST_TEST(delivered[3].value().empty());
}

BOOST_AUTO_TEST_CASE(a_repeated_counter_is_refused) {
  deliver(packet(0x02, 5));
  deliver(packet(0x02, 5));
  BOOST_TEST(proof() == 2);
  deliver(packet(0x02, 6));
  BOOST_TEST(vault.log.size() == 2u);
}

BOOST_AUTO_TEST_CASE(what_does_not_verify_does_nothing) {
  base::Bytes forged = packet(0x01, 5);
  forged.back() ^= 1;
  deliver(forged);
  BOOST_TEST(proof() == 1);
  base::Bytes elsewhere = packet(0x01, 6);
  elsewhere[7] ^= 1;  // TAR
  deliver(elsewhere);
  BOOST_TEST(proof() == 9);
  base::Bytes weak = packet(0x01, 7);
  weak[3] = 0x12;  // not ciphered
  deliver(weak);
  BOOST_TEST(proof() == 0x0A);
  BOOST_TEST(vault.connections == 0u);
  BOOST_TEST(card.memory.sms_counter == 0u);
}

BOOST_AUTO_TEST_CASE(the_published_download_is_read) {
  const auto tpdu = base::from_hex("0404912143 7F16 89101000000000 0D 53686F7274204D657373616765");
  const auto message = decode_deliver(tpdu.value());
  BOOST_REQUIRE(message);
  BOOST_TEST(message->originator.digits == "1234");
  BOOST_TEST(base::as_text(message->user_data) == "Short Message");
  const auto osmocom = base::from_hex("02 7000 00281516191212B00001");
  BOOST_TEST(read_part(osmocom.value())->command);
  BOOST_TEST(!read_part(base::from_hex("027100AA").value())->command);
  const base::Bytes first = base::from_hex("0770000003010201AA").value();
  const auto part = read_part(first);
  BOOST_REQUIRE(part);
  BOOST_TEST(part->command);
  BOOST_TEST(part->total == 2);
  BOOST_TEST(base::to_hex(part->rest) == "AA");
  BOOST_TEST(!read_part(base::from_hex("0500030102").value()));      // cut off
  BOOST_TEST(!read_part(base::from_hex("050003010203AA").value()));  // the third of two
  BOOST_TEST(!read_part(base::from_hex("050003010200AA").value()));  // parts count from 1
}

BOOST_AUTO_TEST_CASE(a_packet_may_come_in_several_messages) {
  const base::Bytes whole = packet(0x01, 5);
  const auto part = [&](const char* header, std::size_t from, std::size_t to) {
    base::Bytes user_data = base::from_hex(header).value();
    user_data.insert(user_data.end(), whole.begin() + static_cast<std::ptrdiff_t>(from),
                     whole.begin() + static_cast<std::ptrdiff_t>(to));
    BOOST_REQUIRE(terminal->deliver(parse_number("+491710000000"), user_data));
    run();
  };
  part("05000307020 2", 20, whole.size());
  BOOST_TEST(vault.connections == 0u);
  part("077000000307 0201", 0, 20);
  BOOST_TEST(proof() == 0);
  BOOST_TEST(vault.image == image());
}

BOOST_AUTO_TEST_CASE(a_push_to_the_applet_is_a_wake_up) {
  deliver(secured(Link::kTar, push(), 5));
  BOOST_TEST(response() == "019000");
  BOOST_TEST(vault.image == image());
  BOOST_TEST(vault.connections == 1u);
}

// It gets its channel, and nobody speaks: the vault waits for the card, the card for the vault.
BOOST_AUTO_TEST_CASE(a_push_to_remote_management_never_reaches_the_applet) {
  deliver(secured(RemoteManagement::kTar, push(), 5));
  BOOST_TEST(response() == "019000");
  BOOST_TEST(vault.connections == 1u);
  BOOST_TEST(!applet->idle());
  advance(RemoteManagement::kGuardSeconds * base::kSecondMs);
  BOOST_TEST(applet->idle());
  BOOST_TEST(!terminal->channel_open());
  BOOST_TEST(vault.commands.empty());
  BOOST_TEST(vault.image.empty());
  // A wake-up is not for remote management either.
  deliver(secured(RemoteManagement::kTar, {0x57, 0x01, 0x01}, 6));
  BOOST_TEST(response() == "016700");
  BOOST_TEST(vault.connections == 1u);
}

BOOST_AUTO_TEST_CASE(a_push_that_cannot_be_done_says_why) {
  reachable = false;
  deliver(secured(Link::kTar, push(), 5));
  BOOST_TEST(response() == "016F0083023A07");
  const auto refused = [&](const char* script, std::uint64_t counter) {
    deliver(secured(Link::kTar, base::from_hex(script).value(), counter));
    return response();
  };
  BOOST_TEST(refused("80EC02010 0", 6) == "016A86");  // another P1
  // Other requests: a TCP connection of its own, an identification packet.
  BOOST_TEST(refused("80EC010319 350103 3C03020050 3E05210A000001 4708696E7465726E6574", 7) ==
             "016A86");
  BOOST_TEST(refused("80EC010103 3C0102", 8) == "016A80");  // no transport level
  BOOST_TEST(refused("80EC010105 350103", 9) == "016700");  // shorter than it says
  BOOST_TEST(refused("80EC010100 80EE010100", 10) == "026D00");
  BOOST_TEST(vault.connections == 0u);
  BOOST_TEST(applet->idle());
}

// The scripts by which another card's tests are driven. Not spoken, here and in secured packets:
// requests 03 and 04, expanded scripts (AA, AE), and CRC in place of CC.
BOOST_AUTO_TEST_CASE(scripts_of_others) {
  const auto seen = [](const char* script) {
    return read_push_script(base::from_hex(script).value());
  };
  const PushScript link = seen("80EC010205 3C03001F90");
  BOOST_REQUIRE(link.push.has_value());
  BOOST_TEST(link.push->cat_tp.value() == 0x1F90);
  const PushScript named = seen("80EC01020D 3C03001F90 39020200 3602ABCD");
  BOOST_REQUIRE(named.push.has_value());
  BOOST_TEST(named.push->cat_tp.value() == 0x1F90);
  const PushScript bare = seen("80EC0101");  // everything is the card's own
  BOOST_REQUIRE(bare.push.has_value());
  BOOST_TEST(bare.push->channel.encode().empty());
  for (const char* not_spoken : {"80EC010319 350103 3C03020050 3E05210A000001 4708696E7465726E6574",
                                 "80EC010404 36020102"}) {
    BOOST_TEST(!seen(not_spoken).push.has_value());
    BOOST_TEST(seen(not_spoken).status == 0x6A86);
  }
}

BOOST_AUTO_TEST_CASE(noise_in_a_script_is_survived) {
  card_test::torment(push(), [](base::View data) { (void)read_push_script(data); });
}

BOOST_AUTO_TEST_CASE(noise_is_survived) {
  const base::Bytes good = encode_deliver({0x91, "491710000000"}, packet(0x01, 1), 0).value();
  for (std::size_t size = 0; size < good.size(); ++size) {
    BOOST_TEST(!decode_deliver({good.data(), size}).has_value());
  }
  card_test::torment(good, [](base::View data) {
    (void)decode_deliver(data);
    (void)decode_submit(data);
    (void)read_part(data);
  });
}

BOOST_AUTO_TEST_SUITE_END()
