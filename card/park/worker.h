// One process of a park: its share of the cards, their channels and visits, on one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "card/park/cat_tp_hub.h"
#include "card/park/channel.h"
#include "card/park/stats.h"
#include "card/park/visit.h"

namespace card::park {

class Worker {
 public:
  // A share: `settings` hold the rate, bounds and numbers of this process alone. Everything given
  // outlives the worker.
  struct Share {
    std::span<const ParkCard> cards;
    Memory* memories = nullptr;      // of the same cards
    std::uint32_t first_source = 0;  // 0: the system chooses; else the last octets of 127.x.y.z
    std::uint32_t sources = 1;
  };
  Worker(const Settings& settings, const Share& share, Stats& stats, const Control& control);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void run();  // until the bounds are reached or Control::stop

 private:
  // A card and what it is doing.
  struct Slot {
    std::unique_ptr<Channel> channel;
    std::unique_ptr<Visit> visit;
    std::int64_t scheduled = Channel::kNever;
    std::int64_t step_due = Channel::kNever;      // timeout of the step under way
    std::int64_t next_step_at = Channel::kNever;  // after thinking
    std::int64_t cut_at = Channel::kNever;        // the link drops then
    std::int64_t step_began_us = 0;
    std::uint32_t place = 0;  // among the idle open ones, with `stay`
    std::uint8_t step = 0;    // of the visit
    bool busy = false;        // within a visit
    bool opening = false;     // the first visit, with `stay`
    bool watched_write = false;
    bool was_open = false;  // its channel, at some time
  };

  base::Now now() const { return clock_.now(); }
  std::uint32_t number(const Slot& slot) const {
    return static_cast<std::uint32_t>(&slot - slots_.data());
  }

  // worker.cpp: time and sockets
  void turn();
  void wait(std::int64_t until_ms);
  void schedule(Slot& slot);
  void on_deadline(Slot& slot);
  void watch(Slot& slot);
  void arrivals();
  void open_some();
  bool may_arrive() const;
  bool finished() const;
  void begin_measured();
  void end_measured();

  // worker_visits.cpp: visits
  bool arrive(std::uint32_t card, bool opening);  // false: no channel was to be had
  bool open_channel(Slot& slot);
  void begin_step(Slot& slot);
  void send(Slot& slot, const std::vector<base::Bytes>& packets);
  void service(Slot& slot);
  void step_done(Slot& slot);
  void visit_done(Slot& slot);
  void fail(Slot& slot, Failure failure);
  void cut(Slot& slot);
  void end_channel(Slot& slot);
  void forget_channel(Slot& slot);
  std::optional<std::uint32_t> next_card();
  std::size_t draw_size();
  void set_idle_open(Slot& slot, bool yes);

  const Settings& settings_;
  const Share share_;
  Stats& stats_;
  const Control& control_;
  const base::SystemClock clock_;
  int epoll_ = -1;
  std::shared_ptr<ssl_ctx_st> tls_;
  CatTpHub hub_;
  std::size_t watched_sockets_ = 0;
  std::vector<Slot> slots_;
  std::deque<std::uint32_t> away_;   // cards without a channel, whose turn comes next
  std::vector<std::uint32_t> idle_;  // with `stay`: open, and not in a visit
  std::set<std::pair<std::int64_t, std::uint32_t>> deadlines_;
  std::mt19937_64 random_;

  std::size_t under_way_ = 0;  // visits
  std::size_t begun_ = 0;
  std::size_t to_open_ = 0;  // with `stay`: cards that have not tried yet
  double next_arrival_ms_ = 0;
  std::int64_t measured_since_ = Channel::kNever;
  std::int64_t cpu_before_us_ = 0;
};

}  // namespace card::park
