#include "db/sqlite_store.h"

#include <algorithm>
#include <set>
#include <utility>

#include "db/schema.h"

namespace db {

using Kind = SqlError::Kind;

namespace {

void must_have_schema(SqlConnection& connection) {
  const std::string fault = schema_fault(read_schema(connection));
  if (!fault.empty()) throw SqlError(Kind::misfit, 0, fault);
}

// Two changes of one record rest on the same version of it: the second cannot stand.
bool all_new(std::set<vault::RecordId>& seen, const ChangeSet& changes) {
  const auto known = [&](const RecordWrite& w) { return seen.contains(w.record.id); };
  if (std::any_of(changes.records.begin(), changes.records.end(), known)) return false;
  for (const RecordWrite& write : changes.records) seen.insert(write.record.id);
  return true;
}

// Each waiter throws its own copy: an exception shared by threads is freed by whoever drops it
// last, while another may still read it as far as a race detector can see.
std::exception_ptr own_copy(const SqlError& error) noexcept {
  try {
    throw SqlError(error);
  } catch (...) {  // out of memory, perhaps
    return std::current_exception();
  }
}

std::int64_t ms_until(std::chrono::steady_clock::time_point end) {
  const auto left = end - std::chrono::steady_clock::now();
  return std::max<std::int64_t>(
      0, std::chrono::duration_cast<std::chrono::milliseconds>(left).count());
}

}  // namespace

void CommitQueue::commit(const ChangeSet& changes) {
  Member own;
  own.changes = &changes;
  own.deadline = Clock::now() + std::chrono::milliseconds(settings_.query_timeout_ms);
  if (!join(own)) throw SqlError(Kind::conflict, 0, "sqlite: no turn to write in time");
  if (own.error) std::rethrow_exception(own.error);
}

void CommitQueue::with_writer(const std::function<void(SqliteConnection&)>& f) {
  Member own;
  own.visit = &f;
  own.deadline = Clock::now() + std::chrono::hours(1);
  if (join(own) && own.error) std::rethrow_exception(own.error);
}

bool CommitQueue::join(Member& own) {
  const auto work = [&](base::Together<Member>::Group& group) {
    lead(group.wishes());
    const std::shared_ptr<SqliteConnection> used = writer_if_any();
    if (used) checkpoints_.committed(*used);
    group.hand_over();
    group.release([](const Member& member) {
      return member.error || member.changes == nullptr || !member.changes->must_last();
    });
    if (!group.wishes().empty()) make_last(group.wishes(), used);
  };
  return group_.join(own, own.deadline - Clock::now(), work);
}

void CommitQueue::lead(const Batch& batch) noexcept {
  try {
    Batch writes;
    for (Member* member : batch) {
      if (member->visit == nullptr) {
        writes.push_back(member);
      } else {
        (*member->visit)(writer());
      }
    }
    if (!writes.empty()) commit_batch(writes);
  } catch (...) {  // of a visitor, or for lack of memory
    for (Member* member : batch) member->error = std::current_exception();
  }
}

// Of several groups that wait for the disk one lets it write for all.
void CommitQueue::make_last(const Batch& batch,
                            const std::shared_ptr<SqliteConnection>& connection) noexcept {
  try {
    Sync own{connection};
    if (connection != nullptr) {
      syncs_.join(own, std::chrono::hours(1), [&](const auto& group) { sync(group.wishes()); });
    }
    if (own.done) return;
    const SqlError error(Kind::other, 0, "sqlite: the log cannot be synchronised");
    for (Member* member : batch) member->error = own_copy(error);
  } catch (...) {
    for (Member* member : batch) member->error = std::current_exception();
  }
}

// Over any of their connections: the log is the same file as long as one of them is open.
void CommitQueue::sync(const std::vector<Sync*>& syncs) {
  if (log_in_doubt_) return;
  if (!syncs.front()->connection->sync_log()) {
    log_in_doubt_ = true;
    return;
  }
  for (Sync* sync : syncs) sync->done = true;
}

SqliteConnection& CommitQueue::writer() {
  if (!writer_) open_writer();
  return *writer_;
}

// Whatever became of the one that committed: any connection can sync the log, if there still is
// one.
std::shared_ptr<SqliteConnection> CommitQueue::writer_if_any() noexcept {
  try {
    writer();
  } catch (...) {
  }
  return writer_;
}

void CommitQueue::open_writer() {
  auto made = std::make_shared<SqliteConnection>(settings_.path, SqliteMode::write,
                                                 settings_.query_timeout_ms);
  must_have_schema(*made);
  checkpoints_.begin(*made);
  key_checks_.record(*made);
  made->defer_syncs();
  writer_ = std::move(made);
}

// Sets the error of each that was not committed. When the common transaction fails as a whole,
// each is tried by itself: one that asks for too much must not take the others with it. When it
// cannot even begin, because another process writes, none can: the time of the one who has waited
// longest is what is spent on it.
void CommitQueue::commit_batch(const Batch& batch) noexcept {
  try {
    SqliteConnection& connection = writer();
    if (key_checks_.unrecorded()) key_checks_.record(connection);
    connection.busy_timeout(ms_until(batch.front()->deadline));
    if (log_in_doubt_) {
      connection.empty_log();
      log_in_doubt_ = false;
    }
    connection.begin();
    try {
      commit_together(connection, batch);
    } catch (...) {
      connection.rollback();
      if (batch.size() == 1) throw;
      for (Member* member : batch) {
        Batch single{member};
        commit_batch(single);
      }
    }
  } catch (const SqlError& error) {
    for (Member* member : batch) member->error = own_copy(error);
    // After an I/O error or the like a new connection is the way back.
    if (error.kind() == Kind::other || error.kind() == Kind::lost) writer_.reset();
  } catch (...) {
    for (Member* member : batch) member->error = std::current_exception();
    writer_.reset();
  }
  // A transaction that could not even be rolled back ends with its connection.
  if (writer_ && writer_->in_transaction()) writer_.reset();
}

void CommitQueue::commit_together(SqliteConnection& connection, const Batch& batch) {
  std::set<vault::RecordId> seen;
  for (Member* member : batch) {
    member->error = nullptr;
    if (batch.size() > 1 && !all_new(seen, *member->changes)) {
      member->error =
          own_copy(SqlError(Kind::conflict, 0, "changed by another writer of the same group"));
      continue;
    }
    apply(connection, *member->changes);
  }
  connection.commit();
}

std::shared_ptr<SqlConnection> SqliteStore::connection() {
  if (!reader_) {
    auto made = std::make_shared<SqliteConnection>(settings().path, SqliteMode::read,
                                                   settings().query_timeout_ms);
    must_fit(*made);
    reader_ = std::move(made);
  }
  return reader_;
}

}  // namespace db
