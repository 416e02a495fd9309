// Transactions and reads on a MariaDB server in few round trips. The changes of one or several
// stores share a transaction, by array binding: each statement is sent once, with a row of values
// for each store, and all are sent before the first answer is read. Library: libmariadb, on which
// Connector/C++ stands; the connector cannot bind arrays. Used by one thread at a time.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/secret.h"
#include "db/change_set.h"
#include "db/settings.h"
#include "db/sql.h"

namespace db {

class MySqlBulk {
 public:
  // Connects; throws SqlError `lost`.
  MySqlBulk(const Settings& settings, const base::Secret& password);
  ~MySqlBulk();
  MySqlBulk(const MySqlBulk&) = delete;

  // The server knows both (MariaDB does, MySQL does not).
  bool able() const;
  // What was executed cannot fail any more when it is committed, unless the server or its disk
  // does: on a cluster it can, for the other nodes are asked only then.
  bool commits_what_it_executed() const { return !clustered_; }

  // As committed at some moment of the call. Throws SqlError of the server or of the visit; after
  // `lost` the object is of no use.
  void query(const std::string& sql, const std::vector<Param>& params, const Visit& visit);

  // Of these, false: one of the changes meets a conflict or an error, nothing was written. They
  // throw SqlError: `lost`, nothing was written; `unknown`, open fate. After an exception the
  // object is of no use.

  // All of them or none, in a transaction for which send_commit() is to be called next.
  bool execute(const std::vector<const ChangeSet*>& changes);
  // Does not wait for the answer; await_commit() is to be called next.
  void send_commit();
  bool await_commit();

 private:
  struct Session;

  std::unique_ptr<Session> session_;
  bool clustered_ = true;
};

}  // namespace db
