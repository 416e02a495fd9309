// The replay counter of a card over channels, on record and off.
#include <boost/test/unit_test.hpp>

#include "tests/support/laboratory.h"

using namespace support;
using vault::CardResult;

namespace {

const std::string kCard = "8944351002100001231";

struct Fixture {
  Fixture() { lab.import(kCard, "+491721234567"); }
  // What the store has.
  vault::Counter kept(const std::string& iccid) {
    vault::Counter counter = 0;
    lab.store->update(lab.now(), [&](vault::RecordTx& tx) {
      counter = tx.counter(*vault::Iccid::from_digits(iccid), 1);
      return false;
    });
    return counter;
  }

  Laboratory lab;
  CardInHand card{lab, kCard};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(replay_counter, Fixture)

// The counter is the card's, whether it has a record or not: what it sent before its import is not
// good afterwards, from whoever it comes.
BOOST_AUTO_TEST_CASE(unknown_card_uses_its_counters_up) {
  const std::string iccid = "8944351002100009999";
  CardInHand stranger(lab, iccid);
  const auto packet = [&](bip::Ins ins) {
    bip::Message message;
    message.code = static_cast<std::uint8_t>(ins);
    message.fields.iccid = vault::Iccid::from_digits(iccid)->to_ef();
    return stranger.card.packet(message);
  };
  const base::Bytes report = packet(bip::Ins::report);
  const base::Bytes status = packet(bip::Ins::status);
  stranger.open_channel();
  BOOST_TEST((stranger.send(report).result == CardResult::unknown_card));
  BOOST_TEST(kept(iccid) == stranger.card.counter - 1);
  BOOST_TEST((stranger.send(status).result == CardResult::unknown_card));
  stranger.hang_up();
  lab.import(iccid);
  stranger.open_channel();
  BOOST_TEST((stranger.send(report).status == bip::PacketStatus::counter_low));
  BOOST_TEST((stranger.send(status).status == bip::PacketStatus::counter_low));
  BOOST_TEST(lab.record(iccid).identity_at == 0);
  BOOST_TEST((stranger.report().result == CardResult::done));
}

// No counter works twice, on this channel or another; nothing of the record changes.
BOOST_AUTO_TEST_CASE(replays_are_refused) {
  card.open_channel();
  bip::Fields fields;
  fields.iccid = vault::Iccid::from_digits(kCard)->to_ef();
  bip::Message message;
  message.code = static_cast<std::uint8_t>(bip::Ins::status);
  message.fields = std::move(fields);
  const base::Bytes packet = card.card.packet(message);
  BOOST_TEST((card.send(packet).status == bip::PacketStatus::por_ok));
  BOOST_TEST((card.send(packet).status == bip::PacketStatus::counter_low));
  card.open_channel();
  BOOST_TEST((card.send(packet).status == bip::PacketStatus::counter_low));
  card.card.counter = 0xFFFFFFFFFE;
  BOOST_TEST((card.report().status == bip::PacketStatus::counter_blocked));
  card.card.counter = 0x100000000 + 10;
  BOOST_TEST((card.report().status == bip::PacketStatus::counter_blocked));
}

// Inside TLS a packet may come without a counter among others that have one. The store has what was
// accepted when the channel has ended, whichever packet it was that an upload was staged with.
BOOST_AUTO_TEST_CASE(kept_when_octets_without_one_are_staged) {
  const base::Bytes image(200'000, 'a');
  vault::CardChannel channel(*vault::Iccid::from_digits(kCard), 1);
  const auto ask = [&](vault::CardCommand command, vault::Counter counter, bool counted) {
    return lab.cards->handle(*lab.store, channel, std::move(command), counter, counted, lab.now())
        .answer.result;
  };
  const auto data = [&](std::uint32_t from, std::uint32_t to) {
    vault::StoreData piece;
    piece.transaction = 1;
    piece.offset = from;
    piece.data.assign(image.begin() + from, image.begin() + to);
    return piece;
  };
  vault::StoreBegin begin;
  begin.transaction = 1;
  begin.total = static_cast<std::uint32_t>(image.size());
  begin.digest = base::sha256(image);
  BOOST_TEST((ask(std::move(begin), 10, true) == CardResult::done));
  BOOST_TEST((ask(data(0, 1'000), 11, true) == CardResult::done));
  BOOST_TEST((ask(data(1'000, 70'000), 0, false) == CardResult::done));
  BOOST_TEST(lab.record(kCard).upload->staged == 70'000u);
  lab.cards->close(*lab.store, channel, lab.now());
  BOOST_TEST(kept(kCard) == 11u);
}

BOOST_AUTO_TEST_SUITE_END()
