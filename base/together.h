// What several want at the same moment is done by one of them for all. The first who comes leads;
// while it works, the next group gathers. Any thread or fiber; no thread of its own.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <mutex>
#include <utility>
#include <vector>

#include "base/doorbell.h"

namespace base {

template <class Wish>
class Together {
  struct Place {
    explicit Place(Wish* w) : wish(w) {}
    Wish* wish;
    bool leads = false;
    Doorbell decided;  // rung once: it leads, or is done
  };

 public:
  using Wishes = std::vector<Wish*>;
  using Patience = std::chrono::steady_clock::duration;

  // `most` is the size of the largest group.
  explicit Together(std::size_t most) : most_(most) {}

  // Those for whom a leader works. The leader's alone.
  class Group {
   public:
    const Wishes& wishes() const { return wishes_; }
    // The next group may begin, while work for this one goes on.
    void hand_over() {
      if (!std::exchange(handed_over_, true)) together_.hand_over();
    }
    // Those need not wait any longer: they are none of the group's from now on, their wishes are
    // gone. The leader itself is not kept waiting for its own sake, but for that of the others.
    template <class Done>
    void release(Done&& done) {
      std::size_t kept = 0;
      for (std::size_t i = 0; i < wishes_.size(); ++i) {
        if (done(std::as_const(*wishes_[i]))) {
          if (places_[i] != &own_) places_[i]->decided.ring();
        } else {
          places_[kept] = places_[i];
          wishes_[kept++] = wishes_[i];
        }
      }
      places_.resize(kept);
      wishes_.resize(kept);
    }

   private:
    friend Together;
    Group(Together& together, Place& own) : together_(together), own_(own) {
      places_.reserve(together.most_);  // once others wait for a leader, it must not fail
      wishes_.reserve(together.most_);
    }
    void gather() {
      together_.gather(places_, own_);
      for (const Place* place : places_) wishes_.push_back(place->wish);
    }

    Together& together_;
    Place& own_;
    std::vector<Place*> places_;
    Wishes wishes_;
    bool handed_over_ = false;
  };

  // True: some caller's work(group) has had `own` among its wishes. False: nobody came to it within
  // `patience`, and nobody will. `work` is called for one group at a time, until it hands over; it
  // must not throw. When it returns, it is done for all that are still of the group.
  template <class Work>
  bool join(Wish& own, Patience patience, Work&& work) {
    Place place{&own};
    Group group(*this, place);
    bool waits = false;  // who waits looks at its place after the bell only
    {
      const std::lock_guard lock(mutex_);
      waits = std::exchange(led_, true);
      if (waits) queue_.push_back(&place);
    }
    if (waits && !wait_for_leader(place, patience)) return false;
    if (waits && !place.leads) return true;
    group.gather();
    work(group);
    group.hand_over();
    group.release([](const Wish&) { return true; });
    return true;
  }

  // Those who have no group yet.
  std::size_t waiting() const {
    const std::lock_guard lock(mutex_);
    return queue_.size();
  }

 private:
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

  void gather(std::vector<Place*>& members, Place& own) {
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

  const std::size_t most_;
  mutable std::mutex mutex_;
  std::deque<Place*> queue_;
  bool led_ = false;
};

}  // namespace base
