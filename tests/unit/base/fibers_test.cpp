// Proves that a job that waits gives its thread to others, goes on in it, loses no ring, and is
// over before its workers are.
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <future>
#include <memory>
#include <stdexcept>
#include <thread>

#include "base/crypto.h"
#include "base/doorbell.h"
#include "base/workers.h"
#include "tests/support/thread_stack.h"

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

struct State {
  std::thread::id thread = std::this_thread::get_id();
};
using Pool = base::Workers<State>;

struct Workers {
  void start(int count) {
    BOOST_REQUIRE(pool.start(count, 100'000, "test", [] { return std::make_unique<State>(); }));
  }
  template <class F>
  void post(F job) {
    BOOST_REQUIRE(pool.post(Pool::Job(std::move(job))));
  }
  Pool pool;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(fibers, Workers)

// With one thread the second job could not ring for the first otherwise.
BOOST_AUTO_TEST_CASE(a_waiting_job_gives_its_thread_away) {
  base::Doorbell bell;
  bool rung = false;
  std::atomic<bool> same_thread{false};
  std::promise<void> over;
  start(1);
  post([&](State& state) {
    rung = bell.wait_until(Clock::now() + seconds(60));
    same_thread = state.thread == std::this_thread::get_id();
    over.set_value();
  });
  post([&](State&) { bell.ring(); });
  BOOST_REQUIRE((over.get_future().wait_for(seconds(120)) == std::future_status::ready));
  pool.stop();
  BOOST_TEST(rung);
  BOOST_TEST(same_thread);
}

BOOST_AUTO_TEST_CASE(time_passes_for_a_waiting_job) {
  base::Doorbell bell;
  bool rung = true;
  start(1);
  post([&](State&) { rung = bell.wait_until(Clock::now() + milliseconds(5)); });
  pool.stop();
  BOOST_TEST(!rung);
}

// More than a worker may begin: the rest waits, and all of them end.
BOOST_AUTO_TEST_CASE(stop_waits_for_those_who_wait) {
  constexpr int kJobs = 200;
  std::vector<std::unique_ptr<base::Doorbell>> bells;
  for (int i = 0; i < kJobs; ++i) bells.push_back(std::make_unique<base::Doorbell>());
  std::atomic<int> done{0};
  start(2);
  for (int i = 0; i < kJobs; ++i) {
    post([&, i](State&) {
      bells[static_cast<std::size_t>(i)]->wait();
      ++done;
    });
  }
  std::thread ringer([&] {
    for (const auto& bell : bells) bell->ring();
  });
  pool.stop();
  ringer.join();
  BOOST_TEST(done == kJobs);
}

// What an exception handler works with belongs to the thread.
BOOST_AUTO_TEST_CASE(nobody_is_suspended_in_a_handler) {
  bool outside = false;
  bool inside = true;
  bool after = false;
  start(1);
  post([&](State&) {
    outside = base::Fiber::that_can_wait() != nullptr;
    try {
      throw std::runtime_error("x");
    } catch (const std::exception&) {
      inside = base::Fiber::that_can_wait() != nullptr;
    }
    after = base::Fiber::that_can_wait() != nullptr;
  });
  pool.stop();
  BOOST_TEST(outside);
  BOOST_TEST(!inside);
  BOOST_TEST(after);
  BOOST_TEST((base::Fiber::that_can_wait() == nullptr));
}

BOOST_AUTO_TEST_CASE(errands_run_on_the_stack_of_the_thread) {
  base::Doorbell bell;
  bool own = true;
  bool errand = false;
  bool afterwards = true;
  start(1);
  post([&](State&) {
    own = support::on_thread_stack();
    base::Fiber::on_thread_stack([&] { errand = support::on_thread_stack(); });
    bell.wait();
    afterwards = support::on_thread_stack();
  });
  post([&](State&) { base::Fiber::on_thread_stack([&] { bell.ring(); }); });
  pool.stop();
  BOOST_TEST(!own);
  BOOST_TEST(errand);
  BOOST_TEST(!afterwards);
  base::Fiber::on_thread_stack([&] { errand = support::on_thread_stack(); });
  BOOST_TEST(errand);
}

BOOST_AUTO_TEST_CASE(what_a_job_throws_ends_there) {
  std::atomic<int> done{0};
  start(1);
  for (int i = 0; i < 3; ++i) {
    post([&](State&) {
      ++done;
      throw std::runtime_error("x");
    });
  }
  pool.stop();
  BOOST_TEST(done == 3);
}

// Bells live as long as their wait; rings come before, during and at the end of it, from jobs and
// from a strange thread.
BOOST_AUTO_TEST_CASE(rings_and_deadlines_at_once) {
  constexpr int kJobs = 3000;
  std::atomic<int> rung{0};
  std::atomic<int> late{0};
  std::atomic<int> strangers{0};
  base::Workers<State> ringers;
  BOOST_REQUIRE(ringers.start(2, 100'000, "ring", [] { return std::make_unique<State>(); }));
  start(3);
  for (int i = 0; i < kJobs; ++i) {
    post([&, i](State& state) {
      base::Doorbell bell;
      std::promise<void> rang;
      const auto end = Clock::now() + microseconds(base::random_below(300));
      if (!ringers.post(Pool::Job([&, end](State&) {
            while (i % 3 == 0 && Clock::now() < end) {
            }
            bell.ring();
            rang.set_value();
          }))) {
        return;
      }
      ++(i % 2 == 0 || bell.wait_until(end) ? rung : late);
      if (i % 2 == 0) bell.wait();
      if (state.thread != std::this_thread::get_id()) ++strangers;
      rang.get_future().wait();
    });
  }
  pool.stop();
  ringers.stop();
  BOOST_TEST(rung + late == kJobs);
  BOOST_TEST(strangers == 0);
}

BOOST_AUTO_TEST_SUITE_END()
