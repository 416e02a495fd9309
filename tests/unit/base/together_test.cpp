// Proves that every wish is dealt with once, by one group at a time, that nobody waits for what
// others want beyond it, and that whoever gives up is left alone.
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <future>
#include <thread>

#include "base/together.h"

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Wish {
  int number = 0;
  int group = 0;  // 0: nobody has dealt with it
  bool lasting = false;
};
using Together = base::Together<Wish>;

// A group whose leader is held in its work until it is let go.
struct Held {
  explicit Held(Together& together) {
    thread = std::thread([&] {
      together.join(own, seconds(60), [&](const Together::Wishes& wishes) {
        for (Wish* wish : wishes) wish->group = 1;
        leads.set_value();
        go.get_future().wait();
      });
    });
    leads.get_future().wait();
  }
  void let_go() {
    go.set_value();
    thread.join();
  }
  Wish own;
  std::promise<void> leads;
  std::promise<void> go;
  std::thread thread;
};

bool ready(std::future<void>& future, milliseconds patience) {
  return future.wait_for(patience) == std::future_status::ready;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(together)

BOOST_AUTO_TEST_CASE(one_alone) {
  Together together(8);
  Wish own;
  const bool done = together.join(own, seconds(0), [&](const Together::Wishes& wishes) {
    BOOST_TEST(wishes.size() == 1u);
    wishes.front()->group = 7;
  });
  BOOST_TEST(done);
  BOOST_TEST(own.group == 7);
}

// Eight threads with many wishes: each wish in one group, groups one after the other and no larger
// than they may be, and some of several.
BOOST_AUTO_TEST_CASE(many) {
  constexpr int kThreads = 8;
  constexpr int kEach = 2000;
  constexpr std::size_t kMost = 5;
  Together together(kMost);
  std::atomic<int> at_work{0};
  std::atomic<int> groups{0};
  std::atomic<int> wrong{0};
  std::atomic<std::size_t> largest{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) {
        Wish own;
        const bool done = together.join(own, seconds(60), [&](const Together::Wishes& wishes) {
          if (at_work.fetch_add(1) != 0) ++wrong;
          if (wishes.size() > largest) largest = wishes.size();
          const int group = ++groups;
          for (Wish* wish : wishes) {
            if (std::exchange(wish->group, group) != 0) ++wrong;
          }
          std::this_thread::yield();
          --at_work;
        });
        if (!done || own.group == 0) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  BOOST_TEST(wrong == 0);
  BOOST_TEST(largest > 1u);
  BOOST_TEST(largest <= kMost);
  BOOST_TEST(groups < kThreads * kEach);
}

// Whoever has waited long enough goes its own way, and nobody touches its wish any more.
BOOST_AUTO_TEST_CASE(too_late) {
  Together together(8);
  Held held(together);
  Wish own;
  const auto work = [](const Together::Wishes& wishes) {
    for (Wish* wish : wishes) wish->group = 2;
  };
  BOOST_TEST(!together.join(own, milliseconds(5), work));
  BOOST_TEST(own.group == 0);
  held.let_go();
  BOOST_TEST(own.group == 0);
  BOOST_TEST(together.join(own, milliseconds(5), work));
  BOOST_TEST(own.group == 2);
}

// The second step of one group and the work of the next go on at the same time; who does not need
// the second step does not wait for it, unless it leads.
BOOST_AUTO_TEST_CASE(two_steps) {
  Together together(8);
  Held held(together);
  std::promise<void> finishing;
  std::promise<void> go_on;
  std::shared_future<void> may_go_on(go_on.get_future());
  const auto join = [&](Wish& wish) {
    return together.join(
        wish, seconds(60),
        [](const Together::Wishes& wishes) {
          for (Wish* w : wishes) w->group = 2;
        },
        [](const Wish& w) { return w.lasting; },
        [&](const Together::Wishes& wishes) {
          for (const Wish* w : wishes) BOOST_TEST(w->lasting);
          finishing.set_value();
          may_go_on.wait();
          for (Wish* w : wishes) w->group = 3;
        });
  };
  Wish lasting{1, 0, true};
  Wish light{2, 0, false};
  auto first = std::async(std::launch::async, [&] { join(lasting); });
  while (together.waiting() < 1) std::this_thread::yield();
  auto second = std::async(std::launch::async, [&] { join(light); });
  while (together.waiting() < 2) std::this_thread::yield();
  held.let_go();
  finishing.get_future().wait();
  BOOST_TEST(ready(second, seconds(60)));
  BOOST_TEST(light.group == 2);
  BOOST_TEST(!ready(first, milliseconds(0)));
  Wish next;
  BOOST_TEST(together.join(next, seconds(0), [](const Together::Wishes& wishes) {
    for (Wish* wish : wishes) wish->group = 4;
  }));
  BOOST_TEST(next.group == 4);
  go_on.set_value();
  BOOST_TEST(ready(first, seconds(60)));
  BOOST_TEST(lasting.group == 3);
}

BOOST_AUTO_TEST_SUITE_END()
