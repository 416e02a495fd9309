// The embedded store: one writer per process, many readers. Changes of stores that wait at the
// same moment share a transaction (group commit); when one of them fails, each is tried alone.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/together.h"
#include "db/health.h"
#include "db/sql_store.h"
#include "db/sqlite_checkpoints.h"
#include "db/sqlite_connection.h"

namespace db {

// Any thread. What waits together is committed together, and then, while the next group commits,
// made to last by one sync of the log. Checkpoints are not part of a commit, so that nobody waits
// for them.
class CommitQueue {
 public:
  CommitQueue(const Settings& settings, KeyChecks& key_checks)
      : settings_(settings), key_checks_(key_checks), checkpoints_(settings.path) {}

  // Returns when the changes outlast a power failure, or, if they need not yet (ChangeSet), when
  // everybody sees them. Throws SqlError when they do not: `conflict` when they had to wait longer
  // than the query time-out. When the log cannot be synchronised they may be seen all the same.
  void commit(const ChangeSet& changes);
  // Runs f on the writer's connection while nobody commits.
  void with_writer(const std::function<void(SqliteConnection&)>& f);

 private:
  using Clock = std::chrono::steady_clock;
  struct Member {
    const ChangeSet* changes = nullptr;
    const std::function<void(SqliteConnection&)>* visit = nullptr;  // instead of changes
    Clock::time_point deadline;
    std::exception_ptr error;
  };
  using Batch = base::Together<Member>::Wishes;
  // A group's, of the connection that committed it.
  struct Sync {
    std::shared_ptr<SqliteConnection> connection;
    bool done = false;
  };

  bool join(Member& own);
  void lead(const Batch& batch) noexcept;
  void make_last(const Batch& batch, const std::shared_ptr<SqliteConnection>& connection) noexcept;
  void sync(const std::vector<Sync*>& syncs);
  SqliteConnection& writer();
  std::shared_ptr<SqliteConnection> writer_if_any() noexcept;
  void open_writer();
  void commit_batch(const Batch& batch) noexcept;
  // In an open transaction.
  void commit_together(SqliteConnection& connection, const Batch& batch);

  const Settings& settings_;
  KeyChecks& key_checks_;
  std::shared_ptr<SqliteConnection> writer_;  // the leader's alone
  SqliteCheckpoints checkpoints_;             // the leader's alone
  // A sync has failed: what the log holds may have gaps on the disk, and what is added to it might
  // be lost with them, until it has begun anew.
  std::atomic<bool> log_in_doubt_ = false;
  base::Together<Member> group_{64};
  base::Together<Sync> syncs_{64};
};

class SqliteStore : public SqlStore {
 public:
  SqliteStore(const Settings& settings, const FileKeyRing& keys, KeyChecks& key_checks,
              Health& health, RecordMemory& memory, StagedTotal& staged_total, CommitQueue& queue)
      : SqlStore(settings, keys, key_checks, health, memory, staged_total), queue_(queue) {}

 protected:
  std::shared_ptr<SqlConnection> connection() override;
  void disconnect(const SqlConnection* failed) noexcept override {
    if (reader_.get() == failed) reader_.reset();
  }
  void write(const ChangeSet& changes) override { queue_.commit(changes); }
  Fate look_up(const RecordWrite&, const vault::OpId&) override { return Fate::unknown; }

 private:
  CommitQueue& queue_;
  std::shared_ptr<SqliteConnection> reader_;
};

class SqliteStoreFactory : public vault::StoreFactory {
 public:
  SqliteStoreFactory(const Settings& settings, const FileKeyRing& keys, base::Log& log,
                     base::Counters& counters)
      : settings_(settings),
        keys_(keys),
        key_checks_(keys),
        health_(log, counters, settings.settled_after_ms, clock_),
        queue_(settings_, key_checks_) {}

  std::unique_ptr<vault::Store> open() override {
    return std::make_unique<SqliteStore>(settings_, keys_, key_checks_, health_, memory_,
                                         staged_total_, queue_);
  }
  CommitQueue& queue() { return queue_; }

 private:
  const Settings settings_;
  const FileKeyRing& keys_;
  KeyChecks key_checks_;
  const base::SystemClock clock_;
  Health health_;
  RecordMemory memory_;
  StagedTotal staged_total_;
  CommitQueue queue_;
};

}  // namespace db
