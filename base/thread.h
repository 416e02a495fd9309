// A named, joinable thread that takes no signals: the signals of the process belong to the host.
#pragma once

#include <pthread.h>

#include <functional>
#include <string>

namespace base {

class Thread {
 public:
  Thread() = default;
  Thread(Thread&& other) noexcept { swap(other); }
  Thread& operator=(Thread&& other) noexcept {
    join();
    swap(other);
    return *this;
  }
  ~Thread() { join(); }

  // False when the system gives no thread. `body` must not throw; what it throws is swallowed
  // here, since an exception that leaves a thread would end the host.
  bool start(const std::string& name, std::function<void()> body);
  void join();
  bool running() const { return started_; }

 private:
  void swap(Thread& other) noexcept {
    std::swap(handle_, other.handle_);
    std::swap(started_, other.started_);
  }

  pthread_t handle_{};
  bool started_ = false;
};

}  // namespace base
