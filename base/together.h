// What several want at the same moment is done by one of them for all. The first who comes leads;
// while it works, the next group gathers. Any thread or fiber; no thread of its own.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <iterator>
#include <mutex>
#include <utility>
#include <vector>

#include "base/doorbell.h"

namespace base {

template <class Wish>
class Together {
 public:
  using Wishes = std::vector<Wish*>;
  using Patience = std::chrono::steady_clock::duration;

  // `most` is the size of the largest group.
  explicit Together(std::size_t most) : most_(most) {}

  // True: some caller's work(wishes) has had `own` among them. False: nobody came to it within
  // `patience`, and nobody will. `work` is called for one group at a time; it must not throw.
  template <class Work>
  bool join(Wish& own, Patience patience, Work&& work) {
    return join(
        own, patience, work, [](const Wish&) { return false; }, [](const Wishes&) {});
  }

  // In two steps: `work` as above, then, while the next group works already, finish(wishes) for
  // those that it left `unfinished`; of the others only the leader waits for it.
  template <class Work, class Unfinished, class Finish>
  bool join(Wish& own, Patience patience, Work&& work, Unfinished&& unfinished, Finish&& finish) {
    Place place{&own};
    Places members;
    Wishes wishes;
    members.reserve(most_);  // once others wait for a leader, it must not fail
    wishes.reserve(most_);
    bool waits = false;  // who waits looks at its place after the bell only
    {
      const std::lock_guard lock(mutex_);
      waits = std::exchange(led_, true);
      if (waits) queue_.push_back(&place);
    }
    if (waits && !wait_for_leader(place, patience)) return false;
    if (waits && !place.leads) return true;
    gather(members, place);
    for (const Place* member : members) wishes.push_back(member->wish);
    work(wishes);
    hand_over();
    const auto rest = std::partition(members.begin(), members.end(), [&](const Place* member) {
      return !unfinished(*member->wish);
    });
    ring(members.begin(), rest, place);
    if (rest == members.end()) return true;
    wishes.clear();
    std::transform(rest, members.end(), std::back_inserter(wishes),
                   [](const Place* member) { return member->wish; });
    finish(wishes);
    ring(rest, members.end(), place);
    return true;
  }

  // Those who have no group yet.
  std::size_t waiting() const {
    const std::lock_guard lock(mutex_);
    return queue_.size();
  }

 private:
  struct Place {
    explicit Place(Wish* w) : wish(w) {}
    Wish* wish;
    bool leads = false;
    Doorbell decided;  // rung once: it leads, or is done
  };
  using Places = std::vector<Place*>;

  bool wait_for_leader(Place& own, Patience patience) {
    if (own.decided.wait_until(std::chrono::steady_clock::now() + patience)) return true;
    {
      const std::lock_guard lock(mutex_);
      const auto found = std::find(queue_.begin(), queue_.end(), &own);
      if (found != queue_.end()) {
        queue_.erase(found);
        return false;
      }
    }
    own.decided.wait();
    return true;
  }

  void gather(Places& members, Place& own) {
    const std::lock_guard lock(mutex_);
    while (!queue_.empty() && members.size() + 1 < most_) {
      members.push_back(queue_.front());
      queue_.pop_front();
    }
    members.push_back(&own);
  }

  // To the one who has waited longest.
  void hand_over() {
    Place* next = nullptr;
    {
      const std::lock_guard lock(mutex_);
      led_ = !queue_.empty();
      if (!led_) return;
      next = queue_.front();
      queue_.pop_front();
      next->leads = true;
    }
    next->decided.ring();
  }

  // A member's place is gone as soon as its bell was rung.
  static void ring(typename Places::iterator from, typename Places::iterator until,
                   const Place& own) {
    for (; from != until; ++from) {
      if (*from != &own) (*from)->decided.ring();
    }
  }

  const std::size_t most_;
  mutable std::mutex mutex_;
  std::deque<Place*> queue_;
  bool led_ = false;
};

}  // namespace base
