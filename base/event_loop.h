// One thread that runs Boost.Asio handlers. Handlers must not block or throw.
#pragma once

#include <utility>  // before asio: g++ 12 misses std::exchange there

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <optional>
#include <string>

#include "base/thread.h"

namespace base {

class EventLoop {
 public:
  EventLoop() : context_(1) {}
  ~EventLoop() { stop(); }

  boost::asio::io_context& context() { return context_; }

  bool start(const std::string& name);
  // Any thread: f runs on the loop's thread, after everything posted before.
  template <class F>
  void post(F f) {
    boost::asio::post(context_, std::move(f));
  }
  // From another thread: runs f on the loop and waits for its end; what f throws is thrown here.
  // The loop must be running.
  void run_and_wait(const std::function<void()>& f);
  // Ends after the handler under way; what is still queued is dropped. Joins.
  void stop();

 private:
  void run();

  boost::asio::io_context context_;
  std::optional<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> work_;
  Thread thread_;
};

}  // namespace base
