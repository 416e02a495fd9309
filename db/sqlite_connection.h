// SqlConnection on the bare SQLite library.
#pragma once

#include <memory>
#include <string>

#include "db/sql.h"

struct sqlite3;

namespace db {

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

  // How long a statement waits for another connection's lock.
  void busy_timeout(std::int64_t ms);
  // False when SQLite itself has ended the transaction because of an error.
  bool in_transaction() const;

 private:
  struct Cache;

  sqlite3* handle_ = nullptr;
  std::unique_ptr<Cache> cache_;
};

}  // namespace db
