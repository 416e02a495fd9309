#include "db/mysql_group.h"

#include <algorithm>
#include <chrono>

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
  std::unique_lock lock(mutex_);
  if (led_) {
    wait_for_leader(lock, own);
  } else {
    led_ = true;
    own.fate = Fate::leads;
  }
  if (own.fate == Fate::leads) {
    take_all(members);
    lock.unlock();
    members.push_back(&own);
    const Fate fate = commit_together(members);
    lock.lock();
    for (Member* member : members) {
      member->fate = fate;
      if (member != &own) member->changed.notify_one();
    }
    hand_over();
  }
  lock.unlock();
  if (own.fate == Fate::alone) return alone();
  if (own.fate == Fate::unknown) {
    throw SqlError(SqlError::Kind::unknown, 0, "mysql: the connection was lost in a COMMIT");
  }
}

// A leader that waits for a row of somebody else shall not hold up those who need other rows.
void MySqlGroup::wait_for_leader(std::unique_lock<std::mutex>& lock, Member& own) {
  const auto decided = [&] { return own.fate != Fate::waiting; };
  queue_.push_back(&own);
  if (own.changed.wait_for(lock, kPatience, decided)) return;
  const auto place = std::find(queue_.begin(), queue_.end(), &own);
  if (place == queue_.end()) return own.changed.wait(lock, decided);
  queue_.erase(place);
  own.fate = Fate::alone;
}

// With the lock held: those who wait become members of the leader's group.
void MySqlGroup::take_all(Members& members) {
  while (!queue_.empty() && members.size() + 1 < kLargestGroup) {
    members.push_back(queue_.front());
    queue_.pop_front();
  }
}

// With the lock held: the longest waiting one leads the next group.
void MySqlGroup::hand_over() {
  led_ = !queue_.empty();
  if (!led_) return;
  Member* const next = queue_.front();
  queue_.pop_front();
  next->fate = Fate::leads;
  next->changed.notify_one();
}

// Whatever goes wrong before the COMMIT, each is sent to try by itself: one that asks for too much
// must not take the others with it, and each finds out its own reason.
MySqlGroup::Fate MySqlGroup::commit_together(const Members& members) {
  if (unable_) return Fate::alone;
  try {
    std::vector<const ChangeSet*> changes;
    for (const Member* member : members) changes.push_back(member->changes);
    if (!bulk_) {
      auto made = std::make_unique<MySqlBulk>(settings_, password_);
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
