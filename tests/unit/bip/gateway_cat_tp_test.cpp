// Proves the gateway's CAT_TP side over a real UDP socket: who calls, stores and fetches as over
// TCP, small maxima, two links of one card, full, drain and stop.
#include <boost/test/unit_test.hpp>

#include <poll.h>
#include <unistd.h>

#include "bip/cat_tp.h"
#include "bip/gateway.h"
#include "bip/key_crypto.h"
#include "bip/socket_address.h"
#include "tests/support/test_card.h"
#include "tests/support/test_vault.h"
#include "tests/support/until.h"

namespace {

using namespace bip;
using support::image_of;
using support::TestCard;
using support::until;
using vault::CardResult;

constexpr const char* kIccid = "89443510021000012364";

struct Rig {
  // `clock`: the gateway's, in place of one that stands still.
  explicit Rig(
      const std::function<void(Settings&)>& change = [](Settings&) {},
      const base::Clock* clock = nullptr) {
    keys.add(card);
    vault.import({card.iccid});
    settings.tcp.clear();
    settings.cat_tp = "127.0.0.1:0";
    settings.workers = 2;
    change(settings);
    gateway =
        std::make_unique<Gateway>(settings, Gateway::Parts{crypto, *vault.cards, *vault.stores,
                                                           clock != nullptr ? *clock : vault.clock,
                                                           vault.log, vault.counters});
    const base::Status started = gateway->start();
    BOOST_REQUIRE_MESSAGE(started.ok(), (started.ok() ? "" : started.error()));
  }
  std::int64_t counted(std::string_view name) { return vault.counters.get(name); }

  support::TestVault vault;
  TestCard card{kIccid};
  support::TestKeySource keys;
  KeyCrypto crypto{keys};
  Settings settings;
  std::unique_ptr<Gateway> gateway;
};

// A card's end on a socket, in the machine's own time.
class Caller {
 public:
  Caller(Rig& rig, base::View identification, CatTpSettings numbers = {})
      : settings_(numbers), machine_(settings_, {1, 9000}) {
    const auto place =
        parse_socket_address("127.0.0.1:" + std::to_string(rig.gateway->cat_tp_port()));
    socket_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    BOOST_REQUIRE(::connect(socket_, place->get(), place->size) == 0);
    machine_.open(identification, static_cast<std::uint16_t>(std::random_device()()), now(), out_);
    wait([&] { return machine_.phase() != CatTp::Phase::opening; });
  }
  ~Caller() { ::close(socket_); }

  // more: its last PDU says that the SDU goes on, so that calls make one that is too large.
  bool send(base::View sdu, bool more = false) {
    const bool taken = machine_.send(sdu, now(), out_);
    flush(more);
    return taken;
  }
  std::optional<base::Bytes> receive() {
    wait([&] { return machine_.readable() || machine_.phase() == CatTp::Phase::closed; });
    auto sdu = machine_.take(now(), out_);
    flush();
    return sdu;
  }
  bool closed() {
    return wait([&] { return machine_.phase() == CatTp::Phase::closed; });
  }
  bool acknowledged() {
    return wait([&] { return machine_.backlog() == 0; });
  }
  void close() {
    machine_.close(CatTpReset::normal, now(), out_);
    flush();
  }
  const CatTp& machine() const { return machine_; }

 private:
  static base::Now now() { return base::SystemClock().now(); }
  void flush(bool more = false) {
    CatTpOutput going_on;
    for (std::size_t i = 0; more && i < out_.count(); ++i) {
      auto pdu = decode_cat_tp(out_[i]);
      BOOST_REQUIRE(pdu);
      if (!pdu->data.empty()) pdu->flags |= cat_tp::kSeg;
      going_on.add(*pdu);
    }
    const CatTpOutput& sent = more ? going_on : out_;
    for (std::size_t i = 0; i < sent.count(); ++i) {
      BOOST_REQUIRE(::send(socket_, sent[i].data(), sent[i].size(), 0) >= 0);
    }
    out_.clear();
  }
  template <class Condition>
  bool wait(Condition condition) {
    const std::int64_t give_up = now().mono_ms + 10'000;
    while (!condition() && now().mono_ms < give_up) {
      flush();
      pollfd entry{socket_, POLLIN, 0};
      if (::poll(&entry, 1, 50) > 0) {
        std::uint8_t octets[2048];
        const auto got = ::recv(socket_, octets, sizeof octets, 0);
        const auto pdu = got > 0 ? decode_cat_tp(base::View(octets, static_cast<std::size_t>(got)))
                                 : std::nullopt;
        if (pdu) machine_.feed(*pdu, now(), out_);
      }
      if (machine_.deadline() <= now().mono_ms) machine_.on_deadline(now(), out_);
    }
    flush();
    return condition();
  }

  CatTpSettings settings_;
  CatTp machine_;
  CatTpOutput out_;
  int socket_ = -1;
};

std::optional<TestCard::Answer> ask(Caller& link, TestCard& card, const Message& message) {
  if (!link.send(card.packet(message))) return std::nullopt;
  auto sdu = link.receive();
  if (!sdu) return std::nullopt;
  auto answer = card.take_answer(*sdu);
  BOOST_TEST(sdu->empty());  // one packet, one SDU
  return answer;
}

CardResult result_of(const std::optional<TestCard::Answer>& answer) {
  BOOST_REQUIRE(answer);
  BOOST_REQUIRE((answer->status == PacketStatus::por_ok));
  return static_cast<CardResult>(answer->message.code);
}

// Gives the key that was issued.
std::string store(Caller& link, TestCard& card, const base::Bytes& image) {
  BOOST_REQUIRE((result_of(ask(link, card, card.store_begin(image, 5))) == CardResult::done));
  for (std::uint32_t at = 0; at < image.size(); at += 700) {
    BOOST_REQUIRE(link.send(card.packet(card.store_data(image, 5, at, 700), 0x1A)));
  }
  auto ended = ask(link, card, card.plain(Ins::store_end, 5));
  BOOST_REQUIRE((result_of(ended) == CardResult::done));
  return std::string(base::as_text(ended->message.fields.key->view()));
}

std::array<std::uint8_t, 10> claim(const TestCard& card) { return card.iccid.to_ef(); }

BOOST_AUTO_TEST_SUITE(gateway_cat_tp)

BOOST_AUTO_TEST_CASE(a_store_by_the_identification_of_the_syn) {
  Rig rig;
  Caller link(rig, claim(rig.card));
  BOOST_REQUIRE((link.machine().phase() == CatTp::Phase::open));
  store(link, rig.card, image_of(20'000));
  BOOST_TEST(rig.gateway->health().sessions == 1u);
  BOOST_TEST(rig.gateway->health().proven == 1u);
  BOOST_TEST(rig.gateway->health().cat_tp_links == 1u);
  link.close();
  BOOST_TEST(until([&] { return rig.gateway->health().sessions == 0; }));
  BOOST_TEST(until([&] { return rig.gateway->health().cat_tp_links == 0; }));
}

// What the links have told their cards holds until the next start, whatever a reload says.
BOOST_AUTO_TEST_CASE(packets_stay_as_large_as_the_links_say) {
  constexpr std::size_t kSmall = 600, kLarge = 1'400;
  for (const bool grows : {true, false}) {
    Rig rig([&](Settings& s) { s.max_packet = grows ? kSmall : kLarge; });
    Settings reloaded = rig.settings;
    reloaded.max_packet = grows ? kLarge : kSmall;
    reloaded.max_data = 1'024;
    rig.gateway->reconfigure(reloaded);
    Caller link(rig, claim(rig.card));
    BOOST_REQUIRE((link.machine().phase() == CatTp::Phase::open));
    BOOST_TEST(link.machine().peer_max_sdu() == (grows ? kSmall : kLarge));
    const base::Bytes image = image_of(1'024);
    const auto begun = ask(link, rig.card, rig.card.store_begin(image, 5));
    BOOST_REQUIRE((result_of(begun) == CardResult::done));
    const std::uint16_t piece = begun->message.fields.max_data.value();
    for (std::uint32_t at = 0; at < image.size(); at += piece) {
      BOOST_REQUIRE(link.send(rig.card.packet(rig.card.store_data(image, 5, at, piece), 0x1A)));
    }
    const auto ended = ask(link, rig.card, rig.card.plain(Ins::store_end, 5));
    BOOST_TEST((result_of(ended) == CardResult::done));
  }
}

// Deadlines of links are kept to the millisecond. Each block is acknowledged by itself; the gateway
// looks after sessions five times a second, which would take four seconds here.
BOOST_AUTO_TEST_CASE(acknowledgements_wait_no_longer_than_they_should) {
  const base::SystemClock clock;
  Rig rig([](Settings& s) { s.cat_tp_link.ack_delay = 10; }, &clock);
  Caller link(rig, claim(rig.card));
  const base::Bytes image = image_of(2'000);
  BOOST_REQUIRE(
      (result_of(ask(link, rig.card, rig.card.store_begin(image, 5))) == CardResult::done));
  const std::int64_t begun = clock.now().mono_ms;
  for (std::uint32_t at = 0; at < image.size(); at += 100) {
    BOOST_REQUIRE(link.send(rig.card.packet(rig.card.store_data(image, 5, at, 100), 0x1A)));
    BOOST_REQUIRE(link.acknowledged());
  }
  const std::int64_t took = clock.now().mono_ms - begun;
  BOOST_TEST(took >= 20 * 9);
  BOOST_TEST(took < 2'000);
}

BOOST_AUTO_TEST_CASE(an_identification_packet_as_the_first_sdu) {
  Rig rig;
  Caller link(rig, {});
  BOOST_REQUIRE(link.send(rig.card.identification()));
  const auto status = ask(link, rig.card, rig.card.message(Ins::status));
  BOOST_TEST((result_of(status) == CardResult::done));
}

BOOST_AUTO_TEST_CASE(what_is_no_card_is_refused) {
  Rig rig;
  Caller link(rig, base::Bytes{1, 2, 3});
  BOOST_TEST(link.closed());
  BOOST_TEST((link.machine().reason() == CatTpReset::illegal_parameters));
  BOOST_TEST(rig.counted("bip.bad_identification") == 1);
  BOOST_TEST(rig.vault.log.count("no identification packet: 127.0.0.1 over CAT_TP") == 1);
  Caller garbage(rig, claim(rig.card));
  // Two packets in one SDU, or half of one: not what a card sends.
  base::Bytes two = rig.card.packet(rig.card.message(Ins::status));
  const base::Bytes half(two.begin(), two.begin() + 20);
  two.insert(two.end(), two.begin(), two.end());
  garbage.send(two);
  BOOST_TEST(garbage.closed());
  Caller other(rig, claim(rig.card));
  other.send(half);
  BOOST_TEST(other.closed());
  BOOST_TEST(rig.counted("bip.bad_packet") == 2);
}

void send_too_large(Caller& link) {
  BOOST_REQUIRE(link.send(base::Bytes(1000, 1), true));
  BOOST_REQUIRE(link.send(base::Bytes(401, 1)));
  BOOST_TEST(link.closed());
  BOOST_TEST((link.machine().end() == CatTp::End::by_peer));
  BOOST_TEST((link.machine().reason() == CatTpReset::unexpected_pdu));
}

BOOST_AUTO_TEST_CASE(an_sdu_over_the_maximum_is_counted_and_told) {
  Rig rig;
  Caller link(rig, claim(rig.card));
  BOOST_REQUIRE(
      (result_of(ask(link, rig.card, rig.card.message(Ins::status))) == CardResult::done));
  send_too_large(link);
  BOOST_TEST(until([&] { return rig.counted("bip.packet_too_large") == 1; }));
  const std::string line =
      base::cat("packet over max_packet: channel closed: card ", kIccid, " at 127.0.0.1");
  BOOST_TEST(until([&] { return rig.vault.log.count(line) == 1; }));
  Caller again(rig, claim(rig.card));
  send_too_large(again);
  BOOST_TEST(until([&] { return rig.counted("bip.packet_too_large") == 2; }));
  BOOST_TEST(until([&] { return rig.gateway->health().sessions == 0; }));
  BOOST_TEST(rig.vault.log.count("packet over max_packet") == 1);  // seldom
}

BOOST_AUTO_TEST_CASE(an_sdu_over_the_maximum_of_nobody) {
  Rig rig;
  Caller link(rig, {});
  send_too_large(link);
  BOOST_TEST(until([&] { return rig.counted("bip.packet_too_large") == 1; }));
  BOOST_TEST(until([&] {
    return rig.vault.log.count("packet over max_packet: channel closed: 127.0.0.1") == 1;
  }));
}

// As long as was agreed, but no packet: what it is called does not change.
BOOST_AUTO_TEST_CASE(an_sdu_of_the_maximum_is_taken) {
  Rig rig;
  Caller link(rig, claim(rig.card));
  BOOST_REQUIRE(link.send(base::Bytes(1000, 1), true));
  BOOST_REQUIRE(link.send(base::Bytes(400, 1)));
  BOOST_TEST(link.closed());
  BOOST_TEST(until([&] { return rig.counted("bip.bad_packet") == 1; }));
  BOOST_TEST(rig.counted("bip.packet_too_large") == 0);
}

BOOST_AUTO_TEST_CASE(a_second_identification) {
  Rig rig;
  Caller by_syn(rig, claim(rig.card));
  BOOST_REQUIRE(by_syn.send(rig.card.identification()));
  BOOST_TEST(by_syn.closed());
  BOOST_TEST(until([&] { return rig.counted("bip.second_identification") == 1; }));
  Caller by_packet(rig, {});
  BOOST_REQUIRE(by_packet.send(rig.card.identification()));
  BOOST_REQUIRE(by_packet.send(rig.card.identification()));
  BOOST_TEST(by_packet.closed());
  BOOST_TEST(until([&] { return rig.counted("bip.second_identification") == 2; }));
  BOOST_TEST(rig.counted("bip.bad_packet") == 0);
}

// FETCH DATA is cut so that an answer is an SDU that the card takes.
BOOST_AUTO_TEST_CASE(a_card_with_small_maxima) {
  Rig rig;
  const base::Bytes image = image_of(3'000);
  std::string key;
  {
    Caller link(rig, claim(rig.card));
    key = store(link, rig.card, image);
    link.close();
  }
  CatTpSettings small;
  small.max_pdu = 100;
  small.max_sdu = 300;
  Caller link(rig, claim(rig.card), small);
  Message begin = rig.card.message(Ins::fetch_begin);
  begin.fields.key = base::Secret(base::as_bytes(key));
  const auto begun = ask(link, rig.card, begin);
  BOOST_REQUIRE((result_of(begun) == CardResult::done));
  base::Bytes got;
  while (got.size() < image.size()) {
    Message next = rig.card.plain(Ins::fetch_data, *begun->message.fields.transaction);
    next.fields.offset = static_cast<std::uint32_t>(got.size());
    const auto answer = ask(link, rig.card, next);
    BOOST_REQUIRE((result_of(answer) == CardResult::done));
    BOOST_REQUIRE(answer->packet_size <= 300u);
    const base::Bytes& data = *answer->message.fields.data;
    got.insert(got.end(), data.begin(), data.end());
  }
  BOOST_TEST((got == image));
}

// The card's NAT gave it a new port: the old link stays until the new one has proven itself.
BOOST_AUTO_TEST_CASE(a_newer_link_of_a_card_replaces_the_older) {
  Rig rig;
  Caller old(rig, claim(rig.card));
  BOOST_REQUIRE((result_of(ask(old, rig.card, rig.card.message(Ins::status))) == CardResult::done));
  Caller fresh(rig, claim(rig.card));
  BOOST_TEST(until([&] { return rig.gateway->health().cat_tp_links == 2; }));
  BOOST_REQUIRE((result_of(ask(old, rig.card, rig.card.message(Ins::status))) == CardResult::done));
  BOOST_REQUIRE(
      (result_of(ask(fresh, rig.card, rig.card.message(Ins::status))) == CardResult::done));
  BOOST_TEST(old.closed());
  BOOST_TEST(rig.counted("bip.superseded") == 1);
}

BOOST_AUTO_TEST_CASE(full_and_draining) {
  Rig rig([](Settings& settings) { settings.sessions = 1; });
  Caller first(rig, claim(rig.card));
  BOOST_REQUIRE(
      (result_of(ask(first, rig.card, rig.card.message(Ins::status))) == CardResult::done));
  Caller second(rig, claim(rig.card));
  BOOST_TEST(second.closed());
  BOOST_TEST((second.machine().reason() == CatTpReset::temporarily_unable));
  rig.gateway->drain();
  first.close();
  BOOST_TEST(until([&] { return rig.gateway->drained(); }));
  Caller third(rig, claim(rig.card));
  BOOST_TEST((third.machine().reason() == CatTpReset::temporarily_unable));
}

// It reads nothing, so it acknowledges nothing: the link is given up, counted and told.
BOOST_AUTO_TEST_CASE(a_card_that_acknowledges_nothing) {
  Rig rig([](Settings& settings) {
    settings.cat_tp_link.rto_initial = settings.cat_tp_link.rto_min = 20;
    settings.cat_tp_link.retries = 1;
  });
  Caller link(rig, claim(rig.card));
  BOOST_REQUIRE(link.send(rig.card.packet(rig.card.message(Ins::status))));
  BOOST_TEST(until([&] { return rig.counted("bip.proven") == 1; }));
  BOOST_TEST(until([&] {
    rig.vault.clock.advance(1);
    return rig.counted("bip.timeouts") == 1;
  }));
  const std::string line = base::cat("time-out: card ", kIccid, " at 127.0.0.1");
  BOOST_TEST(until([&] { return rig.vault.log.count(line) == 1; }));
  BOOST_TEST(until([&] { return rig.gateway->health().sessions == 0; }));
}

// An SDU that is not finished is a packet that is not finished. The idle time-out is far off.
BOOST_AUTO_TEST_CASE(an_sdu_without_end) {
  Rig rig([](Settings& settings) { settings.idle_timeout = 24 * base::kHourMs; });
  CatTpSettings numbers;
  numbers.ack_delay = 0;  // nothing of the vault waits for an acknowledgement
  Caller link(rig, claim(rig.card), numbers);
  for (int i = 0; i < 2; ++i) {
    const auto answer = ask(link, rig.card, rig.card.message(Ins::status));
    BOOST_TEST((result_of(answer) == CardResult::done));
    rig.vault.clock.advance(10 * rig.settings.packet_timeout);  // idle
  }
  BOOST_REQUIRE(link.send(base::Bytes(50, 1), true));
  BOOST_TEST(until([&] {
    rig.vault.clock.advance(1000);
    return rig.counted("bip.timeouts") == 1;
  }));
  BOOST_TEST(link.closed());
  BOOST_TEST((link.machine().end() == CatTp::End::by_peer));
}

// A card that goes within an SDU leaves a packet that is cut, as over TCP: whether the gateway has
// seen the beginning before it goes, or both at once.
BOOST_AUTO_TEST_CASE(a_card_that_goes_within_an_sdu) {
  Rig rig;
  for (const bool seen : {true, false}) {
    Caller link(rig, claim(rig.card));
    BOOST_REQUIRE(
        (result_of(ask(link, rig.card, rig.card.message(Ins::status))) == CardResult::done));
    BOOST_REQUIRE(link.send(base::Bytes(50, 1), true));
    if (seen) BOOST_REQUIRE(link.acknowledged());
    link.close();
    const std::int64_t wanted = seen ? 1 : 2;
    BOOST_TEST(until([&] { return rig.counted("bip.cut_packet") == wanted; }), seen);
    BOOST_TEST(until([&] { return rig.gateway->health().sessions == 0; }));
  }
}

void send_garbage(Rig& rig) {
  const auto place =
      parse_socket_address("127.0.0.1:" + std::to_string(rig.gateway->cat_tp_port()));
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  BOOST_TEST(::sendto(fd, "what", 4, 0, place->get(), place->size) == 4);
  ::close(fd);
}

// Whoever connects a new kind of card reads why its SYN opened nothing.
BOOST_AUTO_TEST_CASE(why_a_syn_opens_nothing_is_told) {
  Rig rig([](Settings& settings) { settings.cat_tp_link.port = 9001; });
  Caller link(rig, claim(rig.card));
  BOOST_TEST((link.machine().reason() == CatTpReset::port_not_available));
  BOOST_TEST(until([&] {
    return rig.vault.log.count("a SYN opened no CAT_TP link: another port than cat_tp_port") == 1;
  }));
}

BOOST_AUTO_TEST_CASE(datagrams_of_no_link_are_counted_and_told_seldom) {
  Rig rig;
  send_garbage(rig);
  BOOST_TEST(until([&] { return rig.counted("bip.cat_tp_malformed") == 1; }));
  BOOST_TEST(until([&] { return rig.vault.log.count("no CAT_TP PDU") == 1; }));
  // Also after it was stopped and started, where links begin to count anew.
  BOOST_TEST(rig.gateway->stop(10'000));
  BOOST_REQUIRE(rig.gateway->start().ok());
  send_garbage(rig);
  BOOST_TEST(until([&] { return rig.counted("bip.cat_tp_malformed") == 2; }));
  send_garbage(rig);
  BOOST_TEST(until([&] { return rig.counted("bip.cat_tp_malformed") == 3; }));
  BOOST_TEST(rig.vault.log.count("no CAT_TP PDU") == 1);
}

BOOST_AUTO_TEST_CASE(stop_tells_the_cards) {
  Rig rig;
  Caller link(rig, claim(rig.card));
  BOOST_REQUIRE(
      (result_of(ask(link, rig.card, rig.card.message(Ins::status))) == CardResult::done));
  BOOST_TEST(rig.gateway->stop(10'000));
  BOOST_TEST(link.closed());
  BOOST_TEST((link.machine().end() == CatTp::End::by_peer));
  BOOST_REQUIRE(rig.gateway->start().ok());
  Caller again(rig, claim(rig.card));
  BOOST_TEST((again.machine().phase() == CatTp::Phase::open));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
