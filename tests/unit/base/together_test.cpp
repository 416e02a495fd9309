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
      together.join(own, seconds(60), [&](const Together::Group& group) {
        for (Wish* wish : group.wishes()) wish->group = 1;
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
  const bool done = together.join(own, seconds(0), [&](const Together::Group& group) {
    BOOST_TEST(group.wishes().size() == 1u);
    group.wishes().front()->group = 7;
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
        const bool done = together.join(own, seconds(60), [&](const Together::Group& led) {
          const Together::Wishes& wishes = led.wishes();
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
  const auto work = [](const Together::Group& group) {
    for (Wish* wish : group.wishes()) wish->group = 2;
  };
  BOOST_TEST(!together.join(own, milliseconds(5), work));
  BOOST_TEST(own.group == 0);
  held.let_go();
  BOOST_TEST(own.group == 0);
  BOOST_TEST(together.join(own, milliseconds(5), work));
  BOOST_TEST(own.group == 2);
}

// Whoever is released goes on while its leader works for the others; when the lead has been handed
// over, the next group works at the same time.
BOOST_AUTO_TEST_CASE(released_and_handed_over) {
  Together together(8);
  Held held(together);
  std::promise<void> released;
  std::promise<void> handed_over;
  std::promise<void> go_on;
  std::promise<void> end;
  const auto join = [&](Wish& wish) {
    return together.join(wish, seconds(60), [&](Together::Group& group) {
      for (Wish* w : group.wishes()) w->group = 2;
      group.release([](const Wish& w) { return !w.lasting; });
      released.set_value();
      go_on.get_future().wait();
      group.hand_over();
      group.hand_over();  // the lead is not its own any more: nothing
      handed_over.set_value();
      end.get_future().wait();
      for (Wish* w : group.wishes()) BOOST_TEST(w->lasting);
      for (Wish* w : group.wishes()) w->group = 3;
    });
  };
  const auto start = [&](Wish& wish, std::size_t waiting) {
    auto joined = std::async(std::launch::async, [&] { join(wish); });
    while (together.waiting() < waiting) std::this_thread::yield();
    return joined;
  };
  Wish leader{0, 0, false};
  Wish lasting{1, 0, true};
  Wish light{2, 0, false};
  auto first = start(leader, 1);
  auto second = start(lasting, 2);
  auto third = start(light, 3);
  held.let_go();
  released.get_future().wait();
  BOOST_TEST(ready(third, seconds(60)));
  BOOST_TEST(light.group == 2);
  Wish next;
  auto fourth = std::async(std::launch::async, [&] {
    return together.join(next, seconds(60), [](const Together::Group& group) {
      for (Wish* wish : group.wishes()) wish->group = 4;
    });
  });
  while (together.waiting() < 1) std::this_thread::yield();
  BOOST_TEST(next.group == 0);
  go_on.set_value();
  handed_over.get_future().wait();
  BOOST_TEST((fourth.wait_for(seconds(60)) == std::future_status::ready));
  BOOST_TEST(next.group == 4);
  BOOST_TEST(!ready(first, milliseconds(0)));
  BOOST_TEST(!ready(second, milliseconds(0)));
  end.set_value();
  BOOST_TEST(ready(first, seconds(60)));
  BOOST_TEST(ready(second, seconds(60)));
  BOOST_TEST(leader.group == 2);
  BOOST_TEST(lasting.group == 3);
}

BOOST_AUTO_TEST_SUITE_END()
