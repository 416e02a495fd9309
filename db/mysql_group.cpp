#include "db/mysql_group.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <string>

namespace db {

using Kind = SqlError::Kind;

namespace {

// A leader that waits for a row of somebody else shall not hold up those who need other rows.
constexpr std::chrono::milliseconds kPatience{100};

// Few texts, each prepared once: for 1, 2, 4, 8, ... records.
std::string select_of(const std::vector<std::string>& iccids, std::vector<Param>& params) {
  const std::size_t count = std::bit_ceil(iccids.size());
  std::string sql = record_sql().select + " WHERE iccid IN (?";
  for (std::size_t i = 1; i < count; ++i) sql += ", ?";
  for (std::size_t i = 0; i < count; ++i) {
    params.emplace_back(std::string_view(iccids[std::min(i, iccids.size() - 1)]));
  }
  return sql + ")";
}

}  // namespace

void MySqlGroup::commit(const ChangeSet& changes, const std::function<void()>& alone) {
  Wish own;
  own.changes = &changes;
  const bool led = together_.join(own, kPatience, [this](Group& group) { lead(group); });
  if (!led || own.fate == Fate::alone) return alone();
  if (own.fate == Fate::unknown) {
    throw SqlError(Kind::unknown, 0, "mysql: the connection was lost in a COMMIT");
  }
}

std::optional<StoredRecord> MySqlGroup::read(SqlConnection& use, const vault::Iccid& iccid) {
  Wish own;
  own.wanted = &iccid;
  const bool led = together_.join(own, kPatience, [this](Group& group) { lead(group); });
  if (led && own.fate == Fate::done) return std::move(own.found);
  if (is_on_its_way(iccid)) {
    throw SqlError(Kind::conflict, 0, "mysql: a COMMIT is still on its way");
  }
  return select_record(use, " WHERE iccid = ?", std::string_view(iccid.digits()));
}

bool MySqlGroup::is_on_its_way(const vault::Iccid& iccid) {
  return any_on_their_way_ && on_their_way_.with([&](const std::vector<vault::Iccid>& all) {
    return std::find(all.begin(), all.end(), iccid) != all.end();
  });
}

// Readers first, and they go their way at once.
void MySqlGroup::lead(Group& group) noexcept {
  wait_for_last();
  read_together(group);
  if (group.wishes().empty()) return;
  const Fate fate = commit_together(group);
  for (Wish* wish : group.wishes()) wish->fate = fate;
}

// What cannot be read so, each is sent to read by itself.
void MySqlGroup::read_together(Group& group) noexcept {
  const auto reads = [](const Wish& wish) { return wish.wanted != nullptr; };
  try {
    std::vector<Wish*> readers;
    std::vector<std::string> iccids;
    for (Wish* wish : group.wishes()) {
      if (!reads(*wish)) continue;
      readers.push_back(wish);
      iccids.push_back(wish->wanted->digits());
    }
    if (readers.empty() || !connect()) return group.release(reads);
    std::vector<Param> params;
    const std::string sql = select_of(iccids, params);
    bulk_->query(sql, params, [&](const Row& row) {
      const StoredRecord record = read_record(row);
      for (Wish* reader : readers) {
        if (*reader->wanted == record.record.iccid) reader->found = record;
      }
    });
    for (Wish* reader : readers) reader->fate = Fate::done;
  } catch (...) {
    drop();
  }
  group.release(reads);
}

// Whatever goes wrong before the COMMIT, each is sent to try by itself: one that asks for too much
// must not take the others with it, and each finds out its own reason.
MySqlGroup::Fate MySqlGroup::commit_together(Group& group) {
  try {
    if (!connect()) return Fate::alone;
    std::vector<const ChangeSet*> changes;
    std::vector<vault::Iccid> early;
    for (const Wish* wish : group.wishes()) {
      changes.push_back(wish->changes);
      if (wish->changes->must_last() || !bulk_->commits_what_it_executed()) continue;
      early.push_back(wish->changes->records.front().record.iccid);
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
  for (Wish* wish : group.wishes()) {
    if (!wish->changes->must_last()) wish->fate = Fate::done;
  }
  group.release([](const Wish& wish) { return !wish.changes->must_last(); });
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
