#include "base/doorbell.h"

#include <cerrno>
#include <ctime>

namespace base {

namespace {

timespec to_timespec(Doorbell::Time time) {
  using namespace std::chrono;
  const auto ns = duration_cast<nanoseconds>(time.time_since_epoch()).count();
  return {static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
}

// False: it is too late.
bool take(sem_t& semaphore, Doorbell::Time end) {
  if (end == Doorbell::Time::max()) {
    while (sem_wait(&semaphore) != 0) {
    }
    return true;
  }
  const timespec until = to_timespec(end);
  int failed = 0;
  while ((failed = sem_clockwait(&semaphore, CLOCK_MONOTONIC, &until)) != 0 && errno == EINTR) {
  }
  return failed == 0;
}

}  // namespace

// Whoever takes the waiter out of the state calls it, once. Nothing of the bell but its semaphore
// is touched after that: sem_post is made for a semaphore that may be gone when it returns.
void Doorbell::ring() {
  const std::uintptr_t waiter = state_.exchange(kRung, std::memory_order_acq_rel);
  if (waiter == kThreadWaits) {
    sem_post(&thread_may_go_on_);
  } else if (waiter > kThreadWaits) {
    reinterpret_cast<Fiber*>(waiter)->call();
  }
}

bool Doorbell::wait_until(Time end) {
  Fiber* const fiber = Fiber::that_can_wait();
  const std::uintptr_t self =
      fiber != nullptr ? reinterpret_cast<std::uintptr_t>(fiber) : kThreadWaits;
  std::uintptr_t seen = kQuiet;
  if (state_.compare_exchange_strong(seen, self, std::memory_order_acq_rel)) {
    const bool called = pause(fiber, end);
    seen = self;
    if (!called && state_.compare_exchange_strong(seen, kQuiet, std::memory_order_acq_rel)) {
      return false;
    }
    // Rung at the last moment: the call is on its way, and must have come before the bell goes.
    if (!called) (void)pause(fiber, Time::max());
  }
  state_.exchange(kQuiet, std::memory_order_acq_rel);
  return true;
}

// True: called. False: the time is up.
bool Doorbell::pause(Fiber* fiber, Time end) {
  return fiber != nullptr ? fiber->wait_for_call(end) : take(thread_may_go_on_, end);
}

}  // namespace base
