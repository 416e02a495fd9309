#include "base/fibers.h"

#include <algorithm>
#include <new>
#include <utility>

namespace base {

Fiber* Fibers::spare() {
  try {
    if (spare_.empty()) {
      spare_.reserve(all_.size() + 1);
      {
        const std::lock_guard lock(mutex_);
        waiting_.reserve(all_.size() + 1);
        ready_.reserve(all_.size() + 1);
        called_.reserve(all_.size() + 1);
      }
      all_.push_back(make_(*this));
      spare_.push_back(all_.back().get());
    }
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
  return spare_.back();
}

void Fibers::run(Fiber& fiber) {
  if (!spare_.empty() && spare_.back() == &fiber) spare_.pop_back();
  if (fiber.resume()) spare_.push_back(&fiber);
}

bool Fibers::run_next() {
  Fiber* const fiber = suspended() > 0 ? next() : nullptr;
  if (fiber != nullptr) run(*fiber);
  return fiber != nullptr;
}

Fiber* Fibers::next() {
  const std::lock_guard lock(mutex_);
  asleep_ = false;
  if (ready_.empty() && soonest_ != Time::max()) expire(Fiber::Clock::now());
  if (ready_.empty()) return nullptr;
  Fiber* const fiber = ready_.front();
  ready_.erase(ready_.begin());
  return fiber;
}

// With the lock held.
void Fibers::expire(Time now) {
  if (now < soonest_) return;
  soonest_ = Time::max();
  for (auto waiting = waiting_.begin(); waiting != waiting_.end();) {
    if (waiting->end <= now) {
      ready_.push_back(waiting->fiber);
      waiting = waiting_.erase(waiting);
    } else {
      soonest_ = std::min(soonest_, waiting->end);
      ++waiting;
    }
  }
}

void Fibers::rest() {
  Time until = Time::max();
  {
    const std::lock_guard lock(mutex_);
    if (!ready_.empty()) return;
    asleep_ = true;
    until = soonest_;
  }
  (void)bell_->wait_until(until);
}

void Fibers::clear() {
  spare_.clear();
  all_.clear();
}

void Fibers::waits(Fiber& fiber, Time end) {
  const std::lock_guard lock(mutex_);
  if (std::find(called_.begin(), called_.end(), &fiber) != called_.end()) {
    ready_.push_back(&fiber);
    return;
  }
  waiting_.push_back({&fiber, end});
  soonest_ = std::min(soonest_, end);
}

bool Fibers::was_called(Fiber& fiber) noexcept {
  const std::lock_guard lock(mutex_);
  return std::erase(called_, &fiber) > 0;
}

void Fibers::call(Fiber& fiber) noexcept {
  std::shared_ptr<Doorbell> bell;
  {
    const std::lock_guard lock(mutex_);
    called_.push_back(&fiber);
    const auto waiting = std::find_if(waiting_.begin(), waiting_.end(),
                                      [&](const Waiting& w) { return w.fiber == &fiber; });
    if (waiting == waiting_.end()) return;
    waiting_.erase(waiting);
    if (waiting_.empty()) soonest_ = Time::max();
    ready_.push_back(&fiber);
    if (std::exchange(asleep_, false)) bell = bell_;
  }
  if (bell) bell->ring();
}

}  // namespace base
