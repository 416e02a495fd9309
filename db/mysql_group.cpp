#include "db/mysql_group.h"

#include <algorithm>
#include <chrono>

namespace db {

using Kind = SqlError::Kind;

namespace {

// A leader that waits for a row of somebody else shall not hold up those who need other rows.
constexpr std::chrono::milliseconds kPatience{100};

}  // namespace

void MySqlGroup::commit(const ChangeSet& changes, const std::function<void()>& alone) {
  Member own{&changes};
  const bool led = together_.join(own, kPatience, [this](Group& group) { lead(group); });
  if (!led || own.fate == Fate::alone) return alone();
  if (own.fate == Fate::unknown) {
    throw SqlError(Kind::unknown, 0, "mysql: the connection was lost in a COMMIT");
  }
}

void MySqlGroup::settle(const vault::Iccid& iccid) {
  if (!any_on_their_way_) return;
  const bool waits = on_their_way_.with([&](const std::vector<vault::Iccid>& all) {
    return std::find(all.begin(), all.end(), iccid) != all.end();
  });
  if (!waits) return;
  Member own;
  if (!together_.join(own, kPatience, [this](Group& group) { lead(group); })) {
    throw SqlError(Kind::conflict, 0, "mysql: a COMMIT is still on its way");
  }
}

void MySqlGroup::lead(Group& group) noexcept {
  wait_for_last();
  group.release([](const Member& member) { return member.changes == nullptr; });
  if (group.wishes().empty()) return;
  const Fate fate = commit_together(group);
  for (Member* member : group.wishes()) member->fate = fate;
}

// Whatever goes wrong before the COMMIT, each is sent to try by itself: one that asks for too much
// must not take the others with it, and each finds out its own reason.
MySqlGroup::Fate MySqlGroup::commit_together(Group& group) {
  try {
    if (!connect()) return Fate::alone;
    std::vector<const ChangeSet*> changes;
    std::vector<vault::Iccid> early;
    for (const Member* member : group.wishes()) {
      changes.push_back(member->changes);
      if (member->changes->must_last() || !bulk_->commits_what_it_executed()) continue;
      early.push_back(member->changes->records.front().record.iccid);
    }
    if (early.empty() && changes.size() == 1) {
      return bulk_->commit(*changes.front()) ? Fate::done : Fate::alone;
    }
    if (!bulk_->execute(changes)) return Fate::alone;
    any_on_their_way_ = !early.empty();
    on_their_way_.with([&](std::vector<vault::Iccid>& all) { all.swap(early); });
    bulk_->send_commit();
    if (any_on_their_way_) release_early(group);
    if (group.wishes().empty()) return Fate::done;
    const bool done = bulk_->await_commit();
    any_on_their_way_ = false;
    return done ? Fate::done : Fate::alone;
  } catch (const SqlError& error) {
    drop();
    return error.kind() == Kind::unknown ? Fate::unknown : Fate::alone;
  } catch (...) {
    drop();
    return Fate::alone;
  }
}

bool MySqlGroup::connect() {
  if (unable_) return false;
  if (server_ != servers_.current()) bulk_.reset();
  if (bulk_) return true;
  server_ = servers_.current();
  auto made = std::make_unique<MySqlBulk>(servers_.at(server_), password_);
  unable_ = !made->able();
  if (!unable_) bulk_ = std::move(made);
  return !unable_;
}

void MySqlGroup::release_early(Group& group) {
  for (Member* member : group.wishes()) {
    if (!member->changes->must_last()) member->fate = Fate::done;
  }
  group.release([](const Member& member) { return !member.changes->must_last(); });
}

// When it has failed, what was on its way has not happened, and the versions of the records tell
// whoever relies on it.
void MySqlGroup::wait_for_last() noexcept {
  if (!any_on_their_way_) return;
  try {
    if (bulk_) (void)bulk_->await_commit();
    any_on_their_way_ = false;
  } catch (...) {
    drop();
  }
}

void MySqlGroup::drop() noexcept {
  bulk_.reset();
  any_on_their_way_ = false;
}

}  // namespace db
