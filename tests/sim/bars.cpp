#include "tests/sim/bars.h"

#include <string>
#include <utility>

#include "tests/sim/breach.h"

namespace sim {

using vault::CardResult;
using vault::Record;

namespace {

[[noreturn]] void breach(const Record& record, const std::string& what) {
  throw Breach("card " + record.iccid.digits() + ": " + what);
}

// What only a right key, or nobody knowing one yet, brings about.
bool was_let_in(const Record& before, const Record& after) {
  return before.fetch != after.fetch || before.upload != after.upload ||
         before.key_mac != after.key_mac;
}

}  // namespace

bool Bars::locked(base::Now now) const {
  return seen_->locked_at != 0 && (opens_at_ == 0 || now.utc_ms < opens_at_);
}

// What was told in the moment of a change may have been done before it or after it.
void Bars::told(CardResult result, base::Now now) {
  if (!seen_ || now.mono_ms == changed_at_) return;
  const bool suspended = seen_->suspended_at != 0;
  if (suspended && result != CardResult::suspended && result != CardResult::locked) {
    breach(*seen_, "it is out of service, and is served");
  }
  if (!suspended && result == CardResult::suspended) {
    breach(*seen_, "it is told to be out of service, and is not");
  }
  if (suspended) return;
  if (locked(now) && result != CardResult::locked) breach(*seen_, "it is locked, and is served");
  if (!locked(now) && result == CardResult::locked) locked_told_ = true;
}

void Bars::told_attempts(int left, base::Now now) const {
  if (seen_ && left == 0 && !locked(now) && now.mono_ms != changed_at_) {
    breach(*seen_, "it is not locked, and is told that no attempt is left");
  }
}

void Bars::look(const Record& record, base::Now now) {
  if (!seen_) {
    begins(record);
    seen_ = record;
  }
  check_lock(*seen_, record, now);
  const bool barred =
      seen_->locked_at != record.locked_at || seen_->suspended_at != record.suspended_at;
  if (barred) changed_at_ = now.mono_ms;
  seen_ = record;
  if (std::exchange(locked_told_, false) && !locked(now)) {
    breach(record, "it is told to be locked, and is not, or not any more");
  }
  care_opened_ = false;
}

void Bars::check_lock(const Record& before, const Record& after, base::Now now) {
  const bool over = opens_at_ != 0 && now.utc_ms >= opens_at_;
  if (before.locked_at != 0 && before.locked_at != after.locked_at) {
    if (!care_opened_ && !over) breach(after, "a lock is gone that nobody opened");
    ended_ += care_opened_ ? 0 : 1;
    used_ = !care_opened_;
  }
  const bool let_in = was_let_in(before, after) && !after.timed_once;
  if (care_opened_ || let_in) used_ = false;
  if (after.locked_at != 0 && before.locked_at != after.locked_at) begins(after);
}

// The first ends by itself, where the rules say so; the one after it is for customer care.
void Bars::begins(const Record& record) {
  const bool timed = policy_->lock == vault::LockMode::timed && !used_;
  opens_at_ = timed && record.locked_at != 0 ? record.locked_at + policy_->lock_minutes : 0;
}

}  // namespace sim
