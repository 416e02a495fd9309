// Threads that do what may block: each owns one State (a database connection and what hangs on
// it), made and destroyed in its own thread, and takes jobs from one bounded queue. A job that
// waits at a Doorbell gives its thread to the next one, and goes on in that thread: jobs of one
// State take turns, but only at such a place.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/fibers.h"
#include "base/thread.h"

namespace base {

template <class State>
class Workers {
 public:
  // A job may own what cannot be copied; it runs once.
  class Job {
   public:
    template <class F>
    Job(F body) : body_(std::make_unique<Body<F>>(std::move(body))) {}
    void run(State& state) { body_->run(state); }

   private:
    struct Base {
      virtual ~Base() = default;
      virtual void run(State&) = 0;
    };
    template <class F>
    struct Body : Base {
      explicit Body(F function) : f(std::move(function)) {}
      void run(State& state) override { f(state); }
      F f;
    };
    std::unique_ptr<Base> body_;
  };

  Workers() = default;
  ~Workers() { stop(); }

  // `make` runs in the worker's thread. False (and everything joined) if a thread cannot be had.
  bool start(int count, std::size_t queue_limit, const std::string& name,
             std::function<std::unique_ptr<State>()> make) {
    limit_ = queue_limit;
    stopping_ = false;
    make_ = std::move(make);
    desks_.clear();
    idle_.clear();
    waking_ = false;
    idle_.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
      Thread thread;
      desks_.push_back(std::make_unique<Desk>());
      Desk& desk = *desks_.back();
      if (!thread.start(name + "-" + std::to_string(i), [this, &desk] { work(desk); })) {
        stop();
        return false;
      }
      threads_.push_back(std::move(thread));
    }
    return true;
  }

  // Any thread. False when the queue is full or the workers are stopping; `job` is then untouched.
  bool post(Job&& job) {
    Desk* next = nullptr;
    {
      std::lock_guard lock(mutex_);
      if (stopping_ || jobs_.size() >= limit_) return false;
      jobs_.push_back(std::move(job));
      next = to_be_woken();
    }
    if (next != nullptr) next->fibers.wake();
    return true;
  }

  std::size_t queued() const {
    std::lock_guard lock(mutex_);
    return jobs_.size();
  }

  std::size_t idle() const {
    std::lock_guard lock(mutex_);
    return idle_.size();
  }

  // Runs what is queued, then joins every thread.
  void stop() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
      for (const auto& desk : desks_) desk->fibers.wake();
    }
    for (Thread& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  // Jobs that a worker has begun and not ended. More of them wait in the queue, where any worker
  // may take them.
  static constexpr std::size_t kMostBegun = 32;

  struct Run final : Fiber {
    using Fiber::Fiber;
    void body() override {
      Job own = std::move(*job);
      job.reset();
      own.run(*state);
    }
    std::optional<Job> job;
    State* state = nullptr;
  };
  // A worker's place.
  struct Desk {
    Fibers fibers{[](Fiber::Home& home) { return std::make_unique<Run>(home); }};
    std::unique_ptr<State> state;
    bool woken = false;  // for a job, which it has not looked for yet
  };

  void work(Desk& desk) {
    desk.state = make_();
    bool job_first = false;  // nobody else may have been woken for it
    for (bool ended = false; !ended;) {
      if (!std::exchange(job_first, false) && desk.fibers.run_next()) continue;
      if (std::optional<Job> job = next_job(desk, ended)) {
        begin(desk, std::move(*job));
      } else if (!ended) {
        desk.fibers.rest();
        job_first = awake(desk);
      }
    }
    desk.fibers.clear();
    desk.state.reset();
  }

  // With the lock held: the worker to be woken for the jobs that wait. One at a time, who wakes the
  // next: until it runs, those that are awake may have taken the jobs.
  Desk* to_be_woken() {
    if (waking_ || jobs_.empty() || idle_.empty()) return nullptr;
    Desk* const next = idle_.back();
    idle_.pop_back();
    next->woken = waking_ = true;
    return next;
  }

  // It runs again, and wakes the next one if there is more than it will take. True: for a job.
  bool awake(Desk& desk) {
    Desk* next = nullptr;
    {
      const std::lock_guard lock(mutex_);
      std::erase(idle_, &desk);
      if (!std::exchange(desk.woken, false)) return false;
      waking_ = false;
      if (jobs_.size() > 1) next = to_be_woken();
    }
    if (next != nullptr) next->fibers.wake();
    return true;
  }

  // Nothing: there is none for now; the desk is idle, unless it is full.
  std::optional<Job> next_job(Desk& desk, bool& ended) {
    const std::lock_guard lock(mutex_);
    const std::size_t begun = desk.fibers.suspended();
    if (begun < kMostBegun && !jobs_.empty()) {
      std::optional<Job> job(std::move(jobs_.front()));
      jobs_.pop_front();
      return job;
    }
    ended = stopping_ && jobs_.empty() && begun == 0;
    if (!ended && begun < kMostBegun) idle_.push_back(&desk);
    return std::nullopt;
  }

  void begin(Desk& desk, Job&& job) {
    Fiber* const fiber = desk.fibers.spare();
    if (fiber == nullptr) return job.run(*desk.state);
    Run& run = static_cast<Run&>(*fiber);
    run.job = std::move(job);
    run.state = desk.state.get();
    desk.fibers.run(run);
  }

  mutable std::mutex mutex_;
  std::deque<Job> jobs_;
  std::vector<std::unique_ptr<Desk>> desks_;  // one a worker
  std::vector<Desk*> idle_;                   // a stack; room for all of them
  bool waking_ = false;                       // one is about to wake up for a job

  std::size_t limit_ = 0;
  bool stopping_ = false;
  std::function<std::unique_ptr<State>()> make_;
  std::vector<Thread> threads_;
};

}  // namespace base
