// Proves that workers own their state, that the queue is bounded and that stop runs what is queued.
#include <boost/test/unit_test.hpp>

#include <csignal>
#include <future>
#include <atomic>
#include <set>
#include <thread>

#include "base/guarded.h"
#include "base/workers.h"

namespace {

struct State {
  std::thread::id made_in = std::this_thread::get_id();
};
using Pool = base::Workers<State>;

}  // namespace

BOOST_AUTO_TEST_SUITE(workers)

BOOST_AUTO_TEST_CASE(state_belongs_to_its_thread) {
  Pool pool;
  base::Guarded<std::set<std::thread::id>> threads;
  std::atomic<int> strangers{0};  // Boost.Test's macros are for one thread
  BOOST_REQUIRE(pool.start(3, 100, "test", [] { return std::make_unique<State>(); }));
  for (int i = 0; i < 60; ++i) {
    BOOST_REQUIRE(pool.post(Pool::Job([&](State& state) {
      if (state.made_in != std::this_thread::get_id()) ++strangers;
      threads.with([](auto& set) { set.insert(std::this_thread::get_id()); });
    })));
  }
  pool.stop();
  BOOST_TEST(strangers == 0);
  BOOST_TEST(threads.with([](auto& set) { return set.size(); }) >= 1u);
}

BOOST_AUTO_TEST_CASE(full_queue_refuses_and_stop_loses_nothing) {
  Pool pool;
  BOOST_REQUIRE(pool.start(1, 2, "test", [] { return std::make_unique<State>(); }));
  std::promise<void> go;
  std::promise<void> running;
  std::atomic<int> done{0};
  BOOST_REQUIRE(pool.post(Pool::Job([&](State&) {
    running.set_value();
    go.get_future().wait();
    ++done;
  })));
  running.get_future().wait();
  BOOST_TEST(pool.post(Pool::Job([&](State&) { ++done; })));
  BOOST_TEST(pool.post(Pool::Job([&](State&) { ++done; })));
  BOOST_TEST(!pool.post(Pool::Job([&](State&) { ++done; })));
  BOOST_TEST(pool.queued() == 2u);
  go.set_value();
  pool.stop();
  BOOST_TEST(done == 3);
  BOOST_TEST(!pool.post(Pool::Job([&](State&) { ++done; })));
}

// With one job at a time, one thread does them all.
BOOST_AUTO_TEST_CASE(the_worker_that_was_busy_last_is_woken) {
  constexpr std::size_t kWorkers = 4;
  Pool pool;
  std::set<std::thread::id> threads;
  BOOST_REQUIRE(pool.start(kWorkers, 2, "test", [] { return std::make_unique<State>(); }));
  for (int i = 0; i < 50; ++i) {
    while (pool.idle() < kWorkers) std::this_thread::yield();
    std::promise<void> done;
    BOOST_REQUIRE(pool.post(Pool::Job([&](State&) {
      threads.insert(std::this_thread::get_id());
      done.set_value();
    })));
    done.get_future().wait();
  }
  pool.stop();
  BOOST_TEST(threads.size() == 1u);
}

// Signals of the process belong to the host: none may be delivered to a thread of ours.
BOOST_AUTO_TEST_CASE(threads_block_all_signals) {
  Pool pool;
  BOOST_REQUIRE(pool.start(1, 2, "test", [] { return std::make_unique<State>(); }));
  sigset_t blocked;
  BOOST_REQUIRE(
      pool.post(Pool::Job([&](State&) { pthread_sigmask(SIG_SETMASK, nullptr, &blocked); })));
  pool.stop();
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGPIPE, SIGCHLD}) {
    BOOST_TEST(sigismember(&blocked, signal) == 1);
  }
}

BOOST_AUTO_TEST_SUITE_END()
