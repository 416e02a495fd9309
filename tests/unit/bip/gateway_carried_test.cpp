// Proves the gateway's side of channels that a platform carries: whole stores in any pieces, BUSY
// both ways, both ends of a channel, limits, drain and stop. The platform here is the test.
#include <boost/test/unit_test.hpp>

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>

#include "bip/gateway.h"
#include "bip/key_crypto.h"
#include "tests/support/test_card.h"
#include "tests/support/test_vault.h"
#include "tests/support/until.h"

namespace {

using namespace bip;
using support::TestCard;
using support::image_of;
using support::until;
using vault::CardResult;
using Taken = CarriedInbox::Taken;

constexpr const char* kIccid = "89443510021000012364";

// Keeps what it is told; takes answers as long as it has room.
class TestPlatform : public Platform {
 public:
  Sent send(std::uint64_t channel, base::View answer) override {
    const std::lock_guard lock(mutex_);
    if (lost) return Sent::lost;
    if (room_ == 0) {
      ++busy_;
      return Sent::busy;
    }
    --room_;
    sent_[channel].emplace_back(answer.begin(), answer.end());
    return Sent::taken;
  }
  void close(std::uint64_t channel) override {
    const std::lock_guard lock(mutex_);
    closed_.insert(channel);
  }
  void pause(std::uint64_t) override { ++paused; }
  void resume(std::uint64_t) override { ++resumed; }

  std::optional<base::Bytes> answer(std::uint64_t channel) {
    std::optional<base::Bytes> first;
    until([&] {
      const std::lock_guard lock(mutex_);
      auto& answers = sent_[channel];
      if (answers.empty()) return false;
      first = std::move(answers.front());
      answers.erase(answers.begin());
      return true;
    });
    return first;
  }
  bool closed(std::uint64_t channel) {
    return until([&] { return closed_now(channel); });
  }
  bool closed_now(std::uint64_t channel) {
    const std::lock_guard lock(mutex_);
    return closed_.contains(channel);
  }
  void room_for(int answers) {
    const std::lock_guard lock(mutex_);
    room_ = answers;
  }
  int busy() {
    const std::lock_guard lock(mutex_);
    return busy_;
  }

  std::atomic<int> paused{0};
  std::atomic<int> resumed{0};
  std::atomic<bool> lost{false};

 private:
  std::mutex mutex_;
  std::map<std::uint64_t, std::vector<base::Bytes>> sent_;
  std::set<std::uint64_t> closed_;
  int room_ = 1'000'000;
  int busy_ = 0;
};

struct Rig {
  explicit Rig(const std::function<void(Settings&)>& change = [](Settings&) {}) {
    keys.add(card);
    vault.import({card.iccid});
    settings.tcp.clear();
    settings.workers = 2;
    change(settings);
    gateway = std::make_unique<Gateway>(
        settings, Gateway::Parts{crypto, *vault.cards, *vault.stores, vault.clock, vault.log,
                                 vault.counters, nullptr, &platform, &inbox});
    BOOST_REQUIRE(gateway->start().ok());
  }
  std::uint64_t open(bool identified = true) {
    CarriedInbox::Opening opening;
    opening.id = ++last;
    if (identified) opening.iccid = card.iccid;
    BOOST_REQUIRE((inbox.open(opening) == Taken::yes));
    return opening.id;
  }
  // As a platform does it: what is BUSY is kept until resume.
  void send(std::uint64_t id, base::View octets, std::size_t piece = 1000) {
    while (!octets.empty()) {
      const base::View part = octets.first(std::min(piece, octets.size()));
      const int before = platform.resumed;
      const Taken taken = inbox.feed(id, part);
      if (taken == Taken::yes) {
        octets = octets.subspan(part.size());
      } else {
        BOOST_REQUIRE((taken == Taken::busy));
        ++busy;
        BOOST_REQUIRE(until([&] { return platform.resumed > before; }));
      }
    }
  }
  CardResult ask(std::uint64_t id, const Message& message) {
    send(id, card.packet(message));
    return result(id);
  }
  CardResult result(std::uint64_t id) {
    auto octets = platform.answer(id);
    BOOST_REQUIRE(octets.has_value());
    const auto answer = card.take_answer(*octets);
    BOOST_REQUIRE(answer.has_value());
    BOOST_TEST(octets->empty());  // one answer, one call
    BOOST_REQUIRE((answer->status == PacketStatus::por_ok));
    return static_cast<CardResult>(answer->message.code);
  }
  base::Bytes rest_of_store(const base::Bytes& image) {
    base::Bytes octets;
    const auto add = [&](const base::Bytes& packet) {
      octets.insert(octets.end(), packet.begin(), packet.end());
    };
    for (std::uint32_t at = 0; at < image.size(); at += 700) {
      add(card.packet(card.store_data(image, 1, at, 700), 0x1A));
    }
    add(card.packet(card.plain(Ins::store_end, 1)));
    return octets;
  }
  std::int64_t counted(std::string_view name) { return vault.counters.get(name); }

  support::TestVault vault;
  TestCard card{kIccid};
  support::TestKeySource keys;
  KeyCrypto crypto{keys};
  Settings settings;
  TestPlatform platform;
  CarriedInbox inbox;
  std::unique_ptr<Gateway> gateway;
  std::uint64_t last = 0;
  int busy = 0;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(gateway_carried)

BOOST_AUTO_TEST_CASE(a_store_octet_by_octet_with_an_identification_packet) {
  Rig rig;
  const base::Bytes image = image_of(3000);
  const std::uint64_t id = rig.open(false);
  rig.send(id, rig.card.identification(), 1);
  rig.send(id, rig.card.packet(rig.card.store_begin(image, 1)), 1);
  BOOST_TEST((rig.result(id) == CardResult::done));
  rig.send(id, rig.rest_of_store(image), 1);
  BOOST_TEST((rig.result(id) == CardResult::done));
  BOOST_TEST((rig.vault.record(rig.card.iccid).image->digest == base::sha256(image)));
  BOOST_TEST(rig.gateway->health().carried == 1u);
  BOOST_TEST(rig.gateway->health().proven == 1u);
  BOOST_TEST((rig.inbox.ended(id, true) == Taken::yes));
  BOOST_TEST(until([&] { return rig.gateway->health().sessions == 0; }));
  BOOST_TEST(!rig.platform.closed_now(id));  // nobody is there any more
  BOOST_TEST(rig.gateway->health().carried == 0u);
  BOOST_TEST(rig.counted("bip.carried_channels") == 1);
}

// A whole image comes faster than it is served: the inbox fills, and nothing is lost.
BOOST_AUTO_TEST_CASE(busy_and_resume_towards_the_vault) {
  Rig rig([](Settings& settings) {
    settings.session_input = 2000;
    settings.batch = 2;
  });
  const base::Bytes image = image_of(200'000);
  const std::uint64_t id = rig.open();
  BOOST_TEST((rig.ask(id, rig.card.store_begin(image, 1)) == CardResult::done));
  rig.send(id, rig.rest_of_store(image));
  BOOST_TEST((rig.result(id) == CardResult::done));
  BOOST_TEST((rig.vault.record(rig.card.iccid).image->digest == base::sha256(image)));
  BOOST_TEST(rig.busy > 0);
  BOOST_TEST(rig.platform.paused > 0);
}

BOOST_AUTO_TEST_CASE(busy_and_writable_towards_the_card) {
  Rig rig;
  const std::uint64_t id = rig.open();
  rig.platform.room_for(1);
  for (int i = 0; i < 3; ++i) rig.send(id, rig.card.packet(rig.card.message(Ins::status)));
  BOOST_TEST((rig.result(id) == CardResult::done));
  BOOST_TEST(until([&] { return rig.platform.busy() > 0; }));
  const int before = rig.platform.busy();
  rig.platform.room_for(5);
  // It is not asked again before it has said that there is room.
  rig.send(id, rig.card.packet(rig.card.message(Ins::status)));
  BOOST_TEST(until([&] { return rig.counted("bip.answers") == 4; }));
  BOOST_TEST(rig.platform.busy() == before);
  BOOST_TEST((rig.inbox.writable(id) == Taken::yes));
  for (int i = 0; i < 3; ++i) BOOST_TEST((rig.result(id) == CardResult::done));
}

BOOST_AUTO_TEST_CASE(a_card_that_sends_no_more_still_gets_its_answers) {
  Rig rig;
  const std::uint64_t id = rig.open();
  BOOST_TEST((rig.inbox.feed(id, rig.card.packet(rig.card.message(Ins::status))) == Taken::yes));
  BOOST_TEST((rig.inbox.ended(id, false) == Taken::yes));
  BOOST_TEST((rig.result(id) == CardResult::done));
  BOOST_TEST(rig.platform.closed(id));
  BOOST_TEST((rig.inbox.feed(id, base::Bytes{1}) == Taken::unknown));
}

// What it sent before it went is served; nobody is answered.
BOOST_AUTO_TEST_CASE(a_card_that_is_gone) {
  Rig rig;
  const base::Bytes image = image_of(5000);
  const std::uint64_t id = rig.open();
  BOOST_TEST((rig.ask(id, rig.card.store_begin(image, 1)) == CardResult::done));
  BOOST_TEST((rig.inbox.feed(id, rig.rest_of_store(image)) == Taken::yes));
  BOOST_TEST((rig.inbox.ended(id, true) == Taken::yes));
  BOOST_TEST(until([&] { return rig.gateway->health().sessions == 0; }));
  BOOST_TEST(until([&] { return rig.vault.record(rig.card.iccid).image.has_value(); }));
  const std::uint64_t other = rig.open();
  rig.platform.lost = true;
  BOOST_TEST((rig.inbox.feed(other, rig.card.packet(rig.card.message(Ins::status))) == Taken::yes));
  BOOST_TEST(rig.platform.closed(other));
}

BOOST_AUTO_TEST_CASE(what_is_no_card_is_closed) {
  Rig rig;
  const std::uint64_t junk = rig.open(false);
  BOOST_TEST((rig.inbox.feed(junk, base::Bytes(100, 0xEE)) == Taken::yes));
  BOOST_TEST(rig.platform.closed(junk));
  const std::uint64_t second = rig.open();
  BOOST_TEST((rig.inbox.feed(second, rig.card.identification()) == Taken::yes));
  BOOST_TEST(rig.platform.closed(second));
  BOOST_TEST(rig.counted("bip.bad_identification") == 1);
  BOOST_TEST(rig.counted("bip.second_identification") == 1);
}

// An address that the platform does not know is nobody's: others are not refused for it.
BOOST_AUTO_TEST_CASE(failures_from_unknown_addresses_are_not_counted) {
  Rig rig([](Settings& settings) { settings.bad_per_ip = 2; });
  for (int i = 0; i < 5; ++i) {
    const std::uint64_t junk = rig.open(false);
    BOOST_TEST((rig.inbox.feed(junk, base::Bytes(100, 0xEE)) == Taken::yes));
    BOOST_TEST(rig.platform.closed(junk));
  }
  BOOST_TEST((rig.ask(rig.open(), rig.card.message(Ins::status)) == CardResult::done));
}

BOOST_AUTO_TEST_CASE(answers_fit_what_the_channel_takes_whole) {
  Rig rig;
  const base::Bytes image = image_of(3000);
  const std::uint64_t id = rig.open();
  BOOST_TEST((rig.ask(id, rig.card.store_begin(image, 1)) == CardResult::done));
  rig.send(id, rig.rest_of_store(image));
  BOOST_TEST((rig.result(id) == CardResult::done));
  CarriedInbox::Opening opening;
  opening.id = ++rig.last;
  opening.iccid = rig.card.iccid;
  opening.answer_room = 200;
  opening.transport = Transport::cat_tp;
  BOOST_REQUIRE((rig.inbox.open(opening) == Taken::yes));
  rig.send(opening.id, rig.card.packet(rig.card.message(Ins::fetch_begin)));
  auto octets = rig.platform.answer(opening.id);
  BOOST_REQUIRE(octets.has_value());
  const auto begun = rig.card.take_answer(*octets);
  BOOST_REQUIRE((begun && begun->message.fields.transaction));
  Message next = rig.card.plain(Ins::fetch_data, *begun->message.fields.transaction);
  next.fields.offset = 0;
  rig.send(opening.id, rig.card.packet(next));
  octets = rig.platform.answer(opening.id);
  BOOST_REQUIRE(octets.has_value());
  BOOST_TEST(octets->size() <= 200u);
  BOOST_TEST(octets->size() > 150u);
}

BOOST_AUTO_TEST_CASE(full_draining_and_stop) {
  Rig rig([](Settings& settings) { settings.sessions = 2; });
  const std::uint64_t first = rig.open();
  BOOST_TEST((rig.ask(first, rig.card.message(Ins::status)) == CardResult::done));
  const std::uint64_t second = rig.open(false);
  CarriedInbox::Opening third;
  third.id = 99;
  BOOST_TEST((rig.inbox.open(third) == Taken::busy));
  BOOST_TEST((rig.inbox.ended(second, true) == Taken::yes));
  BOOST_TEST(until([&] { return rig.gateway->health().sessions == 1; }));
  rig.gateway->drain();
  BOOST_TEST((rig.inbox.open(third) == Taken::busy));
  BOOST_TEST((rig.ask(first, rig.card.message(Ins::status)) == CardResult::done));
  BOOST_TEST(rig.gateway->stop(10'000));
  BOOST_TEST(rig.platform.closed_now(first));
  BOOST_TEST(!rig.platform.closed_now(second));
  BOOST_TEST((rig.inbox.open(third) == Taken::stopped));
  BOOST_REQUIRE(rig.gateway->start().ok());
  BOOST_TEST((rig.ask(rig.open(), rig.card.message(Ins::status)) == CardResult::done));
}

BOOST_AUTO_TEST_SUITE_END()
