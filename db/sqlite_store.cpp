#include "db/sqlite_store.h"

#include <algorithm>
#include <set>
#include <utility>

#include "db/schema.h"

namespace db {

using Kind = SqlError::Kind;

namespace {

constexpr std::size_t kLargestBatch = 64;

void must_have_schema(SqlConnection& connection) {
  const std::string fault = schema_fault(read_schema(connection));
  if (!fault.empty()) throw SqlError(Kind::schema, 0, fault);
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
  Waiting own;
  own.changes = &changes;
  Batch room;
  room.reserve(kLargestBatch);  // once others wait for a leader, it must not fail
  own.deadline = Clock::now() + std::chrono::milliseconds(settings_.query_timeout_ms);
  bool leads = false;
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(&own);
    leads = !std::exchange(led_, true);
  }
  if (!leads) wait_for_leader(own);
  while (!own.done) lead(own, room);
  if (own.error) std::rethrow_exception(own.error);
}

// Throws when the time is up and no leader has begun with this one.
void CommitQueue::wait_for_leader(Waiting& own) {
  if (own.changed.wait_until(own.deadline)) return;
  {
    const std::lock_guard lock(mutex_);
    const auto place = std::find(queue_.begin(), queue_.end(), &own);
    if (place != queue_.end() && !own.leads) {
      queue_.erase(place);
      throw SqlError(Kind::conflict, 0, "sqlite: no turn to write in time");
    }
  }
  own.changed.wait();
}

// Commits for all who wait. Wakes the one who leads next, then those whose changes were dealt with.
void CommitQueue::lead(const Waiting& own, Batch& batch) {
  batch.clear();
  {
    const std::lock_guard lock(mutex_);
    while (!queue_.empty() && batch.size() < kLargestBatch) {
      batch.push_back(queue_.front());
      queue_.pop_front();
    }
  }
  commit_batch(batch);
  const bool due = checkpoint_is_due();
  Waiting* next = nullptr;
  {
    const std::lock_guard lock(mutex_);
    for (Waiting* waiting : batch) waiting->done = true;
    led_ = !queue_.empty();
    if (led_) {
      next = queue_.front();
      next->leads = true;
    } else {
      free_.notify_all();
    }
  }
  if (next != nullptr) next->changed.ring();
  for (Waiting* waiting : batch) {
    if (waiting != &own) waiting->changed.ring();
  }
  if (due) checkpoint_beside();
}

// Asked by the leader. Does the rest of one that was made beside; true: the next is to be begun.
bool CommitQueue::checkpoint_is_due() {
  if (!writer_) return false;
  const int pages = writer_->log_pages();
  if (pages < SqliteConnection::kCheckpointPages) due_pages_ = SqliteConnection::kCheckpointPages;
  switch (checkpoint_.load()) {
    case Checkpoint::none:
      if (pages < due_pages_) return false;
      checkpoint_ = Checkpoint::beside;
      return true;
    case Checkpoint::beside:
      return false;
    case Checkpoint::rest:
      writer_->checkpoint();
      // Readers may keep the log from beginning anew: it is not tried again with every commit.
      due_pages_ = pages + SqliteConnection::kCheckpointPages / 4;
      checkpoint_ = Checkpoint::none;
  }
  return false;
}

void CommitQueue::checkpoint_beside() {
  checkpointer_->checkpoint();
  checkpoint_ = Checkpoint::rest;
}

void CommitQueue::with_writer(const std::function<void(SqliteConnection&)>& f) {
  std::unique_lock lock(mutex_);
  free_.wait(lock, [&] { return !led_; });
  f(writer());
}

SqliteConnection& CommitQueue::writer() {
  if (!writer_) open_writer();
  return *writer_;
}

void CommitQueue::open_writer() {
  auto made = std::make_unique<SqliteConnection>(settings_.path, SqliteMode::write,
                                                 settings_.query_timeout_ms);
  must_have_schema(*made);
  made->defer_checkpoints();
  if (!checkpointer_) {
    checkpointer_ = std::make_unique<SqliteConnection>(settings_.path, SqliteMode::read, 0);
  }
  writer_ = std::move(made);
}

// Sets the error of each that was not committed. When the common transaction fails as a whole,
// each is tried by itself: one that asks for too much must not take the others with it. When it
// cannot even begin, because another process writes, none can: the time of the one who has waited
// longest is what is spent on it.
void CommitQueue::commit_batch(Batch& batch) {
  try {
    SqliteConnection& connection = writer();
    connection.busy_timeout(ms_until(batch.front()->deadline));
    connection.begin();
    try {
      commit_together(connection, batch);
    } catch (...) {
      connection.rollback();
      if (batch.size() == 1) throw;
      for (Waiting* waiting : batch) {
        Batch single{waiting};
        commit_batch(single);
      }
    }
  } catch (const SqlError& error) {
    for (Waiting* waiting : batch) waiting->error = own_copy(error);
    // After an I/O error or the like a new connection is the way back.
    if (error.kind() == Kind::other || error.kind() == Kind::lost) writer_.reset();
  } catch (...) {
    for (Waiting* waiting : batch) waiting->error = std::current_exception();
    writer_.reset();
  }
  // A transaction that could not even be rolled back ends with its connection.
  if (writer_ && writer_->in_transaction()) writer_.reset();
}

void CommitQueue::commit_together(SqliteConnection& connection, const Batch& batch) {
  std::set<vault::RecordId> seen;
  for (Waiting* waiting : batch) {
    waiting->error = nullptr;
    if (batch.size() > 1 && !all_new(seen, *waiting->changes)) {
      waiting->error =
          own_copy(SqlError(Kind::conflict, 0, "changed by another writer of the same group"));
      continue;
    }
    apply(connection, *waiting->changes);
  }
  connection.commit();
}

SqlConnection& SqliteStore::connection() {
  if (!reader_) {
    auto made = std::make_unique<SqliteConnection>(settings().path, SqliteMode::read,
                                                   settings().query_timeout_ms);
    must_have_schema(*made);
    reader_ = std::move(made);
  }
  return *reader_;
}

}  // namespace db
