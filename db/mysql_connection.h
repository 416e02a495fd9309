// SqlConnection on MySQL Connector/C++ 1.1 (over libmariadb): MariaDB and MySQL servers.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "db/settings.h"
#include "db/sql.h"

namespace db {

// Takes the driver, once per process and guarded. Its first use sets SIGPIPE to "ignore" for the
// whole process; the host's own disposition is put back before this returns.
base::Status take_mysql_driver();

// Server and client error numbers by what they mean to a transaction.
SqlError::Kind mysql_kind(int code);
// Statements by which every session begins.
std::vector<std::string> session_settings(const Settings& settings);

// Names a server, and has a password file that can be read.
base::Result<base::Secret> mysql_password(const Settings& settings);

class MySqlConnection : public SqlConnection {
 public:
  // Connects; throws SqlError `lost`.
  MySqlConnection(const Settings& settings, const base::Secret& password);
  ~MySqlConnection() override;
  MySqlConnection(const MySqlConnection&) = delete;

  Dialect dialect() const override { return Dialect::mysql; }
  void begin() override { run("START TRANSACTION"); }
  void commit() override;
  void rollback() noexcept override;
  using SqlConnection::execute;
  using SqlConnection::query;
  std::uint64_t execute(std::string_view sql, Params params) override;
  void query(std::string_view sql, Params params, const Visit& visit) override;
  void run(const std::string& sql) override;
  // On a cluster: returns when what was committed anywhere before the call can be seen here.
  void catch_up();
  // How long ago it was last used.
  std::chrono::steady_clock::duration idle() const;
  // It still leads to the server. Asks it.
  bool alive() noexcept;
  // For settings that not every server knows.
  void try_run(const std::string& sql);

 private:
  struct Session;

  void prepare_session(const Settings& settings);

  std::unique_ptr<Session> session_;
  std::chrono::steady_clock::time_point used_at_ = std::chrono::steady_clock::now();
};

}  // namespace db
