#include "db/mysql_group.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <stdexcept>
#include <string>

namespace db {

using Kind = SqlError::Kind;

namespace {

// A leader that waits for a row of somebody else shall not hold up those who need other rows.
constexpr std::chrono::milliseconds kPatience{100};

// What a check of the database needs of a connection.
class Queries : public SqlConnection {
 public:
  explicit Queries(MySqlBulk& bulk) : bulk_(bulk) {}
  using SqlConnection::query;
  void query(std::string_view sql, Params params, const Visit& visit) override {
    bulk_.query(std::string(sql), {params.begin(), params.end()}, visit);
  }
  Dialect dialect() const override { return Dialect::mysql; }
  void begin() override { only_reads(); }
  void commit() override { only_reads(); }
  void rollback() noexcept override {}
  std::uint64_t execute(std::string_view, Params) override { only_reads(); }
  void run(const std::string&) override { only_reads(); }

 private:
  [[noreturn]] static void only_reads() { throw std::logic_error("a check only reads"); }
  MySqlBulk& bulk_;
};

// A server that refuses connections costs each attempt the connect time-out: not for every group.
constexpr std::chrono::milliseconds kPauseAfterFailure{200};

// Few texts, each prepared once: for 1, 2, 4, 8, ... records.
std::string select_of(std::size_t count) {
  std::string sql = record_sql().select + " WHERE iccid IN (?";
  for (std::size_t i = 1; i < count; ++i) sql += ", ?";
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

// Readers first, and they go their way at once. A connection that is lost is not made anew in the
// same turn: the server may be silent, and everybody's time is short.
void MySqlGroup::lead(Group& group) noexcept {
  if (!wait_for_last() || !read_together(group) || group.wishes().empty()) return;
  const Fate fate = commit_together(group);
  for (Wish* wish : group.wishes()) wish->fate = fate;
}

// What cannot be read so, each is sent to read by itself.
bool MySqlGroup::read_together(Group& group) noexcept {
  const auto reads = [](const Wish& wish) { return wish.wanted != nullptr; };
  bool good = true;
  try {
    std::vector<Wish*> readers;
    for (Wish* wish : group.wishes()) {
      if (reads(*wish)) readers.push_back(wish);
    }
    if (readers.empty()) return true;
    if (connect()) read_all(readers);
  } catch (...) {
    drop();
    good = false;
  }
  group.release(reads);
  return good;
}

void MySqlGroup::read_all(const std::vector<Wish*>& readers) {
  const std::size_t count = std::bit_ceil(readers.size());
  std::vector<Param> params;
  for (std::size_t i = 0; i < count; ++i) {
    const Wish* const reader = readers[std::min(i, readers.size() - 1)];
    params.emplace_back(std::string_view(reader->wanted->digits()));
  }
  bool all_good = true;  // a damaged row is a matter of those who want it
  bulk_->query(select_of(count), params, [&](const Row& row) {
    try {
      const StoredRecord record = read_record(row);
      for (Wish* reader : readers) {
        if (*reader->wanted == record.record.iccid) reader->found = record;
      }
    } catch (const SqlError&) {
      all_good = false;
    }
  });
  for (Wish* reader : readers) {
    if (all_good || reader->found) reader->fate = Fate::done;
  }
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
  if (std::chrono::steady_clock::now() < not_before_) return false;
  not_before_ = std::chrono::steady_clock::now() + kPauseAfterFailure;
  server_ = servers_.current();
  auto made = std::make_unique<MySqlBulk>(servers_.at(server_), password_);
  unable_ = !made->able();
  if (unable_) return false;
  Queries queries(*made);
  must_fit_(queries);
  not_before_ = {};
  bulk_ = std::move(made);
  return true;
}

void MySqlGroup::release_early(Group& group) {
  for (Wish* wish : group.wishes()) {
    if (!wish->changes->must_last()) wish->fate = Fate::done;
  }
  group.release([](const Wish& wish) { return !wish.changes->must_last(); });
}

// When it has failed, what was on its way has not happened, and the versions of the records tell
// whoever relies on it.
bool MySqlGroup::wait_for_last() noexcept {
  if (!any_on_their_way_) return true;
  try {
    if (bulk_) (void)bulk_->await_commit();
    any_on_their_way_ = false;
    return true;
  } catch (...) {
    drop();
    return false;
  }
}

void MySqlGroup::drop() noexcept {
  bulk_.reset();
  not_before_ = std::chrono::steady_clock::now() + kPauseAfterFailure;
  any_on_their_way_ = false;
}

}  // namespace db
