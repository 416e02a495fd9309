// Proves what becomes of a batch of packets: which heads are refused and how, the order of
// counters, who is told what, and that a whole store and fetch go through on a real store.
#include "bip/exchange.h"

#include <boost/test/unit_test.hpp>

#include <random>
#include <set>
#include <stdexcept>

#include "bip/card_messages.h"
#include "bip/key_crypto.h"
#include "tests/support/test_card.h"
#include "tests/support/test_vault.h"

namespace {

using namespace bip;
using support::image_of;
using support::TestCard;
using vault::CardResult;

constexpr const char* kIccid = "89443510021000012364";

struct Rig {
  Rig() {
    keys.add(card);
    vault.import({card.iccid});
    settings.allow_3des = true;
  }

  // Serves packets as one batch of the channel.
  Batch serve(const base::Bytes& packets, bool draining = false, vault::Store* by = nullptr) {
    Batch batch;
    batch.card = std::move(channel);
    batch.packets = packets;
    batch.settings = &settings;
    batch.waiting_since = vault.clock.now().mono_ms;
    batch.draining = draining;
    exchange(batch, {crypto, *vault.cards, by != nullptr ? *by : *store, vault.clock});
    channel = std::move(batch.card);
    return batch;
  }
  std::optional<TestCard::Answer> answer(Batch& batch) { return card.take_answer(batch.answers); }
  TestCard::Answer ask(const Message& message) {
    Batch batch = serve(card.packet(message));
    auto result = answer(batch);
    BOOST_REQUIRE(result);
    BOOST_TEST(batch.answers.empty());
    return std::move(*result);
  }
  PacketStatus status_of(const base::Bytes& packet) {
    Batch batch = serve(packet);
    auto result = answer(batch);
    BOOST_REQUIRE(result);
    channel->security_errors = 0;
    return result->status;
  }

  support::TestVault vault;
  TestCard card{kIccid};
  support::TestKeySource keys;
  KeyCrypto crypto{keys};
  std::unique_ptr<vault::Store> store = vault.stores->open();
  Settings settings;
  std::unique_ptr<Card> channel = std::make_unique<Card>(card.iccid);
};

class Away : public vault::Store {
 public:
  vault::Outcome update(base::Now, const std::function<bool(vault::RecordTx&)>&) override {
    return vault::Outcome::unavailable;
  }
  base::Result<base::Bytes> image(const vault::RecordId&, const vault::ImageInfo&) override {
    return away();
  }
  base::Result<std::vector<vault::Record>> find_any(const std::vector<vault::Iccid>&,
                                                    const std::optional<vault::Msisdn>&) override {
    return away();
  }
  base::Result<std::vector<vault::Record>> find_customer(const std::string&, std::size_t) override {
    return away();
  }
  base::Result<std::vector<vault::HistoryEntry>> history(const vault::HistoryQuery&) override {
    return away();
  }
  base::Status history_heads(
      const std::function<void(const vault::RecordId&, std::string_view, std::uint64_t,
                               const base::Sha256&)>&) override {
    return away();
  }
  base::Result<vault::StagedPage> staged_before(std::int64_t, const std::array<std::uint8_t, 16>&,
                                                std::size_t) override {
    return away();
  }
  base::Result<std::vector<vault::Iccid>> known(const std::vector<vault::Iccid>&) override {
    return away();
  }
  base::Result<vault::ImportResult> import(base::Now, const std::vector<vault::ImportLine>&,
                                           const std::string&) override {
    return away();
  }
  base::Status check() override { return away(); }
  std::string write_fault() override { return {}; }
  vault::MessageScan& messages() override { throw std::logic_error("no messages here"); }

 private:
  static base::Error away() { return base::Error{"away"}; }
};

CardResult result_of(const TestCard::Answer& answer) {
  BOOST_TEST((answer.status == PacketStatus::por_ok));
  return static_cast<CardResult>(answer.message.code);
}

// The octets of a message, less one tag that it has.
base::Bytes without(std::uint8_t tag, const Message& message) {
  const base::Bytes whole = encode_message(message);
  base::Reader reader(whole);
  base::Bytes left{reader.u8()};
  for (std::size_t from = reader.position(); const auto tlv = base::next_tlv(reader);
       from = reader.position()) {
    if (tlv->tag == tag) continue;
    left.insert(left.end(), whole.begin() + static_cast<long>(from),
                whole.begin() + static_cast<long>(reader.position()));
  }
  BOOST_REQUIRE(reader.ok());
  BOOST_REQUIRE(left.size() < whole.size());
  return left;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(exchange_)

BOOST_AUTO_TEST_CASE(a_store_and_a_fetch_octet_by_octet) {
  Rig rig;
  const base::Bytes image = image_of(5000);
  const auto begin = rig.ask(rig.card.store_begin(image, 1));
  BOOST_REQUIRE((result_of(begin) == CardResult::done));
  BOOST_TEST(begin.message.fields.offset.value() == 0u);
  BOOST_TEST(begin.message.fields.max_data.value() == 1024);
  BOOST_TEST(begin.counter == 1u);
  BOOST_TEST(rig.channel->proven);
  BOOST_TEST(rig.channel->transfer);

  base::Bytes pipelined;
  for (std::uint32_t offset = 0; offset < image.size(); offset += 700) {
    const base::Bytes packet = rig.card.packet(rig.card.store_data(image, 1, offset, 700), 0x1A);
    pipelined.insert(pipelined.end(), packet.begin(), packet.end());
  }
  const Batch data = rig.serve(pipelined);
  BOOST_TEST(data.answers.empty());
  BOOST_TEST(data.tally.packets == 8);
  const auto end = rig.ask(rig.card.plain(Ins::store_end, 1));
  BOOST_REQUIRE((result_of(end) == CardResult::done));
  BOOST_TEST(!rig.channel->transfer);
  BOOST_REQUIRE(end.message.fields.key);
  Message confirm = rig.card.plain(Ins::key_confirm, 1);
  confirm.fields.key = end.message.fields.key->clone();
  BOOST_TEST((result_of(rig.ask(confirm)) == CardResult::done));

  Message fetch = rig.card.message(Ins::fetch_begin);
  fetch.fields.key = confirm.fields.key->clone();
  fetch.fields.max_data = 600;
  const auto begun = rig.ask(fetch);
  BOOST_REQUIRE((result_of(begun) == CardResult::done));
  BOOST_TEST(begun.message.fields.total.value() == 5000u);
  BOOST_TEST((begun.message.fields.digest == base::sha256(image)));
  base::Bytes fetched;
  while (fetched.size() < image.size()) {
    Message next = rig.card.plain(Ins::fetch_data, begun.message.fields.transaction.value());
    next.fields.offset = static_cast<std::uint32_t>(fetched.size());
    const auto piece = rig.ask(next);
    BOOST_REQUIRE((result_of(piece) == CardResult::done));
    BOOST_REQUIRE(piece.message.fields.data);
    BOOST_TEST(piece.message.fields.data->size() <= 600u);
    fetched.insert(fetched.end(), piece.message.fields.data->begin(),
                   piece.message.fields.data->end());
  }
  BOOST_TEST(fetched == image);
}

BOOST_AUTO_TEST_CASE(three_des_cards_are_served_alike) {
  Rig rig;
  TestCard other("8944351002100001235", Family::des3);
  rig.keys.add(other);
  rig.vault.import({other.iccid});
  rig.channel = std::make_unique<Card>(other.iccid);
  Batch batch = rig.serve(other.packet(other.message(Ins::status)));
  auto answer = other.take_answer(batch.answers);
  BOOST_REQUIRE(answer);
  BOOST_TEST((result_of(*answer) == CardResult::done));
}

BOOST_AUTO_TEST_CASE(heads_are_refused_before_any_key_is_asked_for) {
  Rig rig;
  const Message status = rig.card.message(Ins::status);
  const auto changed = [&](auto change) {
    TestCard card = TestCard(kIccid);
    card.counter = rig.card.counter + 1;
    change(card.head);
    return card;
  };
  const auto refused = [&](auto change) {
    TestCard card = changed(change);
    // Wrapping may be impossible under such a head: only the clear part matters here.
    base::Bytes packet = rig.card.packet(status);
    const CommandHead& head = card.head;
    const base::Bytes clear{head.spi[0], head.spi[1], head.kic,   head.kid,
                            head.tar[0], head.tar[1], head.tar[2]};
    std::copy(clear.begin(), clear.end(), packet.begin() + 3);
    return rig.status_of(packet);
  };
  using Status = PacketStatus;
  BOOST_TEST((refused([](CommandHead& h) { h.tar = {0xB0, 0x00, 0x11}; }) == Status::tar_unknown));
  for (int spi : {0x00, 0x02, 0x06, 0x0E, 0x12, 0x15, 0x17, 0x1E, 0x36, 0x96}) {
    BOOST_TEST((refused([&](CommandHead& h) { h.spi[0] = static_cast<std::uint8_t>(spi); }) ==
                Status::insufficient_security));
  }
  for (int spi : {0x01, 0x02, 0x09, 0x11, 0x18, 0x1B, 0x21, 0x59, 0x99, 0x10, 0x08}) {
    BOOST_TEST((refused([&](CommandHead& h) { h.spi[1] = static_cast<std::uint8_t>(spi); }) ==
                Status::insufficient_security));
  }
  for (auto [kic, kid] : {std::pair{0x12, 0x22},
                          {0x02, 0x02},
                          {0x12, 0x15},
                          {0x11, 0x11},
                          {0x19, 0x19},
                          {0x10, 0x12},
                          {0x00, 0x00}}) {
    BOOST_TEST((refused([&](CommandHead& h) {
                  h.kic = static_cast<std::uint8_t>(kic);
                  h.kid = static_cast<std::uint8_t>(kid);
                }) == Status::security_error));
  }
  rig.settings.allow_aes = false;
  BOOST_TEST((rig.status_of(rig.card.packet(status)) == Status::security_error));
  rig.settings.allow_aes = true;
  // b6 of the second octet concerns SMS: ignored.
  BOOST_TEST((rig.status_of(rig.card.packet(status, 0x39)) == Status::por_ok));
}

// Inside a TLS channel of the card's own that ciphers, packets may do without CC, cipher and
// counter; nowhere else.
BOOST_AUTO_TEST_CASE(bare_packets_inside_tls) {
  Rig rig;
  rig.channel->ciphered_below = true;
  const base::Bytes image = image_of(700);
  rig.card.head.spi = {0x00, 0x01};
  const auto bare = [&](const Message& message, std::uint8_t wants = 0x01) {
    Batch batch = rig.serve(rig.card.packet(message, wants));
    return rig.answer(batch);
  };
  rig.card.counter = 0xFFFFFFFFF0;  // is not looked at
  BOOST_TEST((result_of(*bare(rig.card.store_begin(image, 1))) == CardResult::done));
  BOOST_TEST(!bare(rig.card.store_data(image, 1, 0, 400), 0x00).has_value());
  BOOST_TEST(!bare(rig.card.store_data(image, 1, 400, 400), 0x02).has_value());
  const auto end = bare(rig.card.plain(Ins::store_end, 1));
  BOOST_REQUIRE(end.has_value());
  BOOST_TEST((result_of(*end) == CardResult::done));
  BOOST_TEST(end->message.fields.key.has_value());
  BOOST_TEST(end->counter == rig.card.counter);
  BOOST_TEST(rig.channel->proven);
  BOOST_TEST(rig.channel->last_counter == 0u);

  // What is protected counts as ever, on the same channel too.
  rig.card.head.spi = {0x16, 0x19};
  rig.card.counter = 7;
  BOOST_TEST((result_of(rig.ask(rig.card.message(Ins::status))) == CardResult::done));
  rig.card.counter = 7;
  BOOST_TEST(
      (rig.status_of(rig.card.packet(rig.card.message(Ins::status))) == PacketStatus::counter_low));
}

BOOST_AUTO_TEST_CASE(bare_packets_elsewhere_and_half_bare_ones) {
  Rig rig;
  const Message status = rig.card.message(Ins::status);
  const auto refused = [&](std::uint8_t first, std::uint8_t second) {
    rig.card.head.spi = {first, second};
    const base::Bytes packet = rig.card.packet(status, second);
    rig.card.head.spi = {0x16, 0x19};
    return rig.status_of(packet) == PacketStatus::insufficient_security;
  };
  for (const int second : {0x01, 0x02, 0x19}) {
    BOOST_TEST(refused(0x00, static_cast<std::uint8_t>(second)), "outside TLS " << second);
  }
  rig.channel->ciphered_below = true;
  for (const int second : {0x03, 0x08, 0x11, 0x19, 0x1A}) {
    BOOST_TEST(refused(0x00, static_cast<std::uint8_t>(second)), "00 " << second);
  }
  for (const int second : {0x01, 0x02}) {
    BOOST_TEST(refused(0x16, static_cast<std::uint8_t>(second)), "16 " << second);
  }
  for (const int first : {0x02, 0x04, 0x06, 0x10}) {
    BOOST_TEST(refused(static_cast<std::uint8_t>(first), 0x01), "first " << first);
  }
  BOOST_TEST(!rig.channel->proven);
  // Only STORE DATA may want no answer, and a packet must be whole.
  rig.card.head.spi = {0x00, 0x01};
  Batch loud = rig.serve(rig.card.packet(status, 0x02));
  auto answer = rig.answer(loud);
  BOOST_REQUIRE(answer.has_value());
  BOOST_TEST((answer->status == PacketStatus::insufficient_security));
  base::Bytes padded = rig.card.packet(status, 0x01);
  padded[padded.size() - 1 - bip::encode_message(status).size()] = 0xFF;  // PCNTR
  BOOST_TEST((rig.status_of(padded) == PacketStatus::security_error));
}

// The newer TLS channel of a card has proven itself by its handshake.
BOOST_AUTO_TEST_CASE(a_bare_packet_beats_an_older_channel) {
  Rig rig;
  rig.channel->ciphered_below = true;
  rig.card.head.spi = {0x00, 0x01};
  Batch batch;
  batch.card = std::move(rig.channel);
  batch.packets = rig.card.packet(rig.card.message(Ins::status), 0x01);
  batch.settings = &rig.settings;
  batch.waiting_since = rig.vault.clock.now().mono_ms;
  batch.rival = Batch::Rival{1, 0xFFFFFFFF};
  exchange(batch, {rig.crypto, *rig.vault.cards, *rig.store, rig.vault.clock});
  BOOST_TEST(batch.beats_rival);
  BOOST_TEST(batch.unserved == batch.packets.size());
  BOOST_TEST(batch.answers.empty());
}

BOOST_AUTO_TEST_CASE(wrong_cc_and_unknown_card_look_the_same) {
  Rig rig;
  base::Bytes broken = rig.card.packet(rig.card.message(Ins::status));
  broken.back() ^= 1;
  Batch wrong = rig.serve(broken);
  BOOST_TEST(!rig.channel->channel.has_value());

  TestCard stranger("89443510021000099999");
  rig.channel = std::make_unique<Card>(stranger.iccid);
  Batch unknown = rig.serve(stranger.packet(stranger.message(Ins::status)));
  BOOST_TEST(base::to_hex(wrong.answers) == "020B0ABFFF0100000000000001");
  BOOST_TEST(wrong.answers == unknown.answers);
  BOOST_TEST(wrong.tally.of(Fault::wrong_cc) == 1);
  BOOST_TEST(unknown.tally.of(Fault::wrong_cc) == 1);
  BOOST_TEST(!rig.channel->proven);

  // A key set that the card does not have, and the other family: the same again.
  TestCard other_set(kIccid);
  other_set.head.kic = other_set.head.kid = 0x22;
  rig.channel = std::make_unique<Card>(other_set.iccid);
  BOOST_TEST(rig.serve(other_set.packet(other_set.message(Ins::status))).answers == wrong.answers);
  TestCard other_family(kIccid, Family::des3);
  rig.channel = std::make_unique<Card>(other_family.iccid);
  BOOST_TEST(rig.serve(other_family.packet(other_family.message(Ins::status))).answers ==
             wrong.answers);
}

BOOST_AUTO_TEST_CASE(who_knows_the_dummy_key_is_still_nobody) {
  Rig rig;
  TestCard stranger("89443510021000099999");
  const base::Bytes zeros(16);
  const CommandPacket command{stranger.head, 1, encode_message(stranger.message(Ins::status))};
  const base::Bytes packet = wrap_command(Carrier::bip, command, {zeros, zeros}).value();
  rig.channel = std::make_unique<Card>(stranger.iccid);
  BOOST_TEST((rig.serve(packet).tally.of(Fault::wrong_cc) == 1));
  BOOST_TEST(!rig.channel->channel.has_value());
}

BOOST_AUTO_TEST_CASE(the_third_security_error_ends_the_batch) {
  Rig rig;
  base::Bytes packets;
  for (int i = 0; i < 5; ++i) {
    base::Bytes broken = rig.card.packet(rig.card.message(Ins::status));
    broken.back() ^= 1;
    packets.insert(packets.end(), broken.begin(), broken.end());
  }
  const Batch batch = rig.serve(packets);
  BOOST_TEST(batch.close);
  BOOST_TEST(batch.tally.of(Fault::wrong_cc) == 3);
  BOOST_TEST(batch.answers.size() == 3u * 13);
}

BOOST_AUTO_TEST_CASE(counters_only_ever_rise) {
  Rig rig;
  const base::Bytes first = rig.card.packet(rig.card.message(Ins::status));
  BOOST_TEST((rig.status_of(first) == PacketStatus::por_ok));
  BOOST_TEST((rig.status_of(first) == PacketStatus::counter_low));
  const base::Bytes second = rig.card.packet(rig.card.message(Ins::report));
  BOOST_TEST((rig.status_of(second) == PacketStatus::por_ok));

  // On another channel, which knows only what the store has kept.
  rig.channel = std::make_unique<Card>(rig.card.iccid);
  Batch replayed = rig.serve(second);
  auto answer = rig.answer(replayed);
  BOOST_REQUIRE(answer);
  BOOST_TEST((answer->status == PacketStatus::counter_low));
  BOOST_TEST(answer->counter == 2u);
  BOOST_TEST(!rig.channel->proven);  // a replay proves nobody

  rig.card.counter = 0xFFFFFFFFFE;
  BOOST_TEST((rig.status_of(rig.card.packet(rig.card.message(Ins::report))) ==
              PacketStatus::counter_blocked));
}

BOOST_AUTO_TEST_CASE(only_store_data_may_want_less_than_an_answer) {
  Rig rig;
  for (int spi : {0x00, 0x1A}) {
    BOOST_TEST((rig.status_of(rig.card.packet(rig.card.message(Ins::status),
                                              static_cast<std::uint8_t>(spi))) ==
                PacketStatus::insufficient_security));
  }
  const base::Bytes image = image_of(100);
  rig.ask(rig.card.store_begin(image, 1));
  const Batch silent = rig.serve(rig.card.packet(rig.card.store_data(image, 9, 0, 50), 0x00));
  BOOST_TEST(silent.answers.empty());  // an error, and yet nothing was wanted
}

BOOST_AUTO_TEST_CASE(after_the_first_error_pipelined_data_are_dropped_until_the_named_offset) {
  Rig rig;
  const base::Bytes image = image_of(1000);
  rig.ask(rig.card.store_begin(image, 1));
  const auto data = [&](std::uint32_t offset, std::uint8_t spi = 0x1A) {
    return rig.card.packet(rig.card.store_data(image, 1, offset, 100), spi);
  };
  base::Bytes packets;
  for (std::uint32_t offset : {0u, 200u, 300u, 400u}) {  // 100 is missing
    const base::Bytes packet = data(offset);
    packets.insert(packets.end(), packet.begin(), packet.end());
  }
  Batch batch = rig.serve(packets);
  auto answer = rig.answer(batch);
  BOOST_REQUIRE(answer);
  BOOST_TEST((result_of(*answer) == CardResult::wrong_offset));
  BOOST_TEST(answer->message.fields.offset.value() == 100u);
  BOOST_TEST(batch.answers.empty());
  BOOST_TEST(batch.tally.dropped == 2);

  BOOST_TEST(rig.serve(data(500)).answers.empty());
  BOOST_TEST(rig.serve(data(100)).answers.empty());  // named: taken, not dropped
  Batch taken = rig.serve(data(200, 0x19));
  answer = rig.answer(taken);
  BOOST_REQUIRE(answer);
  BOOST_TEST((result_of(*answer) == CardResult::done));
  BOOST_TEST(answer->message.fields.offset.value() == 300u);

  // A packet that always wants an answer ends the dropping too.
  BOOST_TEST(!rig.serve(data(700)).answers.empty());
  BOOST_TEST(rig.serve(data(800)).answers.empty());
  Batch asked = rig.serve(data(900, 0x19));
  answer = rig.answer(asked);
  BOOST_REQUIRE(answer);
  BOOST_TEST((result_of(*answer) == CardResult::wrong_offset));
  BOOST_TEST(!rig.serve(data(900)).answers.empty());
}

BOOST_AUTO_TEST_CASE(messages_that_are_none) {
  Rig rig;
  const auto result = [&](std::string_view hex_text) {
    Batch batch = rig.serve(rig.card.packet(base::from_hex(hex_text).value()));
    auto answer = rig.answer(batch);
    BOOST_REQUIRE(answer);
    return result_of(*answer);
  };
  BOOST_TEST((result("") == CardResult::malformed));
  BOOST_TEST((result("00") == CardResult::unsupported));
  BOOST_TEST((result("0B") == CardResult::unsupported));
  BOOST_TEST((result("FF") == CardResult::unsupported));
  BOOST_TEST((result("0980") == CardResult::malformed));  // a length that lies
  // Letters in a key, an old ICCID that is none.
  Message report = rig.card.message(Ins::report);
  report.fields.key = base::Secret(base::as_bytes("12345AB"));
  BOOST_TEST((result_of(rig.ask(report)) == CardResult::malformed));
  report = rig.card.message(Ins::report);
  report.fields.previous.emplace().fill(0xAA);
  BOOST_TEST((result_of(rig.ask(report)) == CardResult::malformed));
  // A number that is none harms nothing: EF_MSISDN is the user's.
  report = rig.card.message(Ins::report);
  report.fields.number = base::Bytes(11, 0xFF);
  BOOST_TEST((result_of(rig.ask(report)) == CardResult::done));
}

// Each tag that a command needs, missing alone: malformed, and the record is what it was. With all
// of them every command is done, so nothing but that tag was the reason. (The key of ERASE is none
// of them: without it the answer depends on the record.)
BOOST_AUTO_TEST_CASE(each_mandatory_tag_missing_alone) {
  Rig rig;
  const base::Bytes stored = image_of(500, 1);
  const base::Bytes coming = image_of(600, 2);
  rig.ask(rig.card.store_begin(stored, 1));
  rig.ask(rig.card.store_data(stored, 1, 0, 500));
  const auto end = rig.ask(rig.card.plain(Ins::store_end, 1));
  BOOST_REQUIRE((result_of(end) == CardResult::done));
  const auto with_key = [&](Message message) {
    message.fields.key = end.message.fields.key->clone();
    return message;
  };
  rig.ask(with_key(rig.card.store_begin(coming, 2)));
  rig.ask(rig.card.store_data(coming, 2, 0, 200));
  const auto begun = rig.ask(with_key(rig.card.message(Ins::fetch_begin)));
  BOOST_REQUIRE((result_of(begun) == CardResult::done));
  const std::uint32_t fetch = begun.message.fields.transaction.value();

  Message fetch_data = rig.card.plain(Ins::fetch_data, fetch);
  fetch_data.fields.offset = 0;
  Message fetch_report = rig.card.plain(Ins::fetch_report, fetch);
  fetch_report.fields.counts = {7, 0};
  struct Command {
    Message whole;
    std::set<std::uint8_t> mandatory;
  };
  // In an order in which all of them can be done.
  std::vector<Command> commands;
  const auto add = [&](Message whole, std::set<std::uint8_t> mandatory) {
    commands.push_back({std::move(whole), std::move(mandatory)});
  };
  add(rig.card.message(Ins::report), {0x80});
  add(rig.card.message(Ins::status), {0x80});
  add(with_key(rig.card.plain(Ins::key_confirm, 1)), {0x84, 0x83});
  add(std::move(fetch_data), {0x84, 0x86});
  add(std::move(fetch_report), {0x84, 0x8F});
  add(rig.card.store_data(coming, 2, 200, 400), {0x84, 0x86, 0x87});
  add(rig.card.plain(Ins::store_end, 2), {0x84});
  add(with_key(rig.card.store_begin(stored, 3)), {0x80, 0x84, 0x85, 0x88});
  add(with_key(rig.card.message(Ins::fetch_begin)), {0x80});
  add(with_key(rig.card.message(Ins::erase)), {0x80});
  BOOST_TEST(commands.size() == 10u, "every INS of docs/protocol.md");

  const vault::Record before = rig.vault.record(rig.card.iccid);
  for (const auto& [whole, mandatory] : commands) {
    for (const std::uint8_t tag : mandatory) {
      BOOST_TEST_CONTEXT("INS " << int{whole.code} << " without tag " << int{tag}) {
        Batch batch = rig.serve(rig.card.packet(without(tag, whole)));
        const auto answer = rig.answer(batch);
        BOOST_REQUIRE(answer);
        BOOST_TEST((result_of(*answer) == CardResult::malformed));
        BOOST_TEST(batch.tally.of(Fault::malformed) == 1);
        BOOST_TEST((rig.vault.record(rig.card.iccid) == before));
      }
    }
  }
  for (const auto& [whole, mandatory] : commands) {
    BOOST_TEST_CONTEXT("INS " << int{whole.code}) {
      BOOST_TEST((result_of(rig.ask(whole)) == CardResult::done));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_message_for_another_card_is_malformed_and_told) {
  Rig rig;
  Message status = rig.card.message(Ins::status);
  status.fields.iccid = vault::Iccid::from_digits("89443510021000099999")->to_ef();
  Batch batch = rig.serve(rig.card.packet(status));
  auto answer = rig.answer(batch);
  BOOST_REQUIRE(answer);
  BOOST_TEST((result_of(*answer) == CardResult::malformed));
  BOOST_TEST(batch.tally.of(Fault::other_iccid) == 1);
}

BOOST_AUTO_TEST_CASE(another_key_set_on_a_proven_channel_is_refused) {
  Rig rig;
  rig.ask(rig.card.message(Ins::status));
  TestCard switched(kIccid);
  switched.head.kic = switched.head.kid = 0x22;
  switched.counter = 100;
  BOOST_TEST((rig.status_of(switched.packet(switched.message(Ins::status))) ==
              PacketStatus::security_error));
}

BOOST_AUTO_TEST_CASE(late_or_draining_only_beginnings_are_put_off) {
  Rig rig;
  const base::Bytes image = image_of(100);
  rig.ask(rig.card.store_begin(image, 1));
  const auto while_draining = [&](const Message& message) {
    Batch batch = rig.serve(rig.card.packet(message), true);
    auto answer = rig.answer(batch);
    BOOST_REQUIRE(answer);
    return result_of(*answer);
  };
  BOOST_TEST((while_draining(rig.card.message(Ins::report)) == CardResult::try_later));
  BOOST_TEST((while_draining(rig.card.message(Ins::fetch_begin)) == CardResult::try_later));
  BOOST_TEST((while_draining(rig.card.store_begin(image, 2)) == CardResult::try_later));
  BOOST_TEST((while_draining(rig.card.store_data(image, 1, 0, 100)) == CardResult::done));
  BOOST_TEST((while_draining(rig.card.plain(Ins::store_end, 1)) == CardResult::done));

  Batch late;
  late.card = std::move(rig.channel);
  late.packets = rig.card.packet(rig.card.message(Ins::report));
  late.settings = &rig.settings;
  late.waiting_since = rig.vault.clock.now().mono_ms - 2001;
  exchange(late, {rig.crypto, *rig.vault.cards, *rig.store, rig.vault.clock});
  auto answer = rig.answer(late);
  BOOST_REQUIRE(answer);
  BOOST_TEST((result_of(*answer) == CardResult::try_later));
  BOOST_TEST(late.tally.try_later == 1);
}

// A packet that was put off is used up: a copy of it is refused on this channel, and on a later one
// once this has ended. The card itself goes on with its next counter.
BOOST_AUTO_TEST_CASE(what_was_put_off_cannot_be_replayed) {
  Rig rig;
  const base::Bytes packet = rig.card.packet(rig.card.message(Ins::report));
  Batch put_off = rig.serve(packet, true);
  BOOST_TEST((result_of(*rig.answer(put_off)) == CardResult::try_later));
  BOOST_TEST(!rig.channel->proven);
  BOOST_TEST((rig.status_of(packet) == PacketStatus::counter_low));
  rig.vault.cards->close(*rig.store, *rig.channel->channel, rig.vault.clock.now());
  rig.channel = std::make_unique<Card>(rig.card.iccid);
  BOOST_TEST((rig.status_of(packet) == PacketStatus::counter_low));
  BOOST_TEST((result_of(rig.ask(rig.card.message(Ins::report))) == CardResult::done));
}

// What was put off without being held against the store tells nothing about older counters.
BOOST_AUTO_TEST_CASE(a_replay_that_is_put_off_opens_no_door) {
  Rig rig;
  const base::Bytes old_begin = rig.card.packet(rig.card.message(Ins::report));
  const base::Bytes old_data = rig.card.packet(rig.card.store_data(image_of(100), 1, 0, 100));
  BOOST_TEST((result_of(rig.ask(rig.card.message(Ins::report))) == CardResult::done));
  rig.channel = std::make_unique<Card>(rig.card.iccid);
  rig.serve(old_begin, true);
  BOOST_TEST((rig.status_of(old_data) == PacketStatus::counter_low));
  rig.vault.cards->close(*rig.store, *rig.channel->channel, rig.vault.clock.now());
  rig.channel = std::make_unique<Card>(rig.card.iccid);
  BOOST_TEST((rig.status_of(old_data) == PacketStatus::counter_low));
}

// While the store is away nobody knows whether the first packet of a channel is a replay: it is put
// off, and proves nothing. On a channel that was proven before, the card stays who it is.
BOOST_AUTO_TEST_CASE(what_the_store_has_not_judged_proves_nothing) {
  Rig rig;
  Away away;
  for (const Ins ins : {Ins::report, Ins::status, Ins::store_begin, Ins::fetch_begin, Ins::erase}) {
    rig.channel = std::make_unique<Card>(rig.card.iccid);
    const bool begins = ins == Ins::store_begin;
    const Message message = begins ? rig.card.store_begin(image_of(100), 1) : rig.card.message(ins);
    const base::Bytes replayed = rig.card.packet(message);
    BOOST_TEST((rig.status_of(replayed) == PacketStatus::por_ok));
    const std::int64_t before = rig.vault.counters.get("vault.try_later");
    rig.channel = std::make_unique<Card>(rig.card.iccid);
    Batch batch = rig.serve(replayed, false, &away);
    BOOST_TEST((result_of(*rig.answer(batch)) == CardResult::try_later));
    BOOST_TEST(!rig.channel->proven);
    BOOST_TEST(rig.channel->put_off);
    BOOST_TEST(rig.vault.counters.get("vault.try_later") == before + 1);
  }
  rig.channel = std::make_unique<Card>(rig.card.iccid);
  rig.ask(rig.card.message(Ins::report));
  Batch batch = rig.serve(rig.card.packet(rig.card.message(Ins::report)), false, &away);
  BOOST_TEST((result_of(*rig.answer(batch)) == CardResult::try_later));
  BOOST_TEST(rig.channel->proven);
}

// While the store is away nobody knows whether the first packet of a channel is a replay: data is
// dropped, which the card repeats, and no security error is counted. The same packet is good later.
BOOST_AUTO_TEST_CASE(data_first_while_the_store_is_away_is_dropped) {
  Rig rig;
  BOOST_TEST((result_of(rig.ask(rig.card.message(Ins::report))) == CardResult::done));
  Away away;
  for (const Ins ins : {Ins::store_data, Ins::fetch_data}) {
    rig.channel = std::make_unique<Card>(rig.card.iccid);
    Message message = rig.card.store_data(image_of(100), 1, 0, 100);
    if (ins == Ins::fetch_data) {
      message.code = static_cast<std::uint8_t>(ins);
      message.fields.data = {};
    }
    const base::Bytes packet = rig.card.packet(message);
    for (int i = 0; i < 5; ++i) {
      Batch batch = rig.serve(packet, false, &away);
      BOOST_TEST(batch.answers.empty());
      BOOST_TEST(batch.tally.dropped == 1);
      BOOST_TEST(!batch.close);
    }
    BOOST_TEST(rig.channel->security_errors == 0);
    BOOST_TEST(!rig.channel->proven);
    Batch later = rig.serve(packet);
    BOOST_TEST((result_of(*rig.answer(later)) == CardResult::no_such_transaction));
  }
}

BOOST_AUTO_TEST_CASE(answers_stay_within_max_packet) {
  for (std::uint32_t max_packet : {256u, 257u, 300u, 600u, 1400u}) {
    Rig rig;
    rig.settings.max_packet = max_packet;
    const base::Bytes image = image_of(4000);
    const auto begin = rig.ask(rig.card.store_begin(image, 1));
    const std::size_t block = begin.message.fields.max_data.value();
    for (std::uint32_t offset = 0; offset < image.size();
         offset += static_cast<std::uint32_t>(block)) {
      const base::Bytes packet = rig.card.packet(rig.card.store_data(image, 1, offset, block));
      BOOST_TEST(packet.size() <= max_packet);
      Batch batch = rig.serve(packet);
      BOOST_REQUIRE(rig.answer(batch));
    }
    const auto end = rig.ask(rig.card.plain(Ins::store_end, 1));
    BOOST_REQUIRE((result_of(end) == CardResult::done));
    // The key is not confirmed: the last piece of a fetch carries a fresh one.
    const auto begun = rig.ask(rig.card.message(Ins::fetch_begin));
    BOOST_REQUIRE((result_of(begun) == CardResult::done));
    std::size_t fetched = 0;
    bool key = false;
    while (fetched < image.size()) {
      Message next = rig.card.plain(Ins::fetch_data, begun.message.fields.transaction.value());
      next.fields.offset = static_cast<std::uint32_t>(fetched);
      const auto piece = rig.ask(next);
      BOOST_REQUIRE((result_of(piece) == CardResult::done));
      BOOST_TEST(piece.packet_size <= max_packet);
      fetched += piece.message.fields.data->size();
      key = key || piece.message.fields.key.has_value();
    }
    BOOST_TEST(key);
    if (max_packet >= 1400) BOOST_TEST(block == 1024u);
  }
}

BOOST_AUTO_TEST_CASE(an_unreadable_head_is_answered_and_counted) {
  Rig rig;
  const Batch batch = rig.serve(base::from_hex("0100").value());
  BOOST_TEST(base::to_hex(batch.answers) == "020B0ABFFF0100000000000006");
  BOOST_TEST(batch.tally.of(Fault::security_error) == 1);
}

BOOST_AUTO_TEST_CASE(random_packets_change_nothing) {
  Rig rig;
  std::mt19937 random(11);
  const vault::Record before = rig.vault.record(rig.card.iccid);
  for (int round = 0; round < 3000; ++round) {
    base::Bytes packet = rig.card.packet(rig.card.message(Ins::erase));
    for (int flips = 1 + static_cast<int>(random() % 4); flips > 0; --flips) {
      packet[2 + random() % (packet.size() - 2)] = static_cast<std::uint8_t>(random());
    }
    rig.channel = std::make_unique<Card>(rig.card.iccid);
    rig.settings.max_security_errors = 3;
    const Batch batch = rig.serve(packet);
    // A flip may put back what was there: then the packet is whole, and refused for its key.
    if (batch.tally.of(Fault::wrong_cc) > 0) BOOST_TEST(!rig.channel->channel.has_value());
  }
  const vault::Record after = rig.vault.record(rig.card.iccid);
  BOOST_TEST((before.image == after.image && before.key_state == after.key_state));
}

BOOST_AUTO_TEST_SUITE_END()
