// Proves the gateway over real loopback sockets: whole stores, cuts, silent and slow peers, limits,
// two channels of one card, overload, drain and stop. Time is the test's own.
#include "bip/gateway.h"

#include <boost/test/unit_test.hpp>
#include <sys/resource.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <new>
#include <random>

#include "bip/key_crypto.h"
#include "tests/support/loopback.h"
#include "tests/support/test_card.h"
#include "tests/support/test_vault.h"
#include "tests/support/until.h"

namespace {

using namespace bip;
using support::image_of;
using support::Loopback;
using support::TestCard;
using support::until;
using vault::CardResult;

constexpr const char* kIccid = "89443510021000012364";

// Keys whose unwrapping waits while the gate is shut.
class GatedKeys : public Keys {
 public:
  explicit GatedKeys(Keys& keys) : keys_(keys) {}
  Unwrapped unwrap_command(const vault::Iccid& iccid, Transport transport, const CommandHead& head,
                           base::View packet) override {
    {
      std::unique_lock lock(mutex_);
      ++inside_;
      changed_.wait(lock, [&] { return open_; });
      --inside_;
    }
    return keys_.unwrap_command(iccid, transport, head, packet);
  }
  std::optional<base::Bytes> wrap_response(const vault::Iccid& iccid, Transport transport,
                                           const CommandHead& head, std::uint64_t counter,
                                           PacketStatus status, base::View data) override {
    return keys_.wrap_response(iccid, transport, head, counter, status, data);
  }
  void set_open(bool open) {
    {
      std::lock_guard lock(mutex_);
      open_ = open;
    }
    changed_.notify_all();
  }
  int inside() {
    std::lock_guard lock(mutex_);
    return inside_;
  }

 private:
  Keys& keys_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = true;
  int inside_ = 0;
};

// Stores that cannot be opened as often as is said.
class ScarceStores : public vault::StoreFactory {
 public:
  explicit ScarceStores(vault::StoreFactory& stores) : stores_(stores) {}
  std::unique_ptr<vault::Store> open() override {
    if (refusals.fetch_sub(1) > 0) throw std::bad_alloc();
    return stores_.open();
  }
  std::atomic<int> refusals{0};

 private:
  vault::StoreFactory& stores_;
};

struct Rig {
  explicit Rig(
      const std::function<void(Settings&)>& change = [](Settings&) {}, int refusals = 0) {
    stores.refusals = refusals;
    keys.add(card);
    vault.import({card.iccid});
    settings.tcp = "127.0.0.1:0";
    settings.workers = 2;
    change(settings);
    gateway = std::make_unique<Gateway>(
        settings,
        Gateway::Parts{gate, *vault.cards, stores, vault.clock, vault.log, vault.counters});
    const base::Status started = gateway->start();
    BOOST_REQUIRE_MESSAGE(started.ok(), (started.ok() ? "" : started.error()));
  }

  Loopback connect() { return Loopback(gateway->tcp_port()); }
  Loopback identified() { return identified(card); }
  Loopback identified(const TestCard& who) {
    Loopback link = connect();
    BOOST_REQUIRE(link.send(who.identification()));
    return link;
  }
  std::optional<TestCard::Answer> ask(Loopback& link, const Message& message) {
    return ask(link, card, message);
  }
  std::optional<TestCard::Answer> ask(Loopback& link, TestCard& who, const Message& message) {
    if (!link.send(who.packet(message))) return std::nullopt;
    return answer(link, who);
  }
  std::optional<TestCard::Answer> answer(Loopback& link, const TestCard& who) {
    base::Bytes octets = link.receive_packet();
    return octets.empty() ? std::nullopt : who.take_answer(octets);
  }
  std::int64_t counted(std::string_view name) { return vault.counters.get(name); }

  support::TestVault vault;
  ScarceStores stores{*vault.stores};
  TestCard card{kIccid};
  support::TestKeySource keys;
  KeyCrypto crypto{keys};
  GatedKeys gate{crypto};
  Settings settings;
  std::unique_ptr<Gateway> gateway;
};

CardResult result_of(const std::optional<TestCard::Answer>& answer) {
  BOOST_REQUIRE(answer);
  BOOST_REQUIRE((answer->status == PacketStatus::por_ok));
  return static_cast<CardResult>(answer->message.code);
}

// The octets of a whole pipelined store from `offset` on, END included.
base::Bytes rest_of_store(TestCard& card, const base::Bytes& image, std::uint32_t offset) {
  base::Bytes octets;
  const auto add = [&](const base::Bytes& packet) {
    octets.insert(octets.end(), packet.begin(), packet.end());
  };
  for (; offset < image.size(); offset += 700) {
    add(card.packet(card.store_data(image, 1, offset, 700), 0x1A));
  }
  add(card.packet(card.plain(Ins::store_end, 1)));
  return octets;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(gateway)

BOOST_AUTO_TEST_CASE(a_whole_store_in_one_go) {
  Rig rig;
  const base::Bytes image = image_of(16 * 1024);
  Loopback link = rig.identified();
  BOOST_TEST((result_of(rig.ask(link, rig.card.store_begin(image, 1))) == CardResult::done));
  BOOST_REQUIRE(link.send(rest_of_store(rig.card, image, 0)));
  const auto end = rig.answer(link, rig.card);
  BOOST_TEST((result_of(end) == CardResult::done));
  BOOST_TEST(end->message.fields.key.has_value());
  BOOST_TEST(rig.gateway->health().sessions == 1u);
  BOOST_TEST(rig.gateway->health().proven == 1u);
  link.close();
  BOOST_TEST(until([&] { return rig.gateway->drained(); }));
  BOOST_TEST((rig.vault.record(rig.card.iccid).image->digest == base::sha256(image)));
  BOOST_TEST(rig.counted("bip.sessions") == 1);
  BOOST_TEST(rig.counted("bip.identified") == 1);
  BOOST_TEST(rig.gateway->stop(10'000));
}

BOOST_AUTO_TEST_CASE(octet_by_octet_is_the_same) {
  Rig rig;
  Loopback link = rig.connect();
  base::Bytes octets = rig.card.identification();
  const base::Bytes packet = rig.card.packet(rig.card.message(Ins::status));
  octets.insert(octets.end(), packet.begin(), packet.end());
  for (std::uint8_t octet : octets) BOOST_REQUIRE(link.send(base::View(&octet, 1)));
  BOOST_TEST((result_of(rig.answer(link, rig.card)) == CardResult::done));
}

BOOST_AUTO_TEST_CASE(a_store_cut_at_many_places_goes_on_where_the_vault_says) {
  Rig rig;
  const base::Bytes image = image_of(6000);
  std::mt19937 random(5);
  std::vector<Loopback> dropped;
  bool stored = false;
  int cuts = 0;
  int resumed = 0;
  std::uint32_t reached = 0;
  while (!stored && cuts < 200) {
    Loopback link = rig.identified();
    const auto begin = rig.ask(link, rig.card.store_begin(image, 1));
    BOOST_REQUIRE((result_of(begin) == CardResult::done));
    const std::uint32_t offset = begin->message.fields.offset.value();
    BOOST_TEST(offset >= reached);
    reached = offset;
    if (offset > 0) ++resumed;
    const base::Bytes rest = rest_of_store(rig.card, image, offset);
    if (cuts < 20) {
      BOOST_REQUIRE(
          link.send(base::View(rest).first(random() % std::min<std::size_t>(rest.size(), 1500))));
      // Every other time the old link drops without the vault being told, as in a tunnel.
      if (cuts % 2 == 0) {
        link.close();
      } else {
        dropped.push_back(std::move(link));
      }
      ++cuts;
      continue;
    }
    BOOST_REQUIRE(link.send(rest));
    BOOST_REQUIRE((result_of(rig.answer(link, rig.card)) == CardResult::done));
    stored = true;
  }
  BOOST_TEST(stored);
  BOOST_TEST(resumed > 5);
  BOOST_TEST((rig.vault.record(rig.card.iccid).image->digest == base::sha256(image)));
}

BOOST_AUTO_TEST_CASE(a_newcomer_waits_until_the_ended_channel_of_its_card_is_put_away) {
  Rig rig;
  const base::Bytes image = image_of(3000);
  Loopback older = rig.identified();
  BOOST_TEST((result_of(rig.ask(older, rig.card.store_begin(image, 1))) == CardResult::done));
  rig.gate.set_open(false);
  BOOST_REQUIRE(older.send(rig.card.packet(rig.card.store_data(image, 1, 0, 1000))));
  BOOST_REQUIRE(until([&] { return rig.gate.inside() == 1; }));
  older.reset();
  BOOST_REQUIRE(until([&] { return rig.gateway->health().sessions == 0u; }));
  // The old channel's octets are still with a worker when the card is back.
  Loopback newer = rig.identified();
  BOOST_REQUIRE(newer.send(rig.card.packet(rig.card.store_begin(image, 1))));
  BOOST_REQUIRE(until([&] { return rig.counted("bip.identified") == 2; }));
  BOOST_TEST(!newer.readable(200));
  BOOST_TEST(rig.gate.inside() == 1);
  rig.gate.set_open(true);
  const auto begin = rig.answer(newer, rig.card);
  BOOST_TEST((result_of(begin) == CardResult::done));
  BOOST_TEST(begin->message.fields.offset.value() == 1000u);
}

// A link that dropped unheard: its last packets still wait for more of them when the card is back.
// The clock stands, so they would wait for ever.
BOOST_AUTO_TEST_CASE(what_a_superseded_channel_sent_completely_still_counts) {
  Rig rig;
  const base::Bytes image = image_of(3000);
  Loopback older = rig.identified();
  BOOST_TEST((result_of(rig.ask(older, rig.card.store_begin(image, 1))) == CardResult::done));
  BOOST_REQUIRE(older.send(rig.card.packet(rig.card.store_data(image, 1, 0, 700), 0x1A)));
  BOOST_REQUIRE(older.send(rig.card.packet(rig.card.store_data(image, 1, 700, 700), 0x1A)));
  BOOST_REQUIRE(!older.readable(100));  // no answer is wanted
  Loopback newer = rig.identified();
  const auto begin = rig.ask(newer, rig.card.store_begin(image, 1));
  BOOST_TEST((result_of(begin) == CardResult::done));
  BOOST_TEST(begin->message.fields.offset.value() == 1400u);
  BOOST_TEST(older.closed_by_peer());
  BOOST_TEST(rig.counted("bip.superseded") == 1);
  BOOST_TEST(rig.vault.log.count("bip.superseded: ") == 1u);
}

BOOST_AUTO_TEST_CASE(half_closing_after_the_last_packet_is_still_answered) {
  Rig rig;
  Loopback link = rig.identified();
  BOOST_REQUIRE(link.send(rig.card.packet(rig.card.message(Ins::status))));
  link.shut_down_sending();
  BOOST_TEST((result_of(rig.answer(link, rig.card)) == CardResult::done));
  BOOST_TEST(link.closed_by_peer());
  BOOST_TEST(until([&] { return rig.gateway->drained(); }));
}

BOOST_AUTO_TEST_CASE(an_end_within_a_packet_or_an_upload_is_counted_and_logged) {
  Rig rig;
  const base::Bytes image = image_of(3000);
  const std::string card = base::cat("card ", rig.card.iccid.digits());
  {
    Loopback link = rig.identified();
    BOOST_TEST((result_of(rig.ask(link, rig.card.store_begin(image, 1))) == CardResult::done));
    const base::Bytes data = rig.card.packet(rig.card.store_data(image, 1, 0, 700));
    BOOST_REQUIRE(link.send(data));
    BOOST_TEST((result_of(rig.answer(link, rig.card)) == CardResult::done));
    BOOST_REQUIRE(link.send(base::View(data).first(300)));
    link.shut_down_sending();
    BOOST_TEST(link.closed_by_peer());
  }
  Loopback whole = rig.identified();
  BOOST_TEST((result_of(rig.ask(whole, rig.card.message(Ins::status))) == CardResult::done));
  whole.close();
  BOOST_TEST(until([&] { return rig.gateway->drained(); }));
  BOOST_TEST(rig.counted("bip.cut_packet") == 1);
  BOOST_TEST(rig.counted("vault.upload_cut") == 1);
  BOOST_TEST(rig.vault.log.count(base::cat("bip.cut_packet: channel ended within a packet: ", card,
                                           " at 127.0.0.1")) == 1u);
  BOOST_TEST(rig.vault.log.count(base::cat("vault.upload_cut: channel ended within an upload: ",
                                           card, ", 700 of 3000 octets")) == 1u);
}

BOOST_AUTO_TEST_CASE(hundreds_that_never_identify_are_closed_in_time) {
  Rig rig;
  std::vector<Loopback> links;
  for (int i = 0; i < 300; ++i) links.push_back(rig.connect());
  BOOST_REQUIRE(until([&] { return rig.gateway->health().sessions == 300u; }));
  // One more is slow rather than silent: an octet at a time.
  Loopback slow = rig.connect();
  const base::Bytes octets = rig.card.identification();
  BOOST_REQUIRE(slow.send(base::View(octets).first(1)));
  BOOST_REQUIRE(until([&] { return rig.gateway->health().sessions == 301u; }));
  BOOST_REQUIRE(!slow.readable(50));
  rig.vault.clock.advance(10'000);
  for (Loopback& link : links) BOOST_TEST(link.closed_by_peer());
  BOOST_TEST(until([&] { return rig.gateway->health().sessions == 1u; }));
  BOOST_REQUIRE(slow.send(base::View(octets).subspan(1, 1)));
  rig.vault.clock.advance(60'000);
  BOOST_TEST(slow.closed_by_peer());
  BOOST_TEST(rig.counted("bip.never_identified") == 301);
  // One line a minute for the same fault, the rest as a number.
  BOOST_TEST(rig.vault.log.count("no identification in time") <= 2u);
}

BOOST_AUTO_TEST_CASE(an_idle_channel_is_closed_and_a_typing_user_waited_for) {
  Rig rig;
  Loopback link = rig.identified();
  BOOST_TEST((result_of(rig.ask(link, rig.card.message(Ins::status))) == CardResult::done));
  rig.vault.clock.advance(179'000);
  BOOST_TEST(!link.readable(500));
  rig.vault.clock.advance(1'000);
  BOOST_TEST(link.closed_by_peer());
  BOOST_TEST(rig.counted("bip.timeouts") == 1);
}

BOOST_AUTO_TEST_CASE(who_only_claims_to_be_a_card_is_closed_and_counted) {
  Rig rig([](Settings& s) { s.bad_per_ip = 3; });
  std::vector<Loopback> links;
  for (int i = 0; i < 3; ++i) links.push_back(rig.identified());
  BOOST_REQUIRE(until([&] { return rig.counted("bip.identified") == 3; }));
  rig.vault.clock.advance(60'000);
  for (Loopback& link : links) BOOST_TEST(link.closed_by_peer());
  BOOST_TEST(until([&] { return rig.counted("bip.never_proven") == 3; }));
  BOOST_TEST(rig.connect().closed_by_peer());
  BOOST_TEST(rig.counted("bip.limited") == 1);
  rig.vault.clock.advance(60'000);
  Loopback link = rig.identified();
  BOOST_TEST((result_of(rig.ask(link, rig.card.message(Ins::status))) == CardResult::done));
}

// Nor does it help to hang up just before; who hangs up at once holds no place.
BOOST_AUTO_TEST_CASE(who_holds_a_place_and_hangs_up_is_counted) {
  Rig rig([](Settings& s) { s.bad_per_ip = 3; });
  for (const bool at_once : {true, false}) {
    for (int i = 0; i < 3; ++i) {
      Loopback link = rig.identified();
      BOOST_REQUIRE(until([&] { return rig.gateway->health().sessions == 1; }));
      BOOST_REQUIRE(until([&] { return rig.counted("bip.identified") == i + (at_once ? 1 : 4); }));
      if (!at_once) rig.vault.clock.advance(10'000);
      link.reset();
      BOOST_REQUIRE(until([&] { return rig.gateway->health().sessions == 0; }));
      BOOST_TEST(rig.counted("bip.limited") == 0);
    }
  }
  BOOST_TEST(rig.connect().closed_by_peer());
  BOOST_TEST(rig.counted("bip.limited") == 1);
}

BOOST_AUTO_TEST_CASE(what_is_no_packet_closes) {
  Rig rig;
  for (const char* text : {"474554202F20485454502F312E31", "0182FFFF"}) {
    Loopback link = rig.identified();
    BOOST_REQUIRE(link.send(base::from_hex(text).value()));
    BOOST_TEST(link.closed_by_peer());
  }
  Loopback second = rig.identified();
  BOOST_REQUIRE(second.send(rig.card.identification()));
  BOOST_TEST(second.closed_by_peer());
  Loopback http = rig.connect();
  BOOST_REQUIRE(http.send(base::as_bytes("GET / HTTP/1.1\r\n\r\n")));
  BOOST_TEST(http.closed_by_peer());
  BOOST_TEST(until([&] { return rig.gateway->drained(); }));
  BOOST_TEST(rig.counted("bip.bad_packet") == 1);
  BOOST_TEST(rig.counted("bip.packet_too_large") == 1);
  BOOST_TEST(rig.counted("bip.second_identification") == 1);
  BOOST_TEST(rig.counted("bip.bad_identification") == 1);
}

BOOST_AUTO_TEST_CASE(
    after_three_wrong_checksums_the_channel_ends_and_after_ten_the_card_is_limited) {
  Rig rig;
  TestCard forger(kIccid);
  const auto forged = [&] {
    base::Bytes packet = forger.packet(forger.message(Ins::status));
    packet.back() ^= 1;
    return packet;
  };
  for (int wrong = 0; wrong < 9; wrong += 3) {
    Loopback link = rig.identified();
    for (int i = 0; i < 3; ++i) {
      BOOST_REQUIRE(link.send(forged()));
      BOOST_TEST(base::to_hex(link.receive_packet()) == "020B0ABFFF0100000000000001");
    }
    BOOST_TEST(!link.readable(100));  // the card may fetch its last answer first
    rig.vault.clock.advance(0);
    link.close();
  }
  Loopback tenth = rig.identified();
  BOOST_REQUIRE(tenth.send(forged()));
  BOOST_TEST(!tenth.receive_packet().empty());
  BOOST_TEST(rig.counted("bip.wrong_cc") == 10);
  Loopback limited = rig.identified();
  BOOST_TEST(limited.closed_by_peer());
  BOOST_TEST(rig.counted("bip.limited") == 1);
  // A minute later the card itself is served.
  rig.vault.clock.advance(60'000);
  Loopback link = rig.identified();
  BOOST_TEST((result_of(rig.ask(link, rig.card.message(Ins::status))) == CardResult::done));
}

// A key service that fails is nobody's fault: no card and no address is shut out for it, and all is
// well as soon as it is back.
BOOST_AUTO_TEST_CASE(a_key_service_that_is_away_shuts_nobody_out) {
  Rig rig([](Settings& s) { s.bad_per_ip = s.bad_per_iccid = 3; });
  rig.keys.away = true;
  for (int i = 0; i < 5; ++i) {
    Loopback link = rig.identified();
    BOOST_REQUIRE(link.send(rig.card.packet(rig.card.message(Ins::status))));
    BOOST_TEST(!link.receive_packet().empty());
    link.close();
    BOOST_TEST(until([&] { return rig.gateway->health().sessions == 0u; }));
  }
  rig.keys.away = false;
  Loopback link = rig.identified();
  BOOST_TEST((result_of(rig.ask(link, rig.card.message(Ins::status))) == CardResult::done));
  BOOST_TEST(rig.counted("bip.keys_away") == 5);
  BOOST_TEST(rig.counted("bip.wrong_cc") == 0);
  BOOST_TEST(rig.counted("bip.limited") == 0);
}

// Neither worker when the gateway starts, nor the first card's: that one is told of, and costs its
// channel and nothing else.
BOOST_AUTO_TEST_CASE(a_store_that_cannot_be_opened_is_tried_again_with_the_next_job) {
  Rig rig([](Settings& s) { s.workers = 2; }, 3);
  BOOST_REQUIRE(until([&] { return rig.stores.refusals == 1; }));  // both workers have tried
  Loopback first = rig.identified();
  BOOST_REQUIRE(first.send(rig.card.packet(rig.card.message(Ins::status))));
  BOOST_TEST(first.closed_by_peer());
  BOOST_TEST(rig.counted("bip.worker_failed") == 1);
  Loopback link = rig.identified();
  BOOST_TEST((result_of(rig.ask(link, rig.card.message(Ins::status))) == CardResult::done));
  BOOST_TEST(rig.counted("bip.worker_failed") == 1);
  BOOST_TEST(rig.stores.refusals < 0);
}

BOOST_AUTO_TEST_CASE(an_address_with_too_many_failures_is_not_served_but_an_exempt_one_is) {
  for (const bool exempt : {false, true}) {
    Rig rig([&](Settings& s) {
      s.bad_per_ip = 5;
      if (exempt) s.exempt_ranges = {"127.0.0.0/8"};
    });
    for (int i = 0; i < 5; ++i) {
      Loopback link = rig.connect();
      BOOST_REQUIRE(link.send(base::as_bytes("GET")));
      BOOST_TEST(link.closed_by_peer());
    }
    Loopback link = rig.connect();
    link.send(rig.card.identification());
    link.send(rig.card.packet(rig.card.message(Ins::status)));
    BOOST_TEST(link.receive_packet().empty() == !exempt);
  }
}

BOOST_AUTO_TEST_CASE(of_two_channels_of_one_card_the_older_ends_when_the_newer_proved_itself) {
  Rig rig;
  Loopback older = rig.identified();
  const base::Bytes first = rig.card.packet(rig.card.message(Ins::status));
  BOOST_REQUIRE(older.send(first));
  BOOST_TEST((result_of(rig.answer(older, rig.card)) == CardResult::done));
  // Neither a claim nor a forgery nor a replay proves anything.
  Loopback claim = rig.identified();
  Loopback forger = rig.identified();
  base::Bytes forged = first;
  forged.back() ^= 1;
  BOOST_REQUIRE(forger.send(forged));
  BOOST_TEST(!forger.receive_packet().empty());
  Loopback replay = rig.identified();
  BOOST_REQUIRE(replay.send(first));
  BOOST_TEST(!replay.receive_packet().empty());
  BOOST_TEST((result_of(rig.ask(older, rig.card.message(Ins::status))) == CardResult::done));
  Loopback newer = rig.identified();
  BOOST_TEST((result_of(rig.ask(newer, rig.card.message(Ins::status))) == CardResult::done));
  BOOST_TEST(older.closed_by_peer());
  BOOST_TEST((result_of(rig.ask(newer, rig.card.message(Ins::status))) == CardResult::done));
  BOOST_TEST(rig.counted("bip.superseded") == 1);
  BOOST_TEST(
      rig.vault.log.count(base::cat("two channels of one card: the older one is closed: card ",
                                    rig.card.iccid.digits(), " at 127.0.0.1")) == 1u);
  BOOST_TEST(rig.gateway->health().proven == 1u);
}

// Somebody sends what he has overheard while the card's own channel has not been served for it yet.
// It is newer than all that was served; the copy is judged again when the card's own is through.
BOOST_AUTO_TEST_CASE(a_copy_of_a_packet_that_waits_closes_nobody_but_its_sender) {
  Rig rig;
  const base::Bytes image = image_of(1400);
  Loopback own = rig.identified();
  BOOST_TEST((result_of(rig.ask(own, rig.card.store_begin(image, 1))) == CardResult::done));
  // Not served at once: no answer is wanted, and the clock stands.
  const base::Bytes waits = rig.card.packet(rig.card.store_data(image, 1, 0, 700), 0x1A);
  BOOST_REQUIRE(own.send(waits));
  BOOST_REQUIRE(!own.readable(100));
  Loopback thief = rig.identified();
  BOOST_REQUIRE(thief.send(waits));
  thief.shut_down_sending();  // so that it is served at once
  base::Bytes refusal = thief.receive_packet();
  const auto answer = rig.card.take_answer(refusal);
  BOOST_REQUIRE(answer);
  BOOST_TEST((answer->status == PacketStatus::counter_low));
  BOOST_TEST(
      (result_of(rig.ask(own, rig.card.store_data(image, 1, 700, 700))) == CardResult::done));
  BOOST_TEST((result_of(rig.ask(own, rig.card.plain(Ins::store_end, 1))) == CardResult::done));
  BOOST_TEST(rig.counted("bip.superseded") == 0);
  BOOST_TEST(rig.gateway->health().proven == 1u);
}

BOOST_AUTO_TEST_CASE(a_copy_of_a_packet_under_way_closes_nobody_but_its_sender) {
  Rig rig;
  Loopback own = rig.identified();
  BOOST_TEST((result_of(rig.ask(own, rig.card.message(Ins::status))) == CardResult::done));
  const base::Bytes packet = rig.card.packet(rig.card.message(Ins::status));
  rig.gate.set_open(false);
  BOOST_REQUIRE(own.send(packet));
  BOOST_REQUIRE(until([&] { return rig.gate.inside() == 1; }));
  Loopback thief = rig.identified();
  BOOST_REQUIRE(thief.send(packet));
  BOOST_REQUIRE(until([&] { return rig.gate.inside() == 2; }));
  rig.gate.set_open(true);
  BOOST_TEST((result_of(rig.answer(own, rig.card)) == CardResult::done));
  base::Bytes refusal = thief.receive_packet();
  const auto answer = rig.card.take_answer(refusal);
  BOOST_REQUIRE(answer);
  BOOST_TEST((answer->status == PacketStatus::counter_low));
  BOOST_TEST((result_of(rig.ask(own, rig.card.message(Ins::status))) == CardResult::done));
  BOOST_TEST(rig.counted("bip.superseded") == 0);
}

BOOST_AUTO_TEST_CASE(the_session_limit_makes_newcomers_wait) {
  Rig rig([](Settings& s) { s.sessions = 2; });
  Loopback one = rig.identified();
  Loopback two = rig.identified();
  BOOST_REQUIRE(until([&] { return rig.gateway->health().sessions == 2u; }));
  Loopback three = rig.identified();  // taken by the kernel only
  BOOST_REQUIRE(three.send(rig.card.packet(rig.card.message(Ins::status))));
  BOOST_TEST(!three.readable(300));
  one.close();
  BOOST_TEST((result_of(rig.answer(three, rig.card)) == CardResult::done));
  BOOST_TEST(rig.counted("bip.sessions_full") >= 1);
}

BOOST_AUTO_TEST_CASE(out_of_descriptors_it_pauses_and_recovers) {
  Rig rig;
  rlimit before{};
  BOOST_REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const int probe = ::dup(0);
  BOOST_REQUIRE(probe >= 0);
  ::close(probe);
  {
    std::vector<Loopback> links;
    links.push_back(rig.connect());
    BOOST_REQUIRE(until([&] { return rig.gateway->health().sessions == 1u; }));
    rlimit few = before;
    few.rlim_cur = static_cast<rlim_t>(probe) + 7;
    const auto connect_until_none_is_left = [&] {
      BOOST_REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
      try {
        for (;;) links.push_back(rig.connect());
      } catch (const std::runtime_error&) {
      }
    };
    connect_until_none_is_left();
    // One more: whoever takes it, there is none left for the server's side of a client.
    ++few.rlim_cur;
    connect_until_none_is_left();
    const bool paused = until([&] { return rig.counted("bip.accept_paused") >= 1; });
    ::setrlimit(RLIMIT_NOFILE, &before);
    BOOST_TEST(paused);
    // All that are connected are taken in the end.
    BOOST_TEST(until([&] { return rig.gateway->health().sessions == links.size(); }));
  }
  Loopback link = rig.identified();
  BOOST_TEST((result_of(rig.ask(link, rig.card.message(Ins::status))) == CardResult::done));
}

BOOST_AUTO_TEST_CASE(overload_puts_off_beginnings_that_waited_too_long_and_never_data) {
  Rig rig([](Settings& s) {
    s.workers = 1;
    s.queue_per_worker = 1;
  });
  const base::Bytes image = image_of(500);
  TestCard uploading("89443510021000000019");
  rig.keys.add(uploading);
  rig.vault.import({uploading.iccid});
  Loopback upload = rig.identified(uploading);
  BOOST_TEST(
      (result_of(rig.ask(upload, uploading, uploading.store_begin(image, 1))) == CardResult::done));

  rig.gate.set_open(false);
  std::vector<TestCard> cards;
  std::vector<Loopback> links;
  for (int i = 0; i < 6; ++i) {
    cards.emplace_back(base::cat("8944351002100000", 1000 + i));
    rig.keys.add(cards.back());
  }
  // The source is read by workers: none is inside yet that could see it change.
  std::vector<vault::Iccid> iccids;
  for (const TestCard& card : cards) iccids.push_back(card.iccid);
  rig.vault.import(iccids);
  for (TestCard& card : cards) {
    links.push_back(rig.identified(card));
    BOOST_REQUIRE(links.back().send(card.packet(card.message(Ins::report))));
  }
  BOOST_REQUIRE(upload.send(uploading.packet(uploading.store_data(image, 1, 0, 500))));
  BOOST_REQUIRE(until([&] { return rig.gateway->health().sessions_waiting == 5u; }));
  BOOST_TEST(until([&] { return rig.gate.inside() == 1; }));
  BOOST_TEST(rig.gateway->health().jobs_queued == 1u);
  rig.vault.clock.advance(2'001);
  rig.gate.set_open(true);
  // The one that a worker had taken in time is served; the others are put off. None is dropped.
  int put_off = 0;
  for (std::size_t i = 0; i < cards.size(); ++i) {
    if (result_of(rig.answer(links[i], cards[i])) == CardResult::try_later) ++put_off;
  }
  BOOST_TEST(put_off >= 5);
  BOOST_TEST((result_of(rig.answer(upload, uploading)) == CardResult::done));
  BOOST_TEST(
      (result_of(rig.ask(links[5], cards[5], cards[5].message(Ins::report))) == CardResult::done));
}

BOOST_AUTO_TEST_CASE(drain_puts_off_newcomers_and_lets_a_transfer_end) {
  Rig rig;
  const base::Bytes image = image_of(3000);
  Loopback upload = rig.identified();
  BOOST_TEST((result_of(rig.ask(upload, rig.card.store_begin(image, 1))) == CardResult::done));
  TestCard other("89443510021000000019");
  rig.keys.add(other);
  Loopback idle = rig.identified(other);
  BOOST_REQUIRE(until([&] { return rig.gateway->health().sessions == 2u; }));
  rig.gateway->drain();
  BOOST_TEST(until([&] {
    try {
      rig.connect();
    } catch (const std::runtime_error&) {
      return true;
    }
    return false;
  }));
  BOOST_TEST(
      (result_of(rig.ask(idle, other, other.message(Ins::report))) == CardResult::try_later));
  BOOST_REQUIRE(upload.send(rest_of_store(rig.card, image, 0)));
  BOOST_TEST((result_of(rig.answer(upload, rig.card)) == CardResult::done));
  upload.close();
  BOOST_TEST(!rig.gateway->drained());
  rig.vault.clock.advance(30'000);  // close_wait for who has nothing under way
  BOOST_TEST(idle.closed_by_peer());
  BOOST_TEST(until([&] { return rig.gateway->drained(); }));
}

BOOST_AUTO_TEST_CASE(stop_keeps_what_was_uploaded_and_may_be_followed_by_start) {
  Rig rig;
  const base::Bytes image = image_of(3000);
  Loopback link = rig.identified();
  BOOST_TEST((result_of(rig.ask(link, rig.card.store_begin(image, 1))) == CardResult::done));
  BOOST_TEST(
      (result_of(rig.ask(link, rig.card.store_data(image, 1, 0, 1000))) == CardResult::done));
  BOOST_TEST(rig.gateway->stop(10'000));
  BOOST_TEST(link.closed_by_peer());
  BOOST_TEST(rig.gateway->stop(10'000));  // nothing left to stop
  const vault::Record record = rig.vault.record(rig.card.iccid);
  BOOST_REQUIRE(record.upload.has_value());
  BOOST_TEST(record.upload->staged == 1000u);

  BOOST_REQUIRE(rig.gateway->start().ok());
  Loopback again = rig.identified();
  const auto begin = rig.ask(again, rig.card.store_begin(image, 1));
  BOOST_TEST((result_of(begin) == CardResult::done));
  BOOST_TEST(begin->message.fields.offset.value() == 1000u);
}

BOOST_AUTO_TEST_CASE(stop_waits_no_longer_than_its_deadline_and_can_be_called_again) {
  Rig rig;
  Loopback link = rig.identified();
  rig.gate.set_open(false);
  BOOST_REQUIRE(link.send(rig.card.packet(rig.card.message(Ins::status))));
  BOOST_REQUIRE(until([&] { return rig.gate.inside() == 1; }));
  BOOST_TEST(!rig.gateway->stop(50));
  rig.gate.set_open(true);
  BOOST_TEST(rig.gateway->stop(10'000));
}

BOOST_AUTO_TEST_CASE(a_taken_port_is_an_error_and_a_bad_address_too) {
  Rig rig;
  const auto start_at = [&](const std::string& address) {
    Settings settings = rig.settings;
    settings.tcp = address;
    Gateway other(settings, {rig.gate, *rig.vault.cards, *rig.vault.stores, rig.vault.clock,
                             rig.vault.log, rig.vault.counters});
    return other.start().ok();
  };
  BOOST_TEST(!start_at(base::cat("127.0.0.1:", rig.gateway->tcp_port())));
  for (const char* text : {"127.0.0.1", "localhost:0", "127.0.0.1:x", "127.0.0.1:65536", ":0"}) {
    BOOST_TEST(!start_at(text), text);
  }
  BOOST_TEST(start_at("127.0.0.1:0"));
  BOOST_TEST(!rig.gateway->start().ok());  // runs already
}

BOOST_AUTO_TEST_CASE(new_settings_are_for_new_sessions) {
  Rig rig;
  Loopback old_one = rig.identified();
  BOOST_TEST((result_of(rig.ask(old_one, rig.card.message(Ins::status))) == CardResult::done));
  Settings changed = rig.settings;
  changed.allow_aes = false;
  rig.gateway->reconfigure(changed);
  BOOST_TEST(until([&] {
    TestCard card(kIccid);
    Loopback link = rig.identified();
    const auto answer = rig.ask(link, card, card.message(Ins::status));
    return answer && answer->status == PacketStatus::security_error;
  }));
  BOOST_TEST((result_of(rig.ask(old_one, rig.card.message(Ins::status))) == CardResult::done));
}

BOOST_AUTO_TEST_CASE(no_key_and_no_content_in_the_log) {
  Rig rig;
  const base::Bytes image = image_of(3000);
  Loopback link = rig.identified();
  rig.ask(link, rig.card.store_begin(image, 1));
  link.send(rest_of_store(rig.card, image, 0));
  const auto end = rig.answer(link, rig.card);
  BOOST_REQUIRE((result_of(end) == CardResult::done));
  const std::string key(base::as_text(end->message.fields.key->view()));
  rig.gateway->stop(10'000);
  BOOST_TEST(rig.vault.log.count(key) == 0u);
  BOOST_TEST(rig.vault.log.count("stopped") == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
