#include "vault/record.h"

#include <algorithm>
#include <utility>

namespace vault {

namespace {

// A date ahead was set by another instance's clock, or by one that was wrong: then nobody knows
// when it was, and nothing is given for it.
constexpr std::int64_t kClocksApart = base::kHourMs;

bool within(std::int64_t since, std::int64_t window, base::Now now) {
  return since <= now.utc_ms + kClocksApart && now.utc_ms < since + window;
}

// A timed lock that has run out opens by itself; the attempts start again.
void open_timed_lock(Decision& decision, base::Now now) {
  Record& record = decision.after;
  if (!lock_is_over(record, now)) return;
  unlock(record);
  record.timed_once = true;
  decision.notes.push_back({"unlocked", "vault", "the lock's time was over"});
}

void lock(Record& record, const Policy& policy, base::Now now) {
  record.locked_at = now.utc_ms;
  record.lock_reason = "third wrong key";
  const bool by_itself = policy.lock == LockMode::timed && !record.timed_once;
  record.locked_until = by_itself ? now.utc_ms + policy.lock_minutes : 0;
  raise_epoch(record);
}

// Within swap_hold, and its key is not one that was issued since the move: that one may be lost
// like any other.
bool held_by_move(const Record& record, const Policy& policy, base::Now now) {
  const bool issued_since =
      record.key_state == KeyState::issued && record.key_issued_at > record.moved_at;
  return on_hold(record, policy, now) && !issued_since;
}

// May this go on without a key, because the user cannot know one yet?
bool needs_no_key(const Record& record, Use use, const Policy& policy, base::Now now) {
  if (key_granted(record, now)) return true;  // by care after any move
  if (record.image && held_by_move(record, policy, now)) return false;
  if (record.key_state == KeyState::none) return true;
  if (record.key_state != KeyState::issued) return false;
  // The card has proved itself, so a store is safe at any time: it adds a version. A fetch gives
  // content away and is limited to the time in which a lost answer is likely.
  return use == Use::store || !needs_care(record, policy, now);
}

void take_wrong_key(Decision& decision, const Policy& policy, base::Now now) {
  Record& record = decision.after;
  record.wrong_keys += 1;
  if (record.wrong_keys < kAttempts) {
    decision.result = CardResult::wrong_key;
    decision.notes.push_back(
        {"wrong_key", "card", std::to_string(attempts_left(record, now)) + " attempts left"});
    return;
  }
  lock(record, policy, now);
  decision.result = CardResult::locked;
  decision.notes.push_back({"locked", "card", record.lock_reason});
}

void take_right_key(Decision& decision) {
  Record& record = decision.after;
  record.wrong_keys = 0;
  record.timed_once = false;
  if (auto note = confirm_by_use(record)) decision.notes.push_back(std::move(*note));
}

}  // namespace

RecordState state_of(const Record& record, base::Now now) {
  if (record.suspended_at != 0) return RecordState::suspended;
  if (locked_now(record, now)) return RecordState::locked;
  return record.image ? RecordState::held : RecordState::empty;
}

bool locked_now(const Record& record, base::Now now) {
  if (record.locked_at == 0) return false;
  return record.locked_until == 0 || now.utc_ms < record.locked_until;
}

bool lock_is_over(const Record& record, base::Now now) {
  return record.locked_at != 0 && !locked_now(record, now);
}

bool needs_care(const Record& record, const Policy& policy, base::Now now) {
  return record.image && record.key_state == KeyState::issued && !key_granted(record, now) &&
         !within(record.key_issued_at, policy.issue_window, now);
}

bool key_granted(const Record& record, base::Now now) {
  return within(record.reset_until - kResetWindow, kResetWindow, now);
}

bool on_hold(const Record& record, const Policy& policy, base::Now now) {
  return record.moved_at != 0 && now.utc_ms < record.moved_at + policy.swap_hold;
}

bool moved_lately(const Record& record, const Policy& policy, base::Now now) {
  return on_hold(record, policy, now) && within(record.moved_at, policy.swap_hold, now);
}

std::optional<HistoryNote> confirm_by_use(Record& record) {
  if (record.key_state != KeyState::issued) return std::nullopt;
  record.key_state = KeyState::active;
  return HistoryNote{"key_confirmed", "card", "by its use"};
}

// When a timed lock is over they start again, though the record says so only at the next command.
int attempts_left(const Record& record, base::Now now) {
  return lock_is_over(record, now) ? kAttempts : std::max(0, kAttempts - record.wrong_keys);
}

Decision decide(const Record& record, const Command& command, const Policy& policy, base::Now now) {
  Decision decision{record, CardResult::done, false, {}};
  Record& after = decision.after;
  const RecordState state = state_of(record, now);
  if (state == RecordState::suspended) {
    decision.result = CardResult::suspended;
    return decision;
  }
  if (state == RecordState::locked) {
    decision.result = CardResult::locked;
    return decision;
  }
  open_timed_lock(decision, now);
  if (command.use != Use::store && !record.image) {
    decision.result = CardResult::nothing_stored;
    return decision;
  }
  const bool free = needs_no_key(after, command.use, policy, now);
  // Where content waits for care, a key that costs nothing is not looked at: to tell right from
  // wrong would be guessing without a count.
  const bool looked_at = !free || !needs_care(after, policy, now);
  if (command.key == KeyCheck::right && looked_at) {
    take_right_key(decision);
    return decision;
  }
  if (free) {
    decision.fresh_key = command.use != Use::erase;
    return decision;
  }
  switch (command.key) {
    case KeyCheck::absent:
      decision.result = CardResult::key_required;
      break;
    case KeyCheck::mistyped:
      decision.result = CardResult::mistyped_key;
      break;
    case KeyCheck::unknowable:  // a fault of operations must not lock a subscriber out
      decision.result = CardResult::try_later;
      break;
    default:
      take_wrong_key(decision, policy, now);
      break;
  }
  return decision;
}

void raise_epoch(Record& record) {
  record.epoch += 1;
  record.ended_store.reset();
  record.fetch.reset();
}

void unlock(Record& record) {
  record.locked_at = 0;
  record.locked_until = 0;
  record.lock_reason.clear();
  record.wrong_keys = 0;
  raise_epoch(record);
}

void erase(Record& record) {
  Record blank(record.iccid);
  blank.id = record.id;
  blank.version = record.version;
  blank.epoch = record.epoch + 1;
  blank.foreign_wrong = record.foreign_wrong;  // budgets are care's to give back
  blank.stranger_wrong = record.stranger_wrong;
  blank.stranger_since = record.stranger_since;
  blank.history_count = record.history_count;
  blank.history_mac = record.history_mac;
  record = std::move(blank);
}

}  // namespace vault
