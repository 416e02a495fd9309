#include "base/fiber.h"

#include <boost/context/fiber.hpp>
#include <boost/context/protected_fixedsize_stack.hpp>

#include <exception>
#include <new>
#include <utility>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace base {

namespace {

namespace context = boost::context;

thread_local Fiber* running = nullptr;

// Tells a sanitizer which stack is in use. One for each side of a switch.
class Side {
 public:
  Side() = default;
  Side(const Side&) = delete;
#if defined(__SANITIZE_ADDRESS__)
  void set_stack(const void* bottom, std::size_t size) {
    bottom_ = bottom;
    size_ = size;
  }
  void here() {}
  void leaves_for(const Side& other) {
    __sanitizer_start_switch_fiber(&fake_, other.bottom_, other.size_);
  }
  void leaves_for_ever(const Side& other) {
    __sanitizer_start_switch_fiber(nullptr, other.bottom_, other.size_);
  }
  // `other`: where it came from, whose stack is seen by this.
  void is_back_from(Side& other) {
    __sanitizer_finish_switch_fiber(fake_, &other.bottom_, &other.size_);
  }

 private:
  void* fake_ = nullptr;
  const void* bottom_ = nullptr;
  std::size_t size_ = 0;
#elif defined(__SANITIZE_THREAD__)
  ~Side() {
    if (own_ != nullptr) __tsan_destroy_fiber(own_);
  }
  void set_stack(const void*, std::size_t) { fiber_ = own_ = __tsan_create_fiber(0); }
  void here() { fiber_ = __tsan_get_current_fiber(); }
  void leaves_for(const Side& other) { __tsan_switch_to_fiber(other.fiber_, 0); }
  void leaves_for_ever(const Side& other) { leaves_for(other); }
  void is_back_from(Side&) {}

 private:
  void* own_ = nullptr;
  void* fiber_ = nullptr;
#else
  void set_stack(const void*, std::size_t) {}
  void here() {}
  void leaves_for(const Side&) {}
  void leaves_for_ever(const Side&) {}
  void is_back_from(Side&) {}
#endif
};

}  // namespace

struct Fiber::Stack {
  context::fiber inside;   // while it is suspended
  context::fiber outside;  // while it runs: its thread
  Side in;
  Side out;
};

Fiber::Fiber(Home& home) : home_(home), stack_(std::make_unique<Stack>()) {
  context::protected_fixedsize_stack allocator(kStackBytes);
  const context::stack_context memory = allocator.allocate();
  stack_->in.set_stack(static_cast<char*>(memory.sp) - memory.size, memory.size);
  const auto entry = [this](context::fiber&& from) {
    stack_->outside = std::move(from);
    stack_->in.is_back_from(stack_->out);
    loop();
    stack_->in.leaves_for_ever(stack_->out);
    return std::move(stack_->outside);
  };
  stack_->inside = context::fiber(
      std::allocator_arg, context::preallocated(memory.sp, memory.size, memory), allocator, entry);
}

Fiber::~Fiber() {
  leaving_ = true;
  resume();
}

Fiber* Fiber::that_can_wait() noexcept {
  const bool handling = std::current_exception() != nullptr || std::uncaught_exceptions() > 0;
  return handling ? nullptr : running;
}

bool Fiber::resume() {
  ended_ = false;
  for (;;) {
    switch_in();
    if (errand_.run == nullptr) return ended_;
    errand_.run(errand_.what);
    errand_ = {};
  }
}

void Fiber::run_errand(Errand errand) {
  if (running == nullptr) return errand.run(errand.what);
  running->errand_ = errand;
  running->suspend();
}

void Fiber::switch_in() {
  running = this;
  stack_->out.here();
  stack_->out.leaves_for(stack_->in);
  stack_->inside = std::move(stack_->inside).resume();
  stack_->out.is_back_from(stack_->in);
  running = nullptr;
}

bool Fiber::wait_for_call(Clock::time_point end) {
  home_.waits(*this, end);
  suspend();
  return home_.was_called(*this);
}

void Fiber::suspend() {
  stack_->in.leaves_for(stack_->out);
  stack_->outside = std::move(stack_->outside).resume();
  stack_->in.is_back_from(stack_->out);
}

void Fiber::loop() {
  while (!leaving_) {
    try {
      body();
    } catch (...) {
    }
    ended_ = true;
    suspend();
  }
}

}  // namespace base
