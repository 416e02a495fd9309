#include "db/mysql_store.h"

#include <thread>

#include "base/crypto.h"

namespace db {

using Kind = SqlError::Kind;

namespace {

// A server that does not answer costs each attempt the connect time-out: not for every request.
constexpr std::chrono::milliseconds kPauseAfterFailure{200};
constexpr std::uint32_t kLookUpPauseMs = 50;

}  // namespace

std::shared_ptr<SqlConnection> MySqlStore::connection() {
  if (connection_ && server_ != servers_.current()) connection_.reset();  // the others have left
  if (connection_ && closed_for_idleness()) {
    connection_.reset();
    connected_before_ = false;
  }
  if (!connection_) {
    if (Clock::now() < not_before_) {
      throw *failure_;
    }
    connect();
  }
  return connection_;
}

// By the server or what lies before it. Nothing was under way: the server is not lost for that.
bool MySqlStore::closed_for_idleness() {
  const std::chrono::milliseconds limit(settings().idle_check_ms);
  return connection_->idle() >= limit && !connection_->alive();
}

void MySqlStore::connect() {
  try {
    auto made = servers_.connect(password_, [&](MySqlConnection& fresh) { must_fit(fresh); });
    connection_ = std::move(made.connection);
    server_ = made.server;
  } catch (const SqlError& error) {
    not_before_ = Clock::now() + kPauseAfterFailure;
    failure_ = error;
    throw;
  }
  if (std::exchange(connected_before_, true)) health().count("db.reconnects");
}

// It was lost, or there is something wrong with it.
void MySqlStore::disconnect(const SqlConnection* failed) noexcept {
  if (!connection_ || connection_.get() != failed) return;
  servers_.lost(server_);
  connection_.reset();
}

void MySqlStore::write(const ChangeSet& changes) {
  if (key_checks().unrecorded()) record_keys();
  if (changes.ordinary()) {
    group_.commit(changes, [&] { write_statements(changes); });
  } else {
    write_statements(changes);
  }
}

// From here on over the connection of now: another update may have lost the one that this one has
// read over, while this one waited for its group.
void MySqlStore::record_keys() {
  const std::shared_ptr<SqlConnection> use = connection();
  try {
    key_checks().record(*use);
  } catch (const SqlError& error) {
    if (error.kind() == Kind::lost) disconnect(use.get());
    throw;
  }
}

void MySqlStore::write_statements(const ChangeSet& changes) {
  const std::shared_ptr<SqlConnection> use = connection();
  try {
    use->begin();
    apply(*use, changes);
  } catch (const SqlError& error) {
    // Also after a conflict: a lock wait that ran out leaves the transaction open, half done.
    if (error.kind() == Kind::lost) {
      disconnect(use.get());
    } else {
      use->rollback();
    }
    throw;
  } catch (...) {
    disconnect(use.get());  // else the next START TRANSACTION would commit what is half done
    throw;
  }
  try {
    use->commit();
  } catch (const SqlError& error) {
    if (error.kind() == Kind::conflict) {
      use->rollback();
    } else {
      disconnect(use.get());
    }
    throw;
  } catch (...) {
    disconnect(use.get());
    throw;
  }
}

std::optional<StoredRecord> MySqlStore::find_record(SqlConnection& use, const vault::Iccid& iccid) {
  return group_.read(use, iccid);
}

Fate MySqlStore::look_up(const RecordWrite& write, const vault::OpId& op) {
  const auto deadline = Clock::now() + std::chrono::milliseconds(settings().commit_deadline_ms);
  for (;;) {
    try {
      if (!connection_) connect();
      const Fate fate = look_up_once(write, op);
      connection_->rollback();
      return fate;
    } catch (const SqlError&) {
      disconnect(connection_.get());
      if (Clock::now() >= deadline) return Fate::unknown;
      const std::uint32_t pause = kLookUpPauseMs + base::random_below(kLookUpPauseMs);
      std::this_thread::sleep_for(std::chrono::milliseconds(pause));
    } catch (...) {
      disconnect(connection_.get());  // its transaction is open
      throw;
    }
  }
}

// The locking read waits for a transaction of ours that the server has not ended yet. On a
// cluster the session first catches up with what other nodes have committed.
Fate MySqlStore::look_up_once(const RecordWrite& write, const vault::OpId& op) {
  connection_->try_run("SET SESSION wsrep_sync_wait = 1");
  connection_->begin();
  bool there = false;
  bool ours = false;
  std::uint64_t version = 0;
  connection_->query("SELECT version, last_op FROM records WHERE id = ? FOR UPDATE",
                     {base::View(write.record.id)}, [&](const Row& row) {
                       there = true;
                       version = static_cast<std::uint64_t>(row.number(0));
                       ours = row.blob(1) == base::Bytes(op.begin(), op.end());
                     });
  bool noted = false;
  if (!ours && write.last_seq > 0) {
    connection_->query("SELECT op FROM history WHERE record_id = ? AND seq = ?",
                       {base::View(write.record.id), number(write.last_seq)}, [&](const Row& row) {
                         noted = row.blob(0) == base::Bytes(op.begin(), op.end());
                       });
  }
  connection_->try_run("SET SESSION wsrep_sync_wait = 0");
  if (ours || noted) return Fate::committed;
  if (write.last_seq > 0) return Fate::not_committed;  // its entry would be there for ever
  // Nobody else inserts under our random id.
  if (write.kind == RecordWrite::Kind::insert) {
    return there ? Fate::committed : Fate::not_committed;
  }
  if (there && version <= write.loaded.number + 1) return Fate::not_committed;
  return Fate::unknown;  // commits of others since then may have covered ours
}

}  // namespace db
