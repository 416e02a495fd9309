// The card's side of the proactive interface: one command at a time, and coroutines that wait for
// its terminal response or for an event. One thread; at most one coroutine waits at any moment.
#pragma once

#include <coroutine>
#include <utility>

#include "base/bytes.h"
#include "card/toolkit.h"

namespace card {

class Proactive {
 public:
  // co_await issue(command) gives the terminal's Response. Keep `command` in a local variable:
  // g++ 12 destroys temporaries of co_await expressions twice.
  auto issue(const Command& command) {
    struct Awaiter {
      Proactive& self;
      bool await_ready() const { return false; }
      void await_suspend(std::coroutine_handle<> handle) { self.for_response_ = handle; }
      Response await_resume() { return std::move(self.response_); }
    };
    put(command);
    return Awaiter{*this};
  }

  // co_await event() goes on after the next signal(). State is looked at again by the waiter: a
  // signal that nobody waits for is not kept.
  auto event() {
    struct Awaiter {
      Proactive& self;
      bool await_ready() const { return false; }
      void await_suspend(std::coroutine_handle<> handle) { self.for_event_ = handle; }
      void await_resume() {}
    };
    return Awaiter{*this};
  }

  base::View pending() const { return fetched_ ? base::View() : base::View(encoded_); }
  void fetched() { fetched_ = true; }
  // False: no fetched command waits. A response that cannot be read, or to another command,
  // counts as "terminal unable".
  bool terminal_response(base::View data);
  void signal();

 private:
  void put(const Command& command);

  std::uint8_t number_ = 0;
  CommandType type_{};
  base::Bytes encoded_;
  bool fetched_ = false;
  Response response_;
  std::coroutine_handle<> for_response_;
  std::coroutine_handle<> for_event_;
};

}  // namespace card
