// Proves that no ring is lost or heard twice, and that a bell may go as soon as it was heard.
#include <boost/test/unit_test.hpp>

#include <memory>
#include <thread>

#include "base/doorbell.h"

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

BOOST_AUTO_TEST_SUITE(doorbell)

BOOST_AUTO_TEST_CASE(a_ring_is_kept_and_ends_one_wait) {
  base::Doorbell bell;
  bell.ring();
  bell.ring();
  bell.wait();
  BOOST_TEST(!bell.wait_until(Clock::now() + milliseconds(1)));
  bell.ring();
  BOOST_TEST(bell.wait_until(Clock::now() - milliseconds(1)));  // late, but it was rung
}

BOOST_AUTO_TEST_CASE(who_heard_it_may_destroy_it) {
  for (int i = 0; i < 500; ++i) {
    auto bell = std::make_unique<base::Doorbell>();
    std::thread other([&bell = *bell] { bell.ring(); });
    bell->wait();
    bell.reset();
    other.join();
  }
}

BOOST_AUTO_TEST_SUITE_END()
