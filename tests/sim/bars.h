// What must hold of the locks of one record and of its service, with a lock that ends by itself: in
// what is stored after each step, and in what its card is told.
#pragma once

#include <cstdint>
#include <optional>

#include "vault/policy.h"
#include "vault/record.h"

namespace sim {

// Reads only. One thread.
class Bars {
 public:
  // `policy` outlives the object.
  explicit Bars(const vault::Policy& policy) : policy_(&policy) {}

  // Customer care has unlocked it.
  void unlocked() { care_opened_ = true; }
  // All of it is gone, the lock as well.
  void erased() { care_opened_ = true; }
  // The record's card was told the outcome of a command that no bar lets through.
  void told(vault::CardResult result, base::Now now);
  // It was told how many keys it may try.
  void told_attempts(int left, base::Now now) const;
  // It is locked, and the time of that is over.
  bool over(base::Now now) const { return seen_ && seen_->locked_at != 0 && !locked(now); }
  // A step has ended.
  void look(const vault::Record& record, base::Now now);
  std::uint64_t ended() const { return ended_; }  // locks, by themselves

 private:
  void check_lock(const vault::Record& before, const vault::Record& after, base::Now now);
  void begins(const vault::Record& record);
  bool locked(base::Now now) const;

  const vault::Policy* policy_;
  std::optional<vault::Record> seen_;  // when it was looked last
  std::int64_t changed_at_ = 0;        // mono_ms of the last change of lock or service
  std::int64_t opens_at_ = 0;          // utc_ms; 0: only care opens it
  bool used_ = false;                  // the lock that ends by itself, since the last right key
  bool care_opened_ = false;
  bool locked_told_ = false;  // since it was looked last, and it was open then
  std::uint64_t ended_ = 0;
};

}  // namespace sim
