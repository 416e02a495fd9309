// One process of a park against servers that do not what a vault does: it ends when it should, and
// what it counts is what was.
#include <boost/test/unit_test.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <thread>

#include "base/crypto.h"
#include "card/park/worker.h"

using namespace card::park;

namespace {

// Listens and never says anything: what calls it is taken by the system alone.
struct Silent {
  Silent() : listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const own = reinterpret_cast<sockaddr*>(&address);
    BOOST_REQUIRE_EQUAL(::bind(listener, own, size), 0);
    BOOST_REQUIRE_EQUAL(::listen(listener, 16), 0);
    BOOST_REQUIRE_EQUAL(::getsockname(listener, own, &size), 0);
    port = ntohs(address.sin_port);
  }
  ~Silent() { ::close(listener); }

  int listener;
  std::uint16_t port = 0;
};

struct Crew {
  Crew() : cards(3) {
    for (std::size_t i = 0; i < cards.size(); ++i) {
      cards[i].iccid[0] = static_cast<std::uint8_t>(i);
      cards[i].keys.kic = base::Secret(base::random_array<16>());
      cards[i].keys.kid = base::Secret(base::random_array<16>());
    }
    settings.server = {{127, 0, 0, 1}, 1};
    settings.at_once = 2;
    control.go = true;
  }
  // False: it had to be stopped.
  bool ends() {
    std::jthread watchdog([this](const std::stop_token& over) {
      for (int i = 0; i < 500 && !over.stop_requested(); ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
      if (!over.stop_requested()) control.stop = true;
    });
    Worker(settings, {cards, memories.data(), 0, 1}, *stats, control).run();
    return !control.stop;
  }
  std::uint64_t failures(Failure failure) const {
    return stats->failures[static_cast<std::size_t>(failure)];
  }

  std::vector<ParkCard> cards;
  std::vector<Memory> memories = std::vector<Memory>(3);
  Settings settings;
  std::unique_ptr<Stats> stats = std::make_unique<Stats>();
  Control control;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(park_worker, Crew)

// With `stay` a card whose channel is gone does not come back: visits that nobody is left for are
// not waited for.
BOOST_AUTO_TEST_CASE(it_ends_when_no_channel_is_left) {
  settings.stay = true;
  settings.visits = 5;
  BOOST_TEST(ends());
  BOOST_TEST(failures(Failure::no_channel) == 3u);
  BOOST_TEST(stats->visits == 0u);
}

// What visits under way get at the end is none of the time that was measured.
BOOST_AUTO_TEST_CASE(the_time_that_is_measured_is_the_one_asked_for) {
  const Silent server;
  settings.server.port = server.port;
  settings.seconds = 0.2;
  settings.timeout_ms = 1500;
  BOOST_TEST(ends());
  BOOST_TEST(failures(Failure::timeout) == 2u);
  BOOST_TEST(stats->measured_ms >= 200u);
  BOOST_TEST(stats->measured_ms < 1000u);
}

// At once, not when the step's time is over; and no more of it is kept than a packet may have.
BOOST_AUTO_TEST_CASE(what_cannot_be_a_packet_is_a_broken_answer) {
  const Silent server;
  settings.server.port = server.port;
  const base::Now now{1, 1};
  for (const char* stream : {"0283FFFFFF", "0280", "41", "03050000000000"}) {
    const auto channel = open_stream(settings, cards[0], 0, nullptr, now);
    BOOST_REQUIRE(channel);
    channel->on_ready(false, true, now);
    const int peer = ::accept(server.listener, nullptr, nullptr);
    const base::Bytes octets = base::from_hex(stream).value();
    BOOST_REQUIRE(::send(peer, octets.data(), octets.size(), 0) > 0);
    channel->on_ready(true, false, now);
    const auto answer = channel->answer(now);
    BOOST_REQUIRE(answer.has_value());
    Visit visit(cards[0], memories[0], settings, Step::status, 0, 1);
    visit.begin();
    visit.answer(*answer);
    BOOST_CHECK(visit.state() == Visit::State::broken);
    BOOST_TEST(!channel->answer(now).has_value());
    ::close(peer);
  }
}

// A card does not call from another address than it was told to.
BOOST_AUTO_TEST_CASE(a_source_that_is_not_to_be_had) {
  const Silent server;
  settings.server.port = server.port;
  BOOST_TEST(open_stream(settings, cards[0], 2, nullptr, {1, 1}) != nullptr);
  BOOST_TEST(open_stream(settings, cards[0], 0x80000000, nullptr, {1, 1}) == nullptr);
}

BOOST_AUTO_TEST_SUITE_END()
