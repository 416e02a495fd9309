// The fibers of one thread: which of them wait, which can go on, and where the thread rests when
// none can.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/doorbell.h"
#include "base/fiber.h"

namespace base {

// Its thread only, but for wake() and call().
class Fibers final : public Fiber::Home {
 public:
  using Make = std::function<std::unique_ptr<Fiber>(Fiber::Home&)>;
  explicit Fibers(Make make) : make_(std::move(make)) {}

  // A fiber of make() on which nothing runs; it stays this object's. Null: no memory for one more.
  Fiber* spare();
  // Until it ends or waits.
  void run(Fiber& fiber);
  // Goes on with a fiber that can. False: there is none.
  bool run_next();
  // Begun and not ended.
  std::size_t suspended() const { return all_.size() - spare_.size(); }
  // Until a fiber can go on, or wake() was called since the last rest.
  void rest();
  void wake() { bell_->ring(); }
  // Gives their stacks back; none may be suspended.
  void clear();

  void waits(Fiber& fiber, Fiber::Clock::time_point end) override;
  bool was_called(Fiber& fiber) noexcept override;
  void call(Fiber& fiber) noexcept override;

 private:
  using Time = Fiber::Clock::time_point;
  struct Waiting {
    Fiber* fiber;
    Time end;
  };
  Fiber* next();
  void expire(Time now);

  const Make make_;
  std::vector<std::unique_ptr<Fiber>> all_;
  std::vector<Fiber*> spare_;  // the last one used is used next: its stack is warm

  std::mutex mutex_;              // of what follows; what is kept by fiber has room for all
  std::vector<Waiting> waiting_;
  std::vector<Fiber*> ready_;     // the first goes on first
  std::vector<Fiber*> called_;    // and has not looked yet
  Time soonest_ = Time::max();    // no end in waiting_ is earlier
  bool asleep_ = false;
  // Shared with whoever rings, who may come to it when this is gone.
  const std::shared_ptr<Doorbell> bell_ = std::make_shared<Doorbell>();
};

}  // namespace base
