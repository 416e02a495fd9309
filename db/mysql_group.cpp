#include "db/mysql_group.h"

#include <chrono>
#include <vector>

namespace db {

namespace {

// A leader that waits for a row of somebody else shall not hold up those who need other rows.
constexpr std::chrono::milliseconds kPatience{100};

}  // namespace

void MySqlGroup::commit(const ChangeSet& changes, const std::function<void()>& alone) {
  Member own{&changes};
  const bool led = together_.join(own, kPatience, [&](const Members& members) {
    const Fate fate = commit_together(members);
    for (Member* member : members) member->fate = fate;
  });
  if (!led || own.fate == Fate::alone) return alone();
  if (own.fate == Fate::unknown) {
    throw SqlError(SqlError::Kind::unknown, 0, "mysql: the connection was lost in a COMMIT");
  }
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
