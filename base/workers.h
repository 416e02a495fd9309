// Threads that do what may block: each owns one State (a database connection and what hangs on
// it), made and destroyed in its own thread, and takes jobs from one bounded queue.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/doorbell.h"
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
    bells_ = std::vector<Doorbell>(static_cast<std::size_t>(count));
    idle_.reserve(bells_.size());
    for (int i = 0; i < count; ++i) {
      Thread thread;
      Doorbell& bell = bells_[static_cast<std::size_t>(i)];
      if (!thread.start(name + "-" + std::to_string(i), [this, &bell] { work(bell); })) {
        stop();
        return false;
      }
      threads_.push_back(std::move(thread));
    }
    return true;
  }

  // Any thread. False when the queue is full or the workers are stopping; `job` is then untouched.
  bool post(Job&& job) {
    Doorbell* idle = nullptr;
    {
      std::lock_guard lock(mutex_);
      if (stopping_ || jobs_.size() >= limit_) return false;
      jobs_.push_back(std::move(job));
      if (!idle_.empty()) {
        idle = idle_.back();
        idle_.pop_back();
      }
    }
    if (idle != nullptr) idle->ring();
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
      for (Doorbell* idle : idle_) idle->ring();
      idle_.clear();
    }
    for (Thread& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  void work(Doorbell& bell) {
    const std::unique_ptr<State> state = make_();
    std::unique_lock lock(mutex_);
    for (;;) {
      while (jobs_.empty() && !stopping_) {
        idle_.push_back(&bell);
        lock.unlock();
        bell.wait();
        lock.lock();
      }
      if (jobs_.empty()) return;
      Job job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      job.run(*state);
      lock.lock();
    }
  }

  mutable std::mutex mutex_;
  std::deque<Job> jobs_;
  std::vector<Doorbell> bells_;  // one a worker
  std::vector<Doorbell*> idle_;  // a stack; room for all of them

  std::size_t limit_ = 0;
  bool stopping_ = false;
  std::function<std::unique_ptr<State>()> make_;
  std::vector<Thread> threads_;
};

}  // namespace base
