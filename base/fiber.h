// Work on a stack of its own, which gives its thread to other work while it waits (at a Doorbell).
// A fiber belongs to one thread, its Home's, and is only ever run there: what hangs on the thread,
// such as a database connection, stays with it. Switching is Boost.Context's; the sanitizers are
// told of it.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <type_traits>

namespace base {

class Fiber {
 public:
  using Clock = std::chrono::steady_clock;

  // As large as a Thread's. Reserved at once, used as it is touched.
  static constexpr std::size_t kStackBytes = 1024 * 1024;

  // Its thread's keeper of fibers.
  class Home {
   public:
    virtual ~Home() = default;
    // In the fiber: it is about to be suspended until it is called, or until `end`.
    virtual void waits(Fiber& fiber, Clock::time_point end) = 0;
    // In the fiber, afterwards: whether it was called. It can be called again then.
    virtual bool was_called(Fiber& fiber) noexcept = 0;
    // Any thread. The call is kept if the fiber does not wait. It must not end before it has seen
    // the call: nothing else says that whoever calls is done with it.
    virtual void call(Fiber& fiber) noexcept = 0;
  };

  // Throws std::bad_alloc when there is no room for a stack.
  explicit Fiber(Home& home);
  virtual ~Fiber();  // only while nothing runs on it
  Fiber(const Fiber&) = delete;

  // The one that runs here now and may be suspended; null: whoever waits here blocks the thread.
  // A handler's exception belongs to the thread, so nobody is suspended in a `catch`.
  static Fiber* that_can_wait() noexcept;

  // Runs f, which must not throw, on the stack of the thread: for code that looks for the bounds of
  // the stack it runs on, as the runtime of a language with a garbage collector does.
  template <class F>
  static void on_thread_stack(F&& f) {
    run_errand({[](void* errand) { (*static_cast<std::remove_reference_t<F>*>(errand))(); },
                static_cast<void*>(std::addressof(f))});
  }

  // Home's thread. Runs body() until it ends or waits. True: it has ended; resume() runs another.
  bool resume();

  // In the fiber: gives the thread away until somebody calls. False: the time is up.
  bool wait_for_call(Clock::time_point end);
  // Any thread.
  void call() noexcept { home_.call(*this); }

 protected:
  // What is thrown is swallowed, as by a Thread.
  virtual void body() = 0;

 private:
  struct Stack;
  struct Errand {
    void (*run)(void*) = nullptr;
    void* what = nullptr;
  };
  static void run_errand(Errand errand);
  void switch_in();
  void loop();
  void suspend();

  Home& home_;
  std::unique_ptr<Stack> stack_;
  Errand errand_;
  bool ended_ = true;
  bool leaving_ = false;
};

}  // namespace base
