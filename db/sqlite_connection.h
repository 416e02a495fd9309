// SqlConnection on the bare SQLite library.
#pragma once

#include <memory>
#include <string>

#include "db/sql.h"

struct sqlite3;

namespace db {

class SqliteLog;

enum class SqliteMode { read, write, create };  // create: makes the file, with mode 0600

class SqliteConnection : public SqlConnection {
 public:
  // Throws SqlError: `lost` when the file cannot be opened, `schema` when there is none.
  SqliteConnection(const std::string& path, SqliteMode mode, std::int64_t busy_timeout_ms);
  ~SqliteConnection() override;
  SqliteConnection(const SqliteConnection&) = delete;

  Dialect dialect() const override { return Dialect::sqlite; }
  void begin() override { execute("BEGIN IMMEDIATE", {}); }
  void commit() override { execute("COMMIT", {}); }
  void rollback() noexcept override;
  void begin_read() override { execute("BEGIN", {}); }
  void end_read() noexcept override { rollback(); }
  using SqlConnection::execute;
  using SqlConnection::query;
  std::uint64_t execute(std::string_view sql, Params params) override;
  void query(std::string_view sql, Params params, const Visit& visit) override;
  void run(const std::string& sql) override;

  // From now on commit() leaves it to checkpoint() to write the log back to the database file,
  // however long the log is: up to SQLite 3.51.2 a commit that begins the log anew may be lost just
  // when somebody else begins to write it back once more.
  void defer_checkpoints();
  // As of the last commit of this connection, in pages, once checkpoints are deferred.
  int log_pages() const { return log_pages_; }
  // Writes back what no reader needs from the log; others read and write meanwhile. What cannot be
  // done now is left to the next one.
  void checkpoint() noexcept;
  // A page that many transactions write goes to the database file once for all of them: four times
  // as many as by SQLite's default, for a log of 16 MiB.
  static constexpr int kCheckpointPages = 4000;

  // From now on commit() does not wait for the disk: what was committed outlasts a power failure
  // once sync_log() has returned true after it. Only where the journal is a log (WAL), which has
  // been read or written already; elsewhere nothing changes.
  void defer_syncs();
  // Any thread, also while another one uses the connection.
  bool sync_log() noexcept;
  // Writes all of the log back and begins it anew. Throws SqlError when somebody still needs it.
  void empty_log();

  // How long a statement waits for another connection's lock.
  void busy_timeout(std::int64_t ms);
  // False when SQLite itself has ended the transaction because of an error.
  bool in_transaction() const;

 private:
  struct Cache;

  void must_sync_log();

  sqlite3* handle_ = nullptr;
  std::unique_ptr<SqliteLog> log_;  // once syncs are deferred
  int log_pages_ = 0;
  std::unique_ptr<Cache> cache_;
};

}  // namespace db
