// Counts who is inside, so that a stop can close the door and wait until everybody has left. Any
// thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace base {

class Gate {
 public:
  using Milliseconds = std::chrono::milliseconds;

  // Inside for its life; false: the gate was closed, and nobody entered. Must not outlive the gate.
  class Pass {
   public:
    explicit Pass(Gate& gate) : gate_(gate.enter() ? &gate : nullptr) {}
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;
    ~Pass() {
      if (gate_ != nullptr) gate_->leave();
    }
    explicit operator bool() const { return gate_ != nullptr; }

   private:
    Gate* const gate_;
  };

  Gate() = default;
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  // False: closed. Otherwise leave() must follow.
  bool enter() {
    const std::lock_guard lock(mutex_);
    if (closed_) return false;
    ++inside_;
    return true;
  }
  void leave() {
    // Notified under the lock: who waits for the last one may destroy the gate at once.
    const std::lock_guard lock(mutex_);
    if (--inside_ == 0) changed_.notify_all();
  }
  // Nobody enters any more; who sleeps in closed_within wakes up.
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }
  // For those inside: sleeps that long, or until the gate is closed. True: closed.
  bool closed_within(Milliseconds patience) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, [this] { return closed_; });
  }
  // After close(): true when everybody has left in time; otherwise call again.
  bool empty_within(Milliseconds patience) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, [this] { return inside_ == 0; });
  }
  // For a new start, when it is empty.
  void reopen() {
    const std::lock_guard lock(mutex_);
    closed_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint32_t inside_ = 0;
  bool closed_ = false;
};

}  // namespace base
