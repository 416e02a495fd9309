// Group commit: changes of stores that wait at the same moment share one transaction. The first
// who waits leads; while it commits, the next group gathers. Any thread; no thread of its own.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/doorbell.h"
#include "base/secret.h"
#include "db/change_set.h"
#include "db/mysql_bulk.h"
#include "db/mysql_servers.h"

namespace db {

class MySqlGroup {
 public:
  // Both outlive the group.
  MySqlGroup(const MySqlServers& servers, const base::Secret& password)
      : servers_(servers), password_(password) {}

  // Returns when the changes are durable: by a leader, or because `alone` has done it, which is
  // called when they could not be committed by the leader or the leader takes too long. Throws
  // SqlError `unknown`, and what `alone` throws.
  void commit(const ChangeSet& changes, const std::function<void()>& alone);

 private:
  enum class Fate { waiting, leads, done, alone, unknown };
  struct Member {
    const ChangeSet* changes = nullptr;
    Fate fate = Fate::waiting;
    base::Doorbell decided;  // rung once, when its fate is
  };
  using Members = std::vector<Member*>;

  void wait_for_leader(Member& own);
  void lead(Member& own, Members& members);
  void take_all(Members& members);
  Member* hand_over();
  Fate commit_together(const Members& members);

  const MySqlServers& servers_;
  const base::Secret& password_;
  std::unique_ptr<MySqlBulk> bulk_;  // the leader's alone
  std::size_t server_ = 0;           // that it leads to
  bool unable_ = false;              // the leader's alone: the server does not know array binding
  std::mutex mutex_;
  std::deque<Member*> queue_;
  bool led_ = false;
};

}  // namespace db
