// What the plugin makes of a host's clock: threads that are answered out of order do not push the
// monotonic time ahead, and it never goes back.
#include <boost/test/unit_test.hpp>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "plugin/host.h"

namespace {

struct NoLog : base::Log {
  void write(base::Severity, std::string_view, std::string_view) override {}
};

// A host whose clock answers the first question only when it is told to.
struct SlowClock {
  bv_host table{};
  bv_clock_1 clock{};
  std::mutex mutex;
  std::condition_variable changed;
  std::int64_t mono = 1'000;
  bool hold = false;  // the next question
  bool held = false;

  SlowClock() {
    table.struct_size = sizeof table;
    table.abi_major = BV_ABI_MAJOR;
    table.get_extension = [](const bv_host* host, const char* id) -> const void* {
      return std::string(id) == BV_EXT_CLOCK ? &of(host).clock : nullptr;
    };
    clock.now = [](const bv_host* host, std::int64_t* utc_ms, std::int64_t* mono_ms) -> bv_status {
      SlowClock& self = of(host);
      std::unique_lock lock(self.mutex);
      *utc_ms = 1'800'000'000'000;
      *mono_ms = self.mono;
      if (self.hold) {
        self.hold = false;
        self.held = true;
        self.changed.notify_all();
        self.changed.wait(lock, [&] { return !self.held; });
      }
      return BV_OK;
    };
  }
  static SlowClock& of(const bv_host* host) {
    return *reinterpret_cast<SlowClock*>(const_cast<bv_host*>(host));
  }
  void set(std::int64_t value) {
    std::lock_guard lock(mutex);
    mono = value;
  }
};

struct Fixture {
  SlowClock host;
  plugin::Host seen{&host.table};
  NoLog log;
  plugin::HostClock clock{seen, log};
  Fixture() { seen.fetch_extensions(); }
  std::int64_t mono() { return clock.now().mono_ms; }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(clock_)

// A thread hears 1,000 and is preempted; others hear 6,000 meanwhile. Its late answer is told as
// 6,000 and costs nobody anything.
BOOST_FIXTURE_TEST_CASE(an_answer_out_of_order_is_no_jump_back, Fixture) {
  BOOST_TEST(mono() == 1'000);
  for (const std::int64_t later : {6'000, 16'000}) {
    host.hold = true;
    std::int64_t late = 0;
    std::thread preempted([&] { late = mono(); });
    {
      std::unique_lock lock(host.mutex);
      host.changed.wait(lock, [&] { return host.held; });
    }
    host.set(later);
    BOOST_TEST(mono() == later);
    {
      std::lock_guard lock(host.mutex);
      host.held = false;
      host.changed.notify_all();
    }
    preempted.join();
    BOOST_TEST(late == later);
    BOOST_TEST(mono() == later);
    host.set(later + 10);
    BOOST_TEST(mono() == later + 10);
  }
}

// The clock itself jumps back: ours stands and then goes on with it. Who asked before the jump and
// is answered after others have noticed it does not move it either.
BOOST_FIXTURE_TEST_CASE(a_jump_back_is_made_up_for_once, Fixture) {
  host.set(10'000);
  BOOST_TEST(mono() == 10'000);
  host.hold = true;
  std::thread preempted([&] { BOOST_TEST(mono() == 10'000); });
  {
    std::unique_lock lock(host.mutex);
    host.changed.wait(lock, [&] { return host.held; });
  }
  host.set(3'000);
  BOOST_TEST(mono() == 10'000);
  {
    std::lock_guard lock(host.mutex);
    host.held = false;
    host.changed.notify_all();
  }
  preempted.join();
  BOOST_TEST(mono() == 10'000);
  host.set(3'500);
  BOOST_TEST(mono() == 10'500);
}

BOOST_AUTO_TEST_SUITE_END()
