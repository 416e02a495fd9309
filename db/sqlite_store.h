// The embedded store: one writer per process, many readers. Changes of stores that wait at the
// same moment share a transaction (group commit); when one of them fails, each is tried alone.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/doorbell.h"
#include "db/health.h"
#include "db/sql_store.h"
#include "db/sqlite_connection.h"

namespace db {

// Any thread. The first who waits commits for all who wait with it; no thread of its own.
// Checkpoints are not part of a commit, so that nobody waits for them: who has led a group writes
// most of the log back when others are committing already, and the next leader the little that they
// have added meanwhile, so that the log begins anew.
class CommitQueue {
 public:
  explicit CommitQueue(const Settings& settings) : settings_(settings) {}

  // Returns when the changes are durable; throws SqlError when they are not, `conflict` when they
  // had to wait longer than the query time-out.
  void commit(const ChangeSet& changes);
  // Runs f on the writer's connection while nobody commits.
  void with_writer(const std::function<void(SqliteConnection&)>& f);

 private:
  using Clock = std::chrono::steady_clock;
  struct Waiting {
    const ChangeSet* changes = nullptr;
    Clock::time_point deadline;
    std::exception_ptr error;
    bool done = false;
    bool leads = false;
    base::Doorbell changed;  // rung once, when it is done or leads
  };
  using Batch = std::vector<Waiting*>;

  void wait_for_leader(Waiting& own);
  void lead(const Waiting& own, Batch& batch);
  SqliteConnection& writer();
  void open_writer();
  bool checkpoint_is_due();
  void checkpoint_beside();
  void commit_batch(Batch& batch);
  // In an open transaction.
  void commit_together(SqliteConnection& connection, const Batch& batch);

  const Settings& settings_;
  enum class Checkpoint {
    none,
    beside,  // under way: the checkpointer is with the one who has set this
    rest,    // for the next leader
  };

  std::unique_ptr<SqliteConnection> writer_;            // the leader's alone
  int due_pages_ = SqliteConnection::kCheckpointPages;  // the leader's alone
  std::unique_ptr<SqliteConnection> checkpointer_;
  std::atomic<Checkpoint> checkpoint_ = Checkpoint::none;
  std::mutex mutex_;
  std::condition_variable free_;  // nobody leads any more
  std::deque<Waiting*> queue_;
  bool led_ = false;
};

class SqliteStore : public SqlStore {
 public:
  SqliteStore(const Settings& settings, const FileKeyRing& keys, Health& health,
              RecordMemory& memory, StagedTotal& staged_total, CommitQueue& queue)
      : SqlStore(settings, keys, health, memory, staged_total), queue_(queue) {}

 protected:
  SqlConnection& connection() override;
  void disconnect() noexcept override { reader_.reset(); }
  void write(const ChangeSet& changes) override { queue_.commit(changes); }
  Fate look_up(const RecordWrite&, const vault::OpId&) override { return Fate::unknown; }

 private:
  CommitQueue& queue_;
  std::unique_ptr<SqliteConnection> reader_;
};

class SqliteStoreFactory : public vault::StoreFactory {
 public:
  SqliteStoreFactory(const Settings& settings, const FileKeyRing& keys, base::Log& log,
                     base::Counters& counters)
      : settings_(settings),
        keys_(keys),
        health_(log, counters, settings.settled_after_ms, clock_),
        queue_(settings_) {}

  std::unique_ptr<vault::Store> open() override {
    return std::make_unique<SqliteStore>(settings_, keys_, health_, memory_, staged_total_, queue_);
  }
  CommitQueue& queue() { return queue_; }

 private:
  const Settings settings_;
  const FileKeyRing& keys_;
  const base::SystemClock clock_;
  Health health_;
  RecordMemory memory_;
  StagedTotal staged_total_;
  CommitQueue queue_;
};

}  // namespace db
