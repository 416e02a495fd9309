// The gate: whoever is inside is waited for, nobody enters a closed one, and closing wakes those
// who sleep inside.
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <optional>
#include <thread>
#include <vector>

#include "base/gate.h"

using base::Gate;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(gate)

BOOST_AUTO_TEST_CASE(closed_is_closed) {
  Gate gate;
  BOOST_TEST(gate.empty_within(0ms));
  std::optional<Gate::Pass> pass(std::in_place, gate);
  BOOST_TEST(static_cast<bool>(*pass));
  BOOST_TEST(!gate.closed_within(0ms));
  gate.close();
  BOOST_TEST(gate.closed_within(0ms));
  BOOST_TEST(!gate.enter());
  BOOST_TEST(!static_cast<bool>(Gate::Pass(gate)));
  BOOST_TEST(!gate.empty_within(0ms), "a pass that was refused counts nobody out");
  pass.reset();
  BOOST_TEST(gate.empty_within(0ms));
  gate.reopen();
  BOOST_TEST(gate.enter());
  gate.leave();
}

BOOST_AUTO_TEST_CASE(closing_wakes_who_sleeps_inside) {
  Gate gate;
  std::atomic<int> slept{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    BOOST_REQUIRE(gate.enter());
    threads.emplace_back([&] {
      slept += gate.closed_within(60s) ? 1 : 0;
      gate.leave();
    });
  }
  gate.close();
  BOOST_TEST(gate.empty_within(60s));
  BOOST_TEST(slept == 4);
  for (std::thread& thread : threads) thread.join();
}

// Whatever the order: after close() and empty_within() no call is under way and none begins.
BOOST_AUTO_TEST_CASE(nobody_is_inside_after_a_stop) {
  for (int round = 0; round < 200; ++round) {
    Gate gate;
    std::atomic<bool> stopped{false};
    std::atomic<int> late{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&] {
        for (;;) {
          const Gate::Pass pass(gate);
          if (!pass) return;
          late += stopped ? 1 : 0;
        }
      });
    }
    gate.close();
    BOOST_REQUIRE(gate.empty_within(60s));
    stopped = true;
    for (std::thread& thread : threads) thread.join();
    BOOST_REQUIRE(late == 0);
  }
}

BOOST_AUTO_TEST_SUITE_END()
