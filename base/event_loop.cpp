#include "base/event_loop.h"

#include <future>

namespace base {

bool EventLoop::start(const std::string& name) {
  context_.restart();
  work_.emplace(context_.get_executor());
  return thread_.start(name, [this] { run(); });
}

void EventLoop::run() {
  // A handler that throws ends itself, not the loop.
  for (;;) {
    try {
      context_.run();
      return;
    } catch (...) {
    }
  }
}

void EventLoop::run_and_wait(const std::function<void()>& f) {
  std::promise<void> done;
  post([&] {
    try {
      f();
      done.set_value();
    } catch (...) {
      done.set_exception(std::current_exception());
    }
  });
  done.get_future().get();
}

void EventLoop::stop() {
  work_.reset();
  context_.stop();
  thread_.join();
}

}  // namespace base
