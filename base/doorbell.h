// One thread waits at it, another rings. A ring is kept until somebody has waited for it, and ends
// one wait. Rung after the lock under which the cause came about was left, so that who wakes up
// does not run into that lock at once.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace base {

class Doorbell {
 public:
  Doorbell() = default;
  Doorbell(const Doorbell&) = delete;
  Doorbell& operator=(const Doorbell&) = delete;

  // Any thread. Who waited may destroy the bell as soon as its wait has ended.
  void ring() {
    const std::lock_guard lock(mutex_);
    rung_ = true;
    heard_.notify_one();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    heard_.wait(lock, [this] { return rung_; });
    rung_ = false;
  }
  // False: it was not rung in time.
  bool wait_until(std::chrono::steady_clock::time_point end) {
    std::unique_lock lock(mutex_);
    heard_.wait_until(lock, end, [this] { return rung_; });
    return std::exchange(rung_, false);
  }

 private:
  std::mutex mutex_;
  std::condition_variable heard_;
  bool rung_ = false;
};

}  // namespace base
