// One waits at it, others ring. A ring is kept until somebody has waited for it, and ends one
// wait. A fiber that waits gives its thread to others; no lock of a thread may be held then.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include <semaphore.h>

#include "base/fiber.h"

namespace base {

class Doorbell {
 public:
  using Time = std::chrono::steady_clock::time_point;

  Doorbell() { sem_init(&thread_may_go_on_, 0, 0); }
  ~Doorbell() { sem_destroy(&thread_may_go_on_); }
  Doorbell(const Doorbell&) = delete;
  Doorbell& operator=(const Doorbell&) = delete;

  // Any thread. Who waited may destroy the bell as soon as its wait has ended.
  void ring();
  void wait() { (void)wait_until(Time::max()); }
  // One at a time. False: it was not rung in time.
  bool wait_until(Time end);

 private:
  // What the state is beside these: the address of the fiber that waits.
  static constexpr std::uintptr_t kQuiet = 0;
  static constexpr std::uintptr_t kRung = 1;
  static constexpr std::uintptr_t kThreadWaits = 2;

  bool pause(Fiber* fiber, Time end);

  std::atomic<std::uintptr_t> state_ = kQuiet;
  sem_t thread_may_go_on_;
};

}  // namespace base
