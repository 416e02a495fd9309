// A connection to the store of the settings, whatever its engine: for what is done once, by a tool.
// Private to db.
#pragma once

#include <memory>
#include <string>

#include "base/bytes.h"
#include "db/key_checks.h"
#include "db/key_files.h"
#include "db/seal.h"
#include "db/settings.h"
#include "db/sql.h"
#include "db/sqlite_connection.h"

namespace db {

// Both throw SqlError. The mode counts for SQLite only. The settings need not outlive it.
std::unique_ptr<SqlConnection> open_connection(const Settings& settings, SqliteMode mode);
// The same for statements that go through a whole table, which may take hours on a server: as long
// as it answers, and nobody ends the tool.
std::unique_ptr<SqlConnection> open_patient(Settings settings, SqliteMode mode);
// The first, when the schema is the one of this build.
std::unique_ptr<SqlConnection> open_current(const Settings& settings, SqliteMode mode);

// What goes through a whole store holds. One thread at a time; the keys outlive it.
struct WholeStore {
  WholeStore(const Settings& s, const FileKeyRing& k, SqliteMode m)
      : settings(s), keys(k), sealer(k.master_keys()), mode(m), checks(k) {}

  const Settings settings;
  const FileKeyRing& keys;
  const Sealer sealer;
  const SqliteMode mode;
  KeyChecks checks;
  std::unique_ptr<SqlConnection> connection;  // null: to be made anew

  SqlConnection& connected() {
    if (connection) return *connection;
    auto fresh = open_current(settings, mode);
    const std::string fault = checks.fault(*fresh);
    if (!fault.empty()) throw SqlError(SqlError::Kind::misfit, 0, fault);
    connection = std::move(fresh);
    return *connection;
  }
};

// One view of the store for several reads.
class Snapshot {
 public:
  explicit Snapshot(SqlConnection& connection) : connection_(connection) {
    if (connection_.dialect() == Dialect::sqlite) {
      connection_.begin_read();
      return;
    }
    connection_.run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
    connection_.run("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY");
  }
  ~Snapshot() { connection_.rollback(); }
  Snapshot(const Snapshot&) = delete;

 private:
  SqlConnection& connection_;
};

// How a record is called whose ICCID is not at hand.
inline std::string record_name(base::View id) { return "record " + base::to_hex(id); }

}  // namespace db
