// Group commit and group read: changes of stores that wait at the same moment share one
// transaction, the records that they want one statement, and both one connection. Of a small read
// the server's work is mostly the statement, not the row; and two connections that take turns cost
// more than either, since each wakes another of the server's threads.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/guarded.h"
#include "base/secret.h"
#include "base/together.h"
#include "db/change_set.h"
#include "db/mysql_bulk.h"
#include "db/mysql_servers.h"
#include "db/record_row.h"
#include "vault/types.h"

namespace db {

// Any thread; no thread of its own. Of changes that need not outlast a failure (ChangeSet) nobody
// waits for the COMMIT: their statements have been carried out, so that their rows are locked and
// nothing can be in their way any more, and the COMMIT has been sent. Its answer is read by
// whoever leads next.
class MySqlGroup {
 public:
  // What throws SqlError where a fresh connection leads to a database that does not fit.
  using MustFit = std::function<void(SqlConnection&)>;
  // Servers and password outlive the group.
  MySqlGroup(const MySqlServers& servers, const base::Secret& password, MustFit must_fit)
      : servers_(servers), password_(password), must_fit_(std::move(must_fit)) {}

  // Returns when the changes are durable, or, if they need not be, on their way: by a leader, or
  // because `alone` has done it, which is called when they could not be committed by the leader or
  // the leader takes too long. Throws SqlError `unknown`, and what `alone` throws.
  void commit(const ChangeSet& changes, const std::function<void()>& alone);
  // The record as committed at some moment of the call, and not before what commit() has written to
  // it; over `use` when no leader has done it. Throws SqlError: of `use`, or `conflict` when a
  // COMMIT of the record takes too long, to be tried again.
  std::optional<StoredRecord> read(SqlConnection& use, const vault::Iccid& iccid);

 private:
  enum class Fate { done, alone, unknown };
  // One of both.
  struct Wish {
    const ChangeSet* changes = nullptr;
    const vault::Iccid* wanted = nullptr;
    std::optional<StoredRecord> found;
    Fate fate = Fate::alone;
  };
  using Group = base::Together<Wish>::Group;

  void lead(Group& group) noexcept;
  // False: the connection was lost.
  bool read_together(Group& group) noexcept;
  void read_all(const std::vector<Wish*>& readers);
  Fate commit_together(Group& group);
  bool is_on_its_way(const vault::Iccid& iccid);
  // False: not with array binding, or not yet again.
  bool connect();
  void release_early(Group& group);
  bool wait_for_last() noexcept;
  void drop() noexcept;

  const MySqlServers& servers_;
  const base::Secret& password_;
  const MustFit must_fit_;
  std::unique_ptr<MySqlBulk> bulk_;  // the leader's alone
  std::size_t server_ = 0;           // that it leads to
  bool unable_ = false;              // the leader's alone: the server does not know array binding
  std::chrono::steady_clock::time_point not_before_{};  // after a failure: no new one until then
  // A COMMIT was sent whose answer nobody has read yet, and somebody did not wait for it.
  std::atomic<bool> any_on_their_way_ = false;
  base::Guarded<std::vector<vault::Iccid>> on_their_way_;  // theirs
  base::Together<Wish> together_{64};
};

}  // namespace db
