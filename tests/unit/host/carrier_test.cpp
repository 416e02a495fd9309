// Proves the listener of a host that carries channels: octets in order both ways, BUSY and the word
// to go on both ways, both kinds of a channel's end, close, drain and stop. The plugin here is the
// test.
#include "host/carrier.h"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <map>
#include <mutex>
#include <set>

#include "tests/support/collected_log.h"
#include "tests/support/loopback.h"
#include "tests/support/until.h"

namespace {

using support::Loopback;
using support::until;

// Takes what comes, as long as it has room.
struct Sink {
  static Sink& of(bv_plugin* plugin) { return *static_cast<Sink*>(plugin->self); }
  static bv_status on_open(bv_plugin* plugin, const bv_bip_channel* channel) {
    Sink& self = of(plugin);
    const std::lock_guard lock(self.mutex);
    if (self.refuse) return BV_E_BUSY;
    self.opened.push_back(*channel);
    return BV_OK;
  }
  static bv_status on_data(bv_plugin* plugin, uint64_t channel, bv_bytes octets) {
    Sink& self = of(plugin);
    const std::lock_guard lock(self.mutex);
    base::Bytes& all = self.came[channel];
    if (all.size() >= self.room) {
      ++self.busy;
      return BV_E_BUSY;
    }
    all.insert(all.end(), octets.data, octets.data + octets.size);
    return BV_OK;
  }
  static bv_status on_writable(bv_plugin* plugin, uint64_t) {
    ++of(plugin).writable;
    return BV_OK;
  }
  static bv_status on_closed(bv_plugin* plugin, uint64_t channel, uint32_t how) {
    Sink& self = of(plugin);
    const std::lock_guard lock(self.mutex);
    self.ended[channel] |= how;
    return BV_OK;
  }
  static constexpr bv_bip_sink_1 kTable{on_open, on_data, on_writable, on_closed};

  std::size_t size_of(uint64_t channel) {
    const std::lock_guard lock(mutex);
    return came[channel].size();
  }
  std::uint32_t end_of(uint64_t channel) {
    const std::lock_guard lock(mutex);
    return ended[channel];
  }
  std::size_t count() {
    const std::lock_guard lock(mutex);
    return opened.size();
  }

  std::mutex mutex;
  std::vector<bv_bip_channel> opened;
  std::map<uint64_t, base::Bytes> came;
  std::map<uint64_t, std::uint32_t> ended;
  std::size_t room = SIZE_MAX;
  int busy = 0;
  bool refuse = false;
  std::atomic<int> writable{0};
  bv_plugin plugin{sizeof(bv_plugin), 0,       this,    nullptr, nullptr,
                   nullptr,           nullptr, nullptr, nullptr, nullptr};
};

struct Rig {
  Rig() {
    BOOST_REQUIRE(carrier.open("127.0.0.1:0").ok());
    BOOST_REQUIRE(carrier.start(&sink.plugin, &Sink::kTable));
  }
  ~Rig() { carrier.stop(); }
  Loopback connect(std::size_t number) {
    Loopback link(carrier.port());
    BOOST_REQUIRE(until([&] { return sink.count() == number; }));
    return link;
  }
  bv_status send(uint64_t channel, const base::Bytes& octets) {
    return carrier.send(channel, {octets.data(), octets.size()});
  }

  support::CollectedLog log;
  Sink sink;
  host::Carrier carrier{log};
};

base::Bytes counted(std::size_t size) {
  base::Bytes octets(size);
  for (std::size_t i = 0; i < size; ++i) octets[i] = static_cast<std::uint8_t>(i * 7 % 251);
  return octets;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(carrier)

BOOST_AUTO_TEST_CASE(a_channel_and_what_is_told_of_it) {
  Rig rig;
  Loopback card = rig.connect(1);
  const bv_bip_channel& channel = rig.sink.opened[0];
  const std::uint8_t address[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 127, 0, 0, 1};
  BOOST_TEST(channel.id == 1u);
  BOOST_TEST(std::equal(std::begin(address), std::end(address), channel.address));
  BOOST_TEST(channel.flags == 0u);
  const base::Bytes octets = counted(100'000);
  BOOST_REQUIRE(card.send(octets));
  BOOST_REQUIRE(until([&] { return rig.sink.size_of(1) == octets.size(); }));
  BOOST_TEST((rig.sink.came[1] == octets));
  BOOST_TEST(rig.send(1, counted(300)) == BV_OK);
  base::Bytes got;
  while (got.size() < 300) {
    const base::Bytes some = card.receive_some();
    BOOST_REQUIRE(!some.empty());
    got.insert(got.end(), some.begin(), some.end());
  }
  BOOST_TEST((got == counted(300)));
  BOOST_TEST(rig.send(2, counted(1)) == BV_E_NOT_FOUND);
  BOOST_TEST(rig.carrier.close(2) == BV_E_NOT_FOUND);
  Loopback second = rig.connect(2);
  BOOST_TEST(rig.sink.opened[1].id == 2u);  // never the same number
}

BOOST_AUTO_TEST_CASE(a_plugin_without_room_gets_the_same_octets_again) {
  Rig rig;
  rig.sink.room = 10'000;
  Loopback card = rig.connect(1);
  const base::Bytes octets = counted(60'000);
  BOOST_REQUIRE(card.send(octets));
  BOOST_REQUIRE(until([&] {
    const std::lock_guard lock(rig.sink.mutex);
    return rig.sink.busy == 1;
  }));
  BOOST_TEST(rig.sink.size_of(1) < 20'000u);
  {
    const std::lock_guard lock(rig.sink.mutex);
    rig.sink.room = SIZE_MAX;
  }
  rig.carrier.pause(1, false);
  BOOST_REQUIRE(until([&] { return rig.sink.size_of(1) == octets.size(); }));
  BOOST_TEST((rig.sink.came[1] == octets));
  BOOST_TEST(rig.sink.busy == 1);  // it was not asked again before it had said so
}

BOOST_AUTO_TEST_CASE(a_paused_card_is_not_read) {
  Rig rig;
  Loopback card = rig.connect(1);
  rig.carrier.pause(1, true);
  // A second channel shows when the pause has been heard.
  Loopback other = rig.connect(2);
  BOOST_REQUIRE(other.send(counted(1)));
  BOOST_REQUIRE(until([&] { return rig.sink.size_of(2) == 1; }));
  BOOST_REQUIRE(card.send(counted(1000)));
  BOOST_REQUIRE(other.send(counted(1)));
  BOOST_REQUIRE(until([&] { return rig.sink.size_of(2) == 2; }));
  BOOST_TEST(rig.sink.size_of(1) == 0u);
  rig.carrier.pause(1, false);
  BOOST_TEST(until([&] { return rig.sink.size_of(1) == 1000; }));
}

BOOST_AUTO_TEST_CASE(a_card_that_does_not_fetch_fills_a_bounded_buffer) {
  Rig rig;
  Loopback card = rig.connect(1);
  const base::Bytes piece = counted(1000);
  std::size_t taken = 0;
  bv_status status = BV_OK;
  while ((status = rig.send(1, piece)) == BV_OK && taken < 100'000) ++taken;
  BOOST_TEST(status == BV_E_BUSY);
  std::size_t got = 0;
  while (got < taken * piece.size()) {
    const base::Bytes some = card.receive_some();
    BOOST_REQUIRE(!some.empty());
    for (const std::uint8_t octet : some) BOOST_REQUIRE_EQUAL(octet, piece[got++ % piece.size()]);
  }
  BOOST_TEST(until([&] { return rig.sink.writable > 0; }));
  BOOST_TEST(rig.send(1, piece) == BV_OK);
}

BOOST_AUTO_TEST_CASE(the_ends_of_a_channel) {
  Rig rig;
  Loopback half = rig.connect(1);
  half.shut_down_sending();
  BOOST_TEST(until([&] { return rig.sink.end_of(1) == BV_BIP_ENDED; }));
  BOOST_TEST(rig.send(1, counted(50)) == BV_OK);
  BOOST_TEST(rig.carrier.close(1) == BV_OK);
  BOOST_TEST((half.receive_some() == counted(50)));  // what was taken before still goes out
  BOOST_TEST(half.closed_by_peer());
  BOOST_TEST(until([&] { return rig.send(1, counted(1)) == BV_E_NOT_FOUND; }));
  Loopback gone = rig.connect(2);
  gone.reset();
  BOOST_TEST(until([&] { return rig.sink.end_of(2) == BV_BIP_GONE; }));
  BOOST_TEST(until([&] { return rig.send(2, counted(1)) == BV_E_NOT_FOUND; }));
}

BOOST_AUTO_TEST_CASE(refused_draining_and_stop) {
  Rig rig;
  {
    const std::lock_guard lock(rig.sink.mutex);
    rig.sink.refuse = true;
  }
  BOOST_TEST(Loopback(rig.carrier.port()).closed_by_peer());  // number 1
  {
    const std::lock_guard lock(rig.sink.mutex);
    rig.sink.refuse = false;
  }
  Loopback card = rig.connect(1);
  rig.carrier.drain();
  BOOST_TEST(until([&] {
    try {
      return Loopback(rig.carrier.port()).closed_by_peer();
    } catch (const std::exception&) {
      return true;
    }
  }));
  BOOST_REQUIRE(card.send(counted(5)));
  BOOST_TEST(until([&] { return rig.sink.size_of(2) == 5; }));
  rig.carrier.stop();
  BOOST_TEST(card.closed_by_peer());
  BOOST_TEST(!host::Carrier(rig.log).open("localhost").ok());
}

BOOST_AUTO_TEST_SUITE_END()
