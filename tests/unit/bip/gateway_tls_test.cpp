// Proves TLS-PSK channels of the gateway over real loopback sockets: stores and fetches, who may
// get in, that a key service that hangs stops nobody else, limits, ends and drain.
#include "bip/gateway.h"
#include "bip/tls_scan.h"

#include <boost/test/unit_test.hpp>

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>

#include "bip/framing.h"
#include "bip/key_crypto.h"
#include "tests/support/loopback.h"
#include "tests/support/test_card.h"
#include "tests/support/test_vault.h"
#include "tests/support/tls_client.h"
#include "tests/support/until.h"

namespace {

using namespace bip;
using support::Loopback;
using support::TestCard;
using support::TlsClient;
using support::until;
using vault::CardResult;

constexpr const char* kIccid = "89443510021000012364";
constexpr const char* kOther = "89443510021000012372";
const base::Bytes kPsk(16, 0x42);

template <class Condition>
void wait_for(Condition condition) {
  BOOST_REQUIRE(until(condition));
}

// Waits while the gate is shut.
class GatedPsks : public PskSource {
 public:
  base::Result<std::optional<base::Secret>> get(std::string_view identity) override {
    std::unique_lock lock(mutex_);
    ++asked_;
    if (away) return base::Error{"away"};
    changed_.wait(lock, [&] { return open_; });
    const auto found = psks.find(std::string(identity.substr(0, identity.find('@'))));
    if (found == psks.end()) return std::optional<base::Secret>();
    return std::optional(base::Secret(base::View(found->second)));
  }
  void set_open(bool open) {
    {
      std::lock_guard lock(mutex_);
      open_ = open;
    }
    changed_.notify_all();
  }
  int asked() {
    std::lock_guard lock(mutex_);
    return asked_;
  }

  std::atomic<bool> away = false;
  std::map<std::string, base::Bytes> psks{{kIccid, kPsk}, {kOther, kPsk}};

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = true;
  int asked_ = 0;
};

struct Rig {
  explicit Rig(const std::function<void(Settings&)>& change = [](Settings&) {}) {
    keys.add(card);
    keys.add(other);
    vault.import({card.iccid, other.iccid});
    settings.tcp = settings.tls_psk = "127.0.0.1:0";
    settings.workers = 2;
    change(settings);
    gateway = std::make_unique<Gateway>(
        settings, Gateway::Parts{crypto, *vault.cards, *vault.stores, vault.clock, vault.log,
                                 vault.counters, &psks});
    const base::Status started = gateway->start();
    BOOST_REQUIRE_MESSAGE(started.ok(), (started.ok() ? "" : started.error()));
  }
  ~Rig() { psks.set_open(true); }
  std::int64_t counted(std::string_view name) { return vault.counters.get(name); }

  support::TestVault vault;
  TestCard card{kIccid};
  TestCard other{kOther};
  support::TestKeySource keys;
  KeyCrypto crypto{keys};
  GatedPsks psks;
  Settings settings;
  std::unique_ptr<Gateway> gateway;
};

// A card's TLS channel.
struct Channel {
  explicit Channel(Rig& rig, const std::string& identity = kIccid, const base::Bytes& psk = kPsk)
      : link(rig.gateway->tls_psk_port()), client(options(identity, psk)) {}

  static TlsClient::Options options(const std::string& identity, const base::Bytes& psk) {
    TlsClient::Options made;
    made.identity = identity;
    made.psk = psk;
    return made;
  }
  bool handshake() {
    while (!client.handshake()) {
      link.send(client.output());
      const base::Bytes octets = link.receive_some();
      if (octets.empty() || !client.failure().empty()) return false;
      client.feed(octets);
    }
    return true;
  }
  bool send(base::View octets) {
    client.write(octets);
    return link.send(client.output());
  }
  // Says close_notify, behind what is said before; whether the vault answers with its own.
  bool parts() {
    SSL_shutdown(client.ssl());
    link.send(client.output());
    for (base::Bytes octets = link.receive_some(); !octets.empty(); octets = link.receive_some()) {
      client.feed(octets);
      client.read();
    }
    return client.closed();
  }
  std::optional<TestCard::Answer> answer(const TestCard& card) {
    for (;;) {
      base::Bytes copy = plain;
      const Frame frame = plain.empty() ? Frame{} : next_frame(plain, 0x02, 1400);
      if (frame.state == Frame::State::whole) {
        plain.erase(plain.begin(), plain.begin() + static_cast<long>(frame.size));
        return card.take_answer(copy);
      }
      const base::Bytes octets = link.receive_some();
      if (octets.empty()) return std::nullopt;
      cipher.insert(cipher.end(), octets.begin(), octets.end());
      client.feed(octets);
      const base::Bytes more = client.read();
      plain.insert(plain.end(), more.begin(), more.end());
      if (client.closed()) return std::nullopt;
    }
  }
  std::optional<TestCard::Answer> ask(TestCard& card, const Message& message) {
    if (!send(card.packet(message))) return std::nullopt;
    return answer(card);
  }

  Loopback link;
  TlsClient client;
  base::Bytes plain, cipher;
};

CardResult result_of(const std::optional<TestCard::Answer>& answer) {
  BOOST_REQUIRE(answer);
  BOOST_REQUIRE((answer->status == PacketStatus::por_ok));
  return static_cast<CardResult>(answer->message.code);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(gateway_tls)

// A store and a fetch: the PSK identity names the card, no identification packet comes, and every
// record of the vault has at most 256 octets and one whole answer in it.
BOOST_AUTO_TEST_CASE(store_and_fetch) {
  Rig rig;
  base::Bytes image(5000);
  base::fill_random(image);
  Channel up(rig, std::string(kIccid) + "@vault");
  BOOST_REQUIRE(up.handshake());
  BOOST_TEST((result_of(up.ask(rig.card, rig.card.store_begin(image, 1))) == CardResult::done));
  for (std::uint32_t at = 0; at < image.size(); at += 700) {
    up.send(rig.card.packet(rig.card.store_data(image, 1, at, 700), 0x1A));
  }
  BOOST_TEST((result_of(up.ask(rig.card, rig.card.plain(Ins::store_end, 1))) == CardResult::done));

  Channel down(rig);
  BOOST_REQUIRE(down.handshake());
  const auto begun = down.ask(rig.card, rig.card.message(Ins::fetch_begin));
  BOOST_REQUIRE((result_of(begun) == CardResult::done));
  base::Bytes fetched;
  std::size_t answers = 1;
  while (fetched.size() < image.size()) {
    Message more = rig.card.plain(Ins::fetch_data, *begun->message.fields.transaction);
    more.fields.offset = static_cast<std::uint32_t>(fetched.size());
    const auto piece = down.ask(rig.card, more);
    BOOST_REQUIRE((result_of(piece) == CardResult::done));
    const base::Bytes& data = *piece->message.fields.data;
    BOOST_REQUIRE(!data.empty());
    fetched.insert(fetched.end(), data.begin(), data.end());
    ++answers;
  }
  BOOST_TEST((fetched == image));
  std::size_t records = 0;
  for (base::View left = down.cipher; !left.empty(); ++records) {
    bool broken = false;
    const auto record = next_record(left, broken);
    BOOST_REQUIRE(record);
    BOOST_TEST(record->size <= 256u);
    left = left.subspan(record->size);
  }
  BOOST_TEST(records == answers);
  BOOST_TEST(rig.counted("bip.tls_handshakes") == 2);
  BOOST_TEST(rig.counted("bip.identified") == 2);
}

// A wrong key, an unknown card and a name that is no card end alike, and count.
BOOST_AUTO_TEST_CASE(who_does_not_get_in) {
  Rig rig([](Settings& s) { s.bad_per_ip = 0; });
  std::set<std::string> failures;
  const std::string unknown = "89443510021000012380";
  for (const std::string& identity : {std::string(kIccid), unknown, std::string("somebody")}) {
    Channel channel(rig, identity, base::Bytes(16, 0x43));
    BOOST_TEST(!channel.handshake());
    failures.insert(channel.client.failure());
  }
  BOOST_TEST(failures.size() == 1u);
  BOOST_TEST(!failures.begin()->empty());
  wait_for([&] { return rig.counted("bip.tls_failed") == 3; });
  const std::string line = base::cat("TLS failed: wrong key: as card ", kIccid, " at 127.0.0.1");
  BOOST_TEST(rig.vault.log.count(line) == 1);
  BOOST_TEST(rig.vault.log.count("TLS failed") == 1);  // seldom
  BOOST_TEST(rig.psks.asked() == 2);
  Channel good(rig);
  BOOST_TEST(good.handshake());
}

// A key service that hangs holds up its own card only: others get in and are served.
BOOST_AUTO_TEST_CASE(a_slow_key_service) {
  Rig rig;
  rig.psks.set_open(false);
  Channel slow(rig);
  slow.client.handshake();
  slow.link.send(slow.client.output());
  slow.client.feed(slow.link.receive_some());
  slow.client.handshake();
  slow.link.send(slow.client.output());
  wait_for([&] { return rig.psks.asked() == 1; });

  Loopback tcp(rig.gateway->tcp_port());
  tcp.send(rig.other.identification());
  tcp.send(rig.other.packet(rig.other.message(Ins::status)));
  BOOST_TEST(!tcp.receive_packet().empty());
  Channel newcomer(rig, kOther);  // its hello is answered; its key has to wait
  newcomer.client.handshake();
  newcomer.link.send(newcomer.client.output());
  BOOST_TEST(!newcomer.link.receive_some().empty());

  rig.psks.set_open(true);
  BOOST_TEST(slow.handshake());
  BOOST_TEST((result_of(slow.ask(rig.card, rig.card.message(Ins::status))) == CardResult::done));
}

// The peer goes while its key is looked up: nothing is left behind.
BOOST_AUTO_TEST_CASE(gone_during_the_look_up) {
  Rig rig;
  rig.psks.set_open(false);
  {
    Channel channel(rig);
    channel.client.handshake();
    channel.link.send(channel.client.output());
    channel.client.feed(channel.link.receive_some());
    channel.client.handshake();
    channel.link.send(channel.client.output());
    wait_for([&] { return rig.psks.asked() == 1; });
    channel.link.reset();
  }
  rig.psks.set_open(true);
  wait_for([&] { return rig.gateway->drained(); });
  BOOST_TEST(rig.gateway->health().sessions == 0u);
}

// Failed handshakes for a card close further attempts before anybody is asked for its key.
BOOST_AUTO_TEST_CASE(attempts_are_limited) {
  Rig rig([](Settings& s) { s.bad_per_iccid = 3; });
  for (int i = 0; i < 3; ++i) {
    Channel channel(rig, kIccid, base::Bytes(16, 0x43));
    BOOST_TEST(!channel.handshake());
    wait_for([&] { return rig.counted("bip.tls_failed") == i + 1; });
  }
  BOOST_TEST(rig.psks.asked() == 3);
  Channel right(rig);
  BOOST_TEST(!right.handshake());
  wait_for([&] { return rig.counted("bip.limited") == 1; });
  BOOST_TEST(rig.psks.asked() == 3);
  Channel other(rig, kOther);
  BOOST_TEST(other.handshake());
}

// Nor does it help to hang up instead, before the key is there or when it is.
BOOST_AUTO_TEST_CASE(who_hangs_up_is_counted) {
  for (const bool early : {false, true}) {
    Rig rig([](Settings& s) { s.bad_per_iccid = 3; });
    for (int i = 0; i < 3; ++i) {
      rig.psks.set_open(!early);
      Channel channel(rig);
      channel.client.handshake();
      channel.link.send(channel.client.output());
      channel.client.feed(channel.link.receive_some());
      channel.client.handshake();
      const base::Bytes flight = channel.client.output();
      channel.link.send(base::View(flight).first(flight.size() - 8));  // of its Finished
      wait_for([&] { return rig.psks.asked() == i + 1; });
      channel.link.reset();
      rig.psks.set_open(true);
      wait_for([&] { return rig.gateway->health().sessions == 0u; });
    }
    wait_for([&] { return rig.gateway->drained(); });
    Channel right(rig);
    BOOST_TEST(!right.handshake());
    BOOST_TEST(rig.psks.asked() == 3);
    BOOST_TEST(rig.counted("bip.limited") == 1);
  }
}

// A key service that fails is nobody's fault: no card and no address is shut out for it.
BOOST_AUTO_TEST_CASE(a_key_service_that_is_away_shuts_nobody_out) {
  Rig rig([](Settings& s) { s.bad_per_iccid = s.bad_per_ip = 3; });
  rig.psks.away = true;
  for (int i = 0; i < 5; ++i) {
    Channel channel(rig);
    BOOST_TEST(!channel.handshake());
    wait_for([&] { return rig.counted("bip.keys_away") == i + 1; });
  }
  rig.psks.away = false;
  Channel channel(rig);
  BOOST_TEST(channel.handshake());
  BOOST_TEST(rig.counted("bip.tls_failed") == 0);
  BOOST_TEST(rig.counted("bip.limited") == 0);
}

// close_notify is answered, and who says nothing at all or no TLS is closed.
BOOST_AUTO_TEST_CASE(ends) {
  Rig rig;
  Channel polite(rig);
  BOOST_REQUIRE(polite.handshake());
  BOOST_TEST((result_of(polite.ask(rig.card, rig.card.message(Ins::status))) == CardResult::done));
  BOOST_TEST(polite.parts());

  // Nobody hears the answer of who says so behind its command: that keeps nothing open. The
  // command is served all the same.
  Channel hasty(rig);
  BOOST_REQUIRE(hasty.handshake());
  hasty.client.write(rig.card.packet(rig.card.message(Ins::status)));
  BOOST_TEST(hasty.parts());
  wait_for([&] { return rig.counted("bip.packets") == 2; });
  wait_for([&] { return rig.gateway->health().sessions == 0; });

  Loopback plain(rig.gateway->tls_psk_port());
  plain.send(rig.card.identification());
  BOOST_TEST(plain.closed_by_peer());
  wait_for([&] { return rig.counted("bip.tls_failed") == 1; });

  Loopback silent(rig.gateway->tls_psk_port());
  wait_for([&] { return rig.counted("bip.sessions") == 4; });
  rig.vault.clock.advance(rig.settings.identify_timeout + 1);
  BOOST_TEST(silent.closed_by_peer());
  BOOST_TEST(rig.counted("bip.never_identified") == 1);
}

// One record holds more than a session takes at a time, and the peer is gone behind it: all of it
// is served.
BOOST_AUTO_TEST_CASE(what_came_before_the_end_is_served) {
  Rig rig([](Settings& s) { s.session_input = 1'400; });
  base::Bytes image(6'000);
  base::fill_random(image);
  Channel channel(rig);
  BOOST_REQUIRE(channel.handshake());
  BOOST_TEST(
      (result_of(channel.ask(rig.card, rig.card.store_begin(image, 1))) == CardResult::done));
  base::Bytes packets;
  const auto say = [&](const base::Bytes& packet) {
    packets.insert(packets.end(), packet.begin(), packet.end());
  };
  for (std::uint32_t at = 0; at < image.size(); at += 700) {
    say(rig.card.packet(rig.card.store_data(image, 1, at, 700), 0x1A));
  }
  say(rig.card.packet(rig.card.plain(Ins::store_end, 1)));
  channel.client.write(packets);
  channel.link.send(channel.client.output());
  channel.link.shut_down_sending();
  wait_for([&] { return rig.gateway->health().sessions == 0u; });
  wait_for([&] { return rig.gateway->drained(); });
  BOOST_TEST(rig.counted("bip.packets") == 11);
  Channel after(rig);
  BOOST_REQUIRE(after.handshake());
  const auto begun = after.ask(rig.card, rig.card.message(Ins::fetch_begin));
  BOOST_TEST((result_of(begun) == CardResult::done));
}

// After too many security errors the channel stands for close_wait, so that the card can fetch the
// answers that its terminal holds: TLS says nothing before, and close_notify then.
BOOST_AUTO_TEST_CASE(no_goodbye_before_close_wait) {
  Rig rig([](Settings& settings) { settings.identify_timeout = settings.close_wait - 1; });
  Loopback silent(rig.gateway->tcp_port());  // its time is up just before
  wait_for([&] { return rig.counted("bip.sessions") == 1; });
  Channel channel(rig);
  BOOST_REQUIRE(channel.handshake());
  for (int i = 0; i < rig.settings.max_security_errors; ++i) {
    base::Bytes broken = rig.card.packet(rig.card.message(Ins::status));
    broken.back() ^= 1;
    channel.send(broken);
    const auto answer = channel.answer(rig.card);
    BOOST_REQUIRE(answer);
    BOOST_TEST((answer->status == PacketStatus::cc_failed));
  }
  rig.vault.clock.advance(rig.settings.close_wait - 1);
  BOOST_REQUIRE(silent.closed_by_peer());  // so whatever is due by now has been done
  BOOST_TEST(!channel.link.readable(0));
  BOOST_TEST(!channel.client.closed());
  rig.vault.clock.advance(1);
  channel.client.feed(channel.link.receive_some());
  BOOST_TEST(channel.client.read().empty());
  BOOST_TEST(channel.client.closed());
  BOOST_TEST(channel.client.failure() == "");
  BOOST_TEST(channel.link.closed_by_peer());
}

// A record that is not finished is a packet that is not finished. The idle time-out is far off.
BOOST_AUTO_TEST_CASE(a_record_without_end) {
  Rig rig([](Settings& settings) { settings.idle_timeout = 24 * base::kHourMs; });
  Channel channel(rig);
  BOOST_REQUIRE(channel.handshake());
  for (int i = 0; i < 2; ++i) {
    const auto answer = channel.ask(rig.card, rig.card.message(Ins::status));
    BOOST_TEST((result_of(answer) == CardResult::done));
    rig.vault.clock.advance(10 * rig.settings.packet_timeout);  // idle
  }
  channel.client.write(rig.card.packet(rig.card.message(Ins::status)));
  const base::Bytes record = channel.client.output();
  BOOST_REQUIRE(channel.link.send(base::View(record).first(record.size() - 1)));
  BOOST_TEST(until([&] {
    rig.vault.clock.advance(1000);
    return rig.counted("bip.timeouts") == 1;
  }));
  BOOST_TEST(channel.link.closed_by_peer());
}

// An identification packet has no place inside TLS: the channel has named the card.
BOOST_AUTO_TEST_CASE(a_second_identification) {
  Rig rig;
  Channel channel(rig);
  BOOST_REQUIRE(channel.handshake());
  channel.send(rig.other.identification());
  wait_for([&] { return rig.counted("bip.second_identification") == 1; });
  BOOST_TEST(channel.link.closed_by_peer());
}

// A packet that is protected with another card's keys does not count, whoever has shaken hands.
BOOST_AUTO_TEST_CASE(keys_of_another_card) {
  Rig rig;
  Channel channel(rig);
  BOOST_REQUIRE(channel.handshake());
  channel.send(rig.other.packet(rig.other.message(Ins::status)));
  const auto answer = channel.answer(rig.other);
  BOOST_REQUIRE(answer);
  BOOST_TEST((answer->status == PacketStatus::cc_failed));
}

// Drain: newcomers find nobody, who is there may end; stop says goodbye.
BOOST_AUTO_TEST_CASE(drain_and_stop) {
  Rig rig;
  Channel channel(rig);
  BOOST_REQUIRE(channel.handshake());
  const std::uint16_t port = rig.gateway->tls_psk_port();
  rig.gateway->drain();
  wait_for([&] {
    try {
      Loopback late(port);
      return false;
    } catch (const std::runtime_error&) {
      return true;
    }
  });
  BOOST_TEST((result_of(channel.ask(rig.card, rig.card.message(Ins::status))) == CardResult::done));
  BOOST_TEST(rig.gateway->stop(10'000));
  channel.client.feed(channel.link.receive_some());
  channel.client.read();
  BOOST_TEST(channel.client.closed());
}

// No keys, no listener.
BOOST_AUTO_TEST_CASE(nobody_gives_keys) {
  Rig rig;
  Gateway lonely(rig.settings, Gateway::Parts{rig.crypto, *rig.vault.cards, *rig.vault.stores,
                                              rig.vault.clock, rig.vault.log, rig.vault.counters});
  BOOST_TEST(!lonely.start().ok());
}

BOOST_AUTO_TEST_SUITE_END()
