#include "db/mysql_group.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace db {

namespace {

constexpr std::size_t kLargestGroup = 64;
constexpr std::chrono::milliseconds kPatience{100};

}  // namespace

void MySqlGroup::commit(const ChangeSet& changes, const std::function<void()>& alone) {
  Member own;
  own.changes = &changes;
  Members members;
  members.reserve(kLargestGroup);  // once others wait for a leader, it must not fail
  bool leads = false;
  {
    const std::lock_guard lock(mutex_);
    leads = !std::exchange(led_, true);
    if (leads) {
      own.fate = Fate::leads;
    } else {
      queue_.push_back(&own);
    }
  }
  if (!leads) wait_for_leader(own);
  if (own.fate == Fate::leads) lead(own, members);
  if (own.fate == Fate::alone) return alone();
  if (own.fate == Fate::unknown) {
    throw SqlError(SqlError::Kind::unknown, 0, "mysql: the connection was lost in a COMMIT");
  }
}

// A leader that waits for a row of somebody else shall not hold up those who need other rows.
void MySqlGroup::wait_for_leader(Member& own) {
  if (own.decided.wait_until(std::chrono::steady_clock::now() + kPatience)) return;
  {
    const std::lock_guard lock(mutex_);
    const auto place = std::find(queue_.begin(), queue_.end(), &own);
    if (place != queue_.end()) {
      queue_.erase(place);
      own.fate = Fate::alone;
      return;
    }
  }
  own.decided.wait();
}

// Commits for all who wait. Wakes the one who leads next, then its members.
void MySqlGroup::lead(Member& own, Members& members) {
  {
    const std::lock_guard lock(mutex_);
    take_all(members);
  }
  members.push_back(&own);
  const Fate fate = commit_together(members);
  Member* next = nullptr;
  {
    const std::lock_guard lock(mutex_);
    for (Member* member : members) member->fate = fate;
    next = hand_over();
  }
  if (next != nullptr) next->decided.ring();
  for (Member* member : members) {
    if (member != &own) member->decided.ring();
  }
}

// With the lock held: those who wait become members of the leader's group.
void MySqlGroup::take_all(Members& members) {
  while (!queue_.empty() && members.size() + 1 < kLargestGroup) {
    members.push_back(queue_.front());
    queue_.pop_front();
  }
}

// With the lock held: the longest waiting one leads the next group.
MySqlGroup::Member* MySqlGroup::hand_over() {
  led_ = !queue_.empty();
  if (!led_) return nullptr;
  Member* const next = queue_.front();
  queue_.pop_front();
  next->fate = Fate::leads;
  return next;
}

// Whatever goes wrong before the COMMIT, each is sent to try by itself: one that asks for too much
// must not take the others with it, and each finds out its own reason.
MySqlGroup::Fate MySqlGroup::commit_together(const Members& members) {
  if (unable_) return Fate::alone;
  try {
    std::vector<const ChangeSet*> changes;
    for (const Member* member : members) changes.push_back(member->changes);
    if (server_ != servers_.current()) bulk_.reset();
    if (!bulk_) {
      server_ = servers_.current();
      auto made = std::make_unique<MySqlBulk>(servers_.at(server_), password_);
      unable_ = !made->able();
      if (unable_) return Fate::alone;
      bulk_ = std::move(made);
    }
    return bulk_->commit(changes) ? Fate::done : Fate::alone;
  } catch (const SqlError& error) {
    bulk_.reset();
    return error.kind() == SqlError::Kind::unknown ? Fate::unknown : Fate::alone;
  } catch (...) {
    bulk_.reset();
    return Fate::alone;
  }
}

}  // namespace db
