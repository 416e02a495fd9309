// What other threads have for the ESME's loop, and what they may see of it. Any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "smsc/esme_conn.h"
#include "smsc/queue.h"

namespace smsc {

class Mailbox : public std::enable_shared_from_this<Mailbox> {
 public:
  // What became of a delivered message: for the connection's link, if it still lives.
  struct Answer {
    std::weak_ptr<Conn> conn;
    std::uint32_t sequence = 0;
    bool kept = false;
  };
  struct Contents {
    std::vector<std::pair<std::size_t, Segment>> segments;
    std::vector<Answer> answers;
  };
  // Of one SMSC, for submit() and room().
  struct Place {
    std::shared_ptr<const Settings> settings;
    bool usable = false;
    std::size_t limit = 0;
    std::size_t taken = 0;  // segments without outcome
    vault::SmscState state;
  };

  explicit Mailbox(std::vector<std::shared_ptr<const Settings>> smscs);

  // `ring` is called when the box is no longer empty, once until the next empty(). Null: nobody is
  // there any more.
  void set_ring(std::function<void()> ring);

  // Settings by which a message to that SMSC (empty: the first usable one) is to be cut.
  struct Choice {
    std::size_t smsc = 0;
    std::shared_ptr<const Settings> settings;  // null: none can be had now
    bool unknown = false;                      // there is none of that name
  };
  Choice choose(const std::string& name);
  // False: no room. `segments` then is as it was.
  bool put(std::size_t smsc, std::vector<Segment>& segments);
  void put(Answer answer);
  // One for which there was no memory. lost_answers: how many since the last call.
  void answer_lost() noexcept { ++lost_answers_; }
  std::size_t lost_answers();
  // A function that puts one answer: the first call counts. Destroyed without a call: not kept.
  std::function<void(bool)> answer_later(std::weak_ptr<Conn> conn, std::uint32_t sequence);

  Contents empty();
  void outcome_given(std::size_t smsc);
  void update(std::size_t smsc, bool usable, std::size_t limit, vault::SmscState state);
  void refuse_all() {
    guarded([&] { closed_ = true; });
  }
  void accept_all() {
    guarded([&] { closed_ = false; });
  }

  std::size_t room() const;
  // Somebody was turned away, and half of the room is there again; true once.
  bool room_is_back();
  std::vector<vault::SmscState> state() const;

 private:
  template <class F>
  void guarded(F f) {
    std::lock_guard lock(mutex_);
    f();
  }
  const Place* first_usable() const;
  void ring_locked();

  mutable std::mutex mutex_;
  std::function<void()> ring_;
  Contents contents_;
  std::vector<Place> places_;
  bool rung_ = false;
  bool closed_ = true;
  bool turned_away_ = true;  // whoever came before the first bind
  std::atomic<std::size_t> lost_answers_{0};
};

}  // namespace smsc
