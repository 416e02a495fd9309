// Transactions on a MariaDB server in few round trips. The changes of several stores share one, by
// array binding: each statement is sent once, with a row of values for each store. Those of a
// single store are sent as one compound statement from the first UPDATE to COMMIT; large values go
// before it, because the server copies the values of a compound statement into its text. Library:
// libmariadb, on which Connector/C++ stands; the connector cannot bind arrays. Used by one thread
// at a time.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/secret.h"
#include "db/change_set.h"
#include "db/settings.h"
#include "db/sql.h"

namespace db {

// Statements of a transaction in their order, each with the values of one execution.
struct RecordedStatement {
  std::string sql;
  std::vector<Param> params;  // borrowed from the change set
  bool one_row = false;       // must change exactly one row
};

class MySqlBulk {
 public:
  // Connects; throws SqlError `lost`.
  MySqlBulk(const Settings& settings, const base::Secret& password);
  ~MySqlBulk();
  MySqlBulk(const MySqlBulk&) = delete;

  // The server knows both (MariaDB does, MySQL does not).
  bool able() const;
  // All of them, durably, or none. False: not together (one of them meets a conflict or an error),
  // nothing was written. Throws SqlError: `lost`, nothing was written; `unknown`, open fate.
  // After an exception the object is of no use.
  bool commit(const std::vector<const ChangeSet*>& changes);

 private:
  struct Session;
  bool commit_one(const ChangeSet& changes);
  bool commit_many(const std::vector<const ChangeSet*>& changes);
  bool rolled_back(const SqlError& error);

  std::unique_ptr<Session> session_;
};

}  // namespace db
