// Proves bv.bip/1 and bv.bip-sink/1 through the C tables: a card on a channel that the host
// carries, buffers that are full on either side, calls that a host should not make, services that
// fail, many threads at once, and a stop under all that.
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <future>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "base/crypto.h"
#include "tests/host/test_card.h"
#include "tests/host/workspace.h"

namespace {

using support::Guest;
using support::MinimalHost;
using support::plugin_entry;
using support::TestCard;
using support::wait_for;
using support::Workspace;

using Octets = std::vector<std::uint8_t>;

struct Fixture {
  Workspace workspace;
  MinimalHost host;
  TestCard card;
  std::uint64_t counter = 0;
  const bv_bip_sink_1* sink = nullptr;

  std::mutex mutex;
  std::map<std::uint64_t, Octets> answers;
  std::map<std::uint64_t, int> closed;
  std::atomic<int> resumed{0};
  Guest guest{plugin_entry(), host};  // last: its end still calls the host

  Fixture() {
    host.give_bip();
    host.on_send = [this](std::uint64_t channel, bv_bytes octets) {
      const std::lock_guard lock(mutex);
      Octets& all = answers[channel];
      all.insert(all.end(), octets.data, octets.data + octets.size);
      return BV_OK;
    };
    host.on_close = [this](std::uint64_t channel) {
      const std::lock_guard lock(mutex);
      ++closed[channel];
      return BV_OK;
    };
    host.on_resume = [this](std::uint64_t) {
      ++resumed;
      return BV_OK;
    };
  }
  void run() {
    sink = static_cast<const bv_bip_sink_1*>(guest.extension(BV_EXT_BIP_SINK));
    BOOST_REQUIRE(sink != nullptr);
    const auto ready = guest.init(workspace.config());
    BOOST_REQUIRE_MESSAGE(ready.status == BV_OK, ready.why);
    const auto running = guest.start();
    BOOST_REQUIRE_MESSAGE(running.status == BV_OK, running.why);
  }
  bv_status open(std::uint64_t id, bool identified = true, std::uint32_t answer_room = 0) {
    bv_bip_channel channel{};
    channel.id = id;
    channel.answer_room = answer_room;
    channel.transport = BV_TRANSPORT_TCP;
    channel.flags = identified ? BV_BIP_IDENTIFIED : 0;
    std::copy(card.iccid.begin(), card.iccid.end(), channel.iccid);
    return sink->on_open(guest.table(), &channel);
  }
  // From memory that is gone when the call has returned.
  bv_status data(std::uint64_t id, const base::Bytes& octets) {
    const Octets copy(octets.begin(), octets.end());
    return sink->on_data(guest.table(), id, bv_bytes{copy.data(), copy.size()});
  }
  Octets answer(std::uint64_t id) {
    wait_for([&] {
      const std::lock_guard lock(mutex);
      return !answers[id].empty();
    });
    const std::lock_guard lock(mutex);
    return std::exchange(answers[id], {});
  }
  // The answer to a command, which must be `done`.
  bip::Message done(std::uint64_t id) {
    const auto packet = card.answer(answer(id));
    BOOST_REQUIRE(packet.has_value());
    auto message = bip::decode_message(packet->data);
    BOOST_REQUIRE(message.has_value());
    BOOST_REQUIRE_EQUAL(static_cast<int>(message->code), 0);
    return std::move(*message);
  }
  bip::Message ask(std::uint64_t id, const bip::Message& command) {
    BOOST_REQUIRE_EQUAL(data(id, card.wrapped(++counter, command)), BV_OK);
    return done(id);
  }
  base::Bytes fetch(std::uint64_t id) {
    bip::Message begin = command(bip::Ins::fetch_begin);
    begin.fields.iccid = card.iccid;
    const bip::Message begun = ask(id, begin);
    base::Bytes content;
    while (content.size() < begun.fields.total.value()) {
      bip::Message more = command(bip::Ins::fetch_data, begun.fields.transaction);
      more.fields.offset = static_cast<std::uint32_t>(content.size());
      const base::Bytes piece = ask(id, more).fields.data.value();
      content.insert(content.end(), piece.begin(), piece.end());
    }
    return content;
  }
  static bip::Message command(bip::Ins ins, std::optional<std::uint32_t> transaction = {}) {
    bip::Message message;
    message.code = static_cast<std::uint8_t>(ins);
    message.fields.transaction = transaction;
    return message;
  }
  bool is_closed(std::uint64_t id) {
    return wait_for([&] {
      const std::lock_guard lock(mutex);
      return closed.contains(id);
    });
  }
  void serves_the_card(std::uint64_t id) {
    BOOST_REQUIRE_EQUAL(open(id), BV_OK);
    BOOST_REQUIRE_EQUAL(data(id, card.report(++counter)), BV_OK);
    const auto octets = answer(id);
    const auto read = card.answer(octets);
    BOOST_REQUIRE(read.has_value());
    BOOST_TEST(static_cast<int>(read->status) == 0);
    BOOST_TEST(sink->on_closed(guest.table(), id, BV_BIP_GONE) == BV_OK);
    BOOST_TEST(wait_for([&] { return guest.number("sessions") == 0; }));
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(carried)

BOOST_FIXTURE_TEST_CASE(a_card_whose_channel_the_host_carries, Fixture) {
  run();
  serves_the_card(1);
  BOOST_REQUIRE_EQUAL(open(2, false), BV_OK);
  BOOST_TEST(guest.number("carried_channels") == 1);
  const base::Bytes identification = card.identification();
  for (const std::uint8_t octet : identification) {
    BOOST_REQUIRE_EQUAL(data(2, base::Bytes{octet}), BV_OK);
  }
  BOOST_REQUIRE_EQUAL(data(2, card.report(++counter)), BV_OK);
  BOOST_TEST(card.answer(answer(2)).has_value());
  BOOST_TEST(sink->on_closed(guest.table(), 2, BV_BIP_ENDED) == BV_OK);
  BOOST_TEST(is_closed(2));
  BOOST_TEST(wait_for([&] { return guest.number("carried_channels") == 0; }));
}

// The card sends faster than the vault takes it, which stands until a piece was answered BUSY. Each
// BUSY is followed by a resume, and nothing is lost.
BOOST_FIXTURE_TEST_CASE(a_flood_is_answered_busy_and_told_to_go_on, Fixture) {
  run();
  BOOST_REQUIRE_EQUAL(open(1), BV_OK);
  base::Bytes image(100'000);
  base::fill_random(image);
  bip::Message begin = command(bip::Ins::store_begin, 1);
  begin.fields.iccid = card.iccid;
  begin.fields.total = static_cast<std::uint32_t>(image.size());
  begin.fields.digest = base::sha256(image);

  std::promise<void> busy_was_said;
  std::atomic<bool> stands{false};
  host.on_send = [&stands, good = host.on_send, go_on = busy_was_said.get_future().share()](
                     auto channel, auto octets) {
    stands = true;
    go_on.wait();
    return good(channel, octets);
  };
  BOOST_REQUIRE_EQUAL(data(1, card.wrapped(++counter, begin)), BV_OK);
  BOOST_REQUIRE(wait_for([&] { return stands.load(); }));
  int busy = 0;
  const base::View content = image;
  for (std::size_t at = 0; at < image.size(); at += 1000) {
    bip::Message piece = command(bip::Ins::store_data, 1);
    piece.fields.offset = static_cast<std::uint32_t>(at);
    const base::View part = content.subspan(at, 1000);
    piece.fields.data = base::Bytes(part.begin(), part.end());
    const base::Bytes packet = card.wrapped(++counter, piece, 0x1A);
    for (int before = resumed; data(1, packet) == BV_E_BUSY; before = resumed) {
      if (++busy == 1) busy_was_said.set_value();
      BOOST_REQUIRE(wait_for([&] { return resumed > before; }));
    }
  }
  BOOST_REQUIRE(busy > 0);
  done(1);  // the BEGIN's
  ask(1, command(bip::Ins::store_end, 1));
  BOOST_TEST((base::sha256(fetch(1)) == *begin.fields.digest));
}

// FETCH DATA is cut so that each answer fits the room that the host has named.
BOOST_FIXTURE_TEST_CASE(answers_fit_the_hosts_room, Fixture) {
  constexpr std::uint32_t kRoom = 227;
  run();
  BOOST_REQUIRE_EQUAL(open(1), BV_OK);
  base::Bytes image(1'000);
  base::fill_random(image);
  bip::Message begin = command(bip::Ins::store_begin, 1);
  begin.fields.iccid = card.iccid;
  begin.fields.total = static_cast<std::uint32_t>(image.size());
  begin.fields.digest = base::sha256(image);
  ask(1, begin);
  bip::Message piece = command(bip::Ins::store_data, 1);
  piece.fields.offset = 0;
  piece.fields.data = image;
  ask(1, piece);
  ask(1, command(bip::Ins::store_end, 1));
  std::size_t largest = 0;
  host.on_send = [&largest, good = host.on_send](auto channel, auto octets) {
    largest = std::max(largest, octets.size);
    return good(channel, octets);
  };
  for (const std::uint32_t room : {0u, kRoom}) {
    largest = 0;
    const std::uint64_t id = 2 + room;
    BOOST_REQUIRE_EQUAL(open(id, true, room), BV_OK);
    BOOST_TEST((fetch(id) == image));
    BOOST_TEST((largest <= kRoom) == (room == kRoom), largest);
    BOOST_TEST(largest > kRoom / 2);
    BOOST_TEST(sink->on_closed(guest.table(), id, BV_BIP_ENDED) == BV_OK);
    BOOST_TEST(is_closed(id));
  }
  BOOST_REQUIRE_EQUAL(guest.stop(), BV_OK);  // before what the hook refers to has gone
}

// An answer that the host cannot take waits for its on_writable, with all behind it.
BOOST_FIXTURE_TEST_CASE(answers_wait_until_the_host_has_room, Fixture) {
  run();
  std::atomic<int> room{0}, refused{0};
  std::atomic<bool> room_at_once{false};
  std::vector<std::uint64_t> got;  // counters of the answers
  const auto answered = [&] {
    const std::lock_guard lock(mutex);
    return got.size();
  };
  host.on_send = [&](std::uint64_t channel, bv_bytes octets) {
    if (room > 0) {
      --room;
      const auto packet = card.answer(base::View(octets.data, octets.size));
      const std::lock_guard lock(mutex);
      got.push_back(packet ? packet->counter : 0);
      return BV_OK;
    }
    ++refused;
    if (room_at_once) {  // the word to go on, before BUSY has been said
      room = 1;
      sink->on_writable(guest.table(), channel);
    }
    return BV_E_BUSY;
  };
  const auto report = [&] { BOOST_REQUIRE_EQUAL(data(1, card.report(++counter)), BV_OK); };
  BOOST_REQUIRE_EQUAL(open(1), BV_OK);
  for (int i = 0; i < 3; ++i) report();
  BOOST_REQUIRE(wait_for([&] { return refused == 1; }));
  BOOST_REQUIRE(wait_for([&] { return guest.number("bip.answers") == 3; }));
  room = 2;  // of which nobody is told yet
  report();
  BOOST_REQUIRE(wait_for([&] { return guest.number("bip.answers") == 4; }));
  BOOST_TEST(answered() == 0u);
  BOOST_TEST(sink->on_writable(guest.table(), 1) == BV_OK);
  BOOST_REQUIRE(wait_for([&] { return refused == 2; }));
  BOOST_TEST(answered() == 2u);
  room = 2;
  BOOST_TEST(sink->on_writable(guest.table(), 1) == BV_OK);
  BOOST_REQUIRE(wait_for([&] { return answered() == 4; }));
  room_at_once = true;
  report();
  BOOST_REQUIRE(wait_for([&] { return answered() == 5; }));
  BOOST_TEST(refused == 3);
  const std::vector<std::uint64_t> in_order{1, 2, 3, 4, 5};
  BOOST_TEST(got == in_order, boost::test_tools::per_element());
  BOOST_REQUIRE_EQUAL(guest.stop(), BV_OK);  // before what the hook refers to has gone
}

BOOST_FIXTURE_TEST_CASE(a_host_that_carries_nothing, Fixture) {
  host.give(BV_EXT_BIP, nullptr);
  run();
  BOOST_TEST(open(1) == BV_E_UNSUPPORTED);
  bv_bip_1 half = host.bip;
  half.pause = nullptr;
  MinimalHost other;
  other.give(BV_EXT_BIP, &half);
  Guest second(plugin_entry(), other);
  BOOST_REQUIRE_EQUAL(second.init(workspace.config()).status, BV_OK);
  bv_bip_channel channel{};
  channel.transport = BV_TRANSPORT_TCP;
  BOOST_TEST(sink->on_open(second.table(), &channel) == BV_E_UNSUPPORTED);
}

BOOST_FIXTURE_TEST_CASE(calls_that_a_host_should_not_make, Fixture) {
  sink = static_cast<const bv_bip_sink_1*>(guest.extension(BV_EXT_BIP_SINK));
  BOOST_TEST(open(1) == BV_E_STATE);  // before init
  run();
  BOOST_TEST(sink->on_open(nullptr, nullptr) == BV_E_INVALID);
  BOOST_TEST(sink->on_open(guest.table(), nullptr) == BV_E_INVALID);
  BOOST_TEST(data(7, card.identification()) == BV_E_NOT_FOUND);
  BOOST_TEST(sink->on_writable(guest.table(), 7) == BV_E_NOT_FOUND);
  BOOST_TEST(sink->on_closed(guest.table(), 7, BV_BIP_GONE) == BV_E_NOT_FOUND);
  const auto refused = [&](auto change) {
    bv_bip_channel channel{};
    channel.id = 9;
    channel.transport = BV_TRANSPORT_CAT_TP;
    change(channel);
    return sink->on_open(guest.table(), &channel) == BV_E_INVALID;
  };
  BOOST_TEST(refused([](bv_bip_channel& c) { c.transport = BV_TRANSPORT_SMS; }));
  BOOST_TEST(refused([](bv_bip_channel& c) { c.transport = 3; }));
  BOOST_TEST(refused([](bv_bip_channel& c) { c.flags = 2; }));
  BOOST_TEST(refused([](bv_bip_channel& c) { c.answer_room = 127; }));
  BOOST_TEST(refused([](bv_bip_channel& c) {
    c.flags = BV_BIP_IDENTIFIED;
    c.iccid[0] = 0xAB;
  }));
  BOOST_TEST(guest.number("sessions") == 0);
  BOOST_REQUIRE_EQUAL(open(1), BV_OK);
  BOOST_TEST(open(1) == BV_E_INVALID);
  BOOST_TEST(data(1, base::Bytes(BV_BIP_PIECE + 1)) == BV_E_INVALID);
  BOOST_TEST(sink->on_data(guest.table(), 1, bv_bytes{nullptr, 5}) == BV_E_INVALID);
  BOOST_TEST(sink->on_closed(guest.table(), 1, 3) == BV_E_INVALID);
  BOOST_TEST(sink->on_writable(guest.table(), 1) == BV_OK);  // nobody has waited for it
  BOOST_TEST(data(1, base::Bytes(200, 0xEE)) == BV_OK);
  BOOST_TEST(is_closed(1));
  BOOST_TEST(data(1, card.report(1)) == BV_E_NOT_FOUND);
  serves_the_card(2);
}

// Each failure costs its channel and nothing else.
BOOST_FIXTURE_TEST_CASE(services_that_fail, Fixture) {
  run();
  const auto good = host.on_send;
  std::uint64_t id = 100;
  const auto suffers = [&](const std::function<bv_status(std::uint64_t, bv_bytes)>& bad) {
    std::atomic<int> asked{0};
    host.on_send = [&](std::uint64_t channel, bv_bytes octets) {
      ++asked;
      return bad(channel, octets);
    };
    BOOST_REQUIRE_EQUAL(open(++id), BV_OK);
    BOOST_REQUIRE_EQUAL(data(id, card.report(++counter)), BV_OK);
    BOOST_TEST(is_closed(id));
    BOOST_TEST(asked == 1);
    BOOST_TEST(wait_for([&] { return guest.number("sessions") == 0; }));
    host.on_send = good;
    serves_the_card(++id);
  };
  suffers([](std::uint64_t, bv_bytes) -> bv_status { throw std::runtime_error("host"); });
  suffers([](std::uint64_t, bv_bytes) { return BV_E_INTERNAL; });
  suffers([](std::uint64_t, bv_bytes) { return bv_status{4711}; });
  // A host that calls back from inside.
  host.on_send = [&](std::uint64_t channel, bv_bytes octets) {
    sink->on_writable(guest.table(), channel);
    return good(channel, octets);
  };
  host.on_close = [&](std::uint64_t channel) {
    sink->on_closed(guest.table(), channel, BV_BIP_GONE);
    const std::lock_guard lock(mutex);
    ++closed[channel];
    return BV_OK;
  };
  serves_the_card(++id);
  BOOST_TEST(guest.state() == "running");
}

BOOST_FIXTURE_TEST_CASE(stop_closes_what_is_open_and_takes_nothing_more, Fixture) {
  run();
  for (std::uint64_t id = 1; id <= 50; ++id) BOOST_REQUIRE_EQUAL(open(id, id % 2 == 0), BV_OK);
  BOOST_REQUIRE_EQUAL(data(2, card.report(++counter)), BV_OK);
  BOOST_TEST(!answer(2).empty());
  BOOST_REQUIRE_EQUAL(guest.drain(1000), BV_OK);
  BOOST_TEST(open(77) == BV_E_BUSY);
  BOOST_REQUIRE_EQUAL(guest.stop(), BV_OK);
  for (std::uint64_t id = 1; id <= 50; ++id) BOOST_TEST(closed[id] == 1);
  BOOST_TEST(open(78) == BV_E_STATE);
  BOOST_TEST(data(1, card.identification()) == BV_E_STATE);
  BOOST_TEST(sink->on_closed(guest.table(), 1, BV_BIP_GONE) == BV_E_STATE);
  BOOST_REQUIRE_EQUAL(guest.start().status, BV_OK);
  serves_the_card(79);
}

// Threads that open, flood, and close channels while the plugin stops and starts.
BOOST_FIXTURE_TEST_CASE(many_threads_while_it_stops_and_starts, Fixture) {
  run();
  std::atomic<bool> enough{false};
  std::atomic<std::uint64_t> next{1000};
  std::atomic<int> opened{0}, wrong{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      const base::Bytes packet(1200, 0x01);
      while (!enough) {
        const std::uint64_t id = ++next;
        const bv_status status = open(id, i % 2 == 0);
        if (status != BV_OK && status != BV_E_STATE && status != BV_E_BUSY) ++wrong;
        if (status != BV_OK) continue;
        ++opened;
        for (int piece = 0; piece < 40; ++piece) {
          const bv_status taken = data(id, packet);
          const bool expected = taken == BV_OK || taken == BV_E_BUSY || taken == BV_E_STATE ||
                                taken == BV_E_NOT_FOUND;
          if (!expected) ++wrong;
          if (taken == BV_E_STATE || taken == BV_E_NOT_FOUND) break;
        }
        sink->on_closed(guest.table(), id, i < 2 ? BV_BIP_GONE : BV_BIP_ENDED);
      }
    });
  }
  for (int round = 0; round < 5; ++round) {
    const int before = opened;
    BOOST_TEST(wait_for([&] { return opened > before + 50; }));
    BOOST_REQUIRE_EQUAL(guest.stop(), BV_OK);
    BOOST_REQUIRE_EQUAL(guest.start().status, BV_OK);
  }
  enough = true;
  for (std::thread& thread : threads) thread.join();
  BOOST_TEST(wrong == 0);
  BOOST_TEST(wait_for([&] { return guest.number("sessions") == 0; }));
  BOOST_TEST(wait_for([&] { return guest.number("carried_channels") == 0; }));
  serves_the_card(1);
}

BOOST_AUTO_TEST_SUITE_END()
