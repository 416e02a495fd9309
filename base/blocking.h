// Around what keeps a thread waiting without needing a processor (a disk, a server, a device): a
// thread of Workers lets another one take the jobs that wait meanwhile. Nothing for other threads.
#pragma once

namespace base {

class Blocking {
 public:
  class Watcher {
   public:
    virtual void blocks() noexcept = 0;
    virtual void goes_on() noexcept = 0;

   protected:
    ~Watcher() = default;
  };

  Blocking() noexcept : watcher_(of_this_thread) {
    if (watcher_ != nullptr) watcher_->blocks();
  }
  ~Blocking() {
    if (watcher_ != nullptr) watcher_->goes_on();
  }
  Blocking(const Blocking&) = delete;
  Blocking& operator=(const Blocking&) = delete;

  static inline thread_local Watcher* of_this_thread = nullptr;

 private:
  Watcher* const watcher_;
};

}  // namespace base
