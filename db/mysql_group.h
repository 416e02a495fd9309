// Group commit: changes of stores that wait at the same moment share one transaction.
#pragma once

#include <functional>
#include <memory>

#include "base/secret.h"
#include "base/together.h"
#include "db/change_set.h"
#include "db/mysql_bulk.h"
#include "db/mysql_servers.h"

namespace db {

// Any thread; no thread of its own.
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
  enum class Fate { done, alone, unknown };
  struct Member {
    const ChangeSet* changes = nullptr;
    Fate fate = Fate::alone;
  };
  using Members = base::Together<Member>::Wishes;

  Fate commit_together(const Members& members);

  const MySqlServers& servers_;
  const base::Secret& password_;
  std::unique_ptr<MySqlBulk> bulk_;  // the leader's alone
  std::size_t server_ = 0;           // that it leads to
  bool unable_ = false;              // the leader's alone: the server does not know array binding
  base::Together<Member> together_{64};
};

}  // namespace db
