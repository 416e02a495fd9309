#include "db/mysql_connection.h"

// The connector's headers include <iostream>, which would bring a static constructor into the
// host's process. They only need the stream types.
#include <istream>
#include <ostream>
#if defined(__GLIBCXX__) && !defined(_GLIBCXX_IOSTREAM)
#define _GLIBCXX_IOSTREAM 1
#endif

#include <cppconn/exception.h>
#include <cppconn/prepared_statement.h>
#include <cppconn/resultset.h>
#include <cppconn/statement.h>
#include <mysql_connection.h>
#include <mysql_driver.h>

#include <csignal>
#include <map>
#include <mutex>

#include "base/log.h"
#include "db/key_files.h"
#include "db/mysql_close_on_exec.h"

namespace db {

namespace {

using Kind = SqlError::Kind;

}  // namespace

SqlError::Kind mysql_kind(int code) {
  switch (code) {
    case 1205:  // lock wait timeout: leaves the transaction open
    case 1213:  // deadlock, or certification conflict of a cluster
    case 1020:  // row changed since it was read
      return Kind::conflict;
    case 1021:  // disk full
    case 1114:  // table full
      return Kind::full;
    case 1062:
    case 1586:
      return Kind::constraint;
    case 1050:
    case 1060:
    case 1061:
      return Kind::exists;
    case 1040:  // too many connections
    case 1045:  // access denied
    case 1047:  // cluster node is not ready
    case 1049:  // no such database
    case 1053:  // shutdown in progress
    case 1129:
    case 1130:
    case 1180:  // error during COMMIT: node left the cluster
    case 1203:
    case 1226:
    case 1243:  // prepared statement gone with its session
    case 1290:  // read only: no longer the writing server
    case 1317:  // interrupted
    case 1615:
    case 1792:
    case 1836:
    case 1927:  // killed
    case 1969:
    case 4031:
      return Kind::lost;
    default:
      return code >= 2000 && code < 3000 ? Kind::lost : Kind::other;
  }
}

namespace {

// Of the server's texts only those of a failed connection are passed on: others may quote values.
[[noreturn]] void fail(const sql::SQLException& error, const char* what) {
  const int code = error.getErrorCode();
  const Kind kind = mysql_kind(code);
  std::string text = base::cat("mysql: ", what, " failed (", code, ")");
  if (kind == Kind::lost) text += std::string(": ") + error.what();
  throw SqlError(kind, code, std::move(text));
}

class MySqlRow : public Row {
 public:
  explicit MySqlRow(sql::ResultSet& result) : result_(result) {}
  bool null(int column) const override { return result_.isNull(index(column)); }
  std::int64_t number(int column) const override { return result_.getInt64(index(column)); }
  std::string text(int column) const override {
    return null(column) ? std::string() : result_.getString(index(column)).asStdString();
  }
  base::Bytes blob(int column) const override {
    if (null(column)) return {};
    const sql::SQLString octets = result_.getString(index(column));
    const auto view = base::as_bytes(octets.asStdString());
    return base::Bytes(view.begin(), view.end());
  }

 private:
  static std::uint32_t index(int column) { return static_cast<std::uint32_t>(column + 1); }

  sql::ResultSet& result_;
};

void bind(sql::PreparedStatement& statement, std::uint32_t index, const Param& param) {
  if (const auto* value = std::get_if<std::int64_t>(&param)) {
    statement.setInt64(index, *value);
  } else if (const auto* text = std::get_if<std::string_view>(&param)) {
    statement.setString(index, sql::SQLString(text->data(), text->size()));
  } else if (const auto* blob = std::get_if<base::View>(&param)) {
    // setBlob would send every one in a packet of its own, the 16 octets of an id as well.
    const std::string_view octets = base::as_text(*blob);
    statement.setString(index, sql::SQLString(octets.data(), octets.size()));
  } else {
    statement.setNull(index, 0);
  }
}

// Updates name the columns that they change: there are many texts, of which few are common.
constexpr std::size_t kMostPrepared = 200;

int whole_seconds(std::int64_t ms) {
  return static_cast<int>(std::max<std::int64_t>(1, (ms + 999) / 1000));
}

// Set by take_mysql_driver, never given back: the library keeps it for the life of the process.
sql::mysql::MySQL_Driver* driver = nullptr;
std::mutex driver_mutex;

sql::ConnectOptionsMap options_of(const Settings& settings, const base::Secret& password) {
  sql::ConnectOptionsMap options;
  options["hostName"] = sql::SQLString(settings.socket.empty()
                                           ? base::cat("tcp://", settings.host, ":", settings.port)
                                           : "unix://" + settings.socket);
  options["userName"] = sql::SQLString(settings.user);
  options["password"] = sql::SQLString(std::string(base::as_text(password.view())));
  options["schema"] = sql::SQLString(settings.database);
  options["OPT_CONNECT_TIMEOUT"] = whole_seconds(settings.connect_timeout_ms);
  options["OPT_READ_TIMEOUT"] = whole_seconds(settings.query_timeout_ms);
  options["OPT_WRITE_TIMEOUT"] = whole_seconds(settings.query_timeout_ms);
  options["OPT_CHARSET_NAME"] = sql::SQLString("utf8mb4");
  options["OPT_LOCAL_INFILE"] = 0;
  if (!settings.tls_ca.empty()) {
    // Only the two together refuse a server without TLS, with another CA or another name.
    options["sslCA"] = sql::SQLString(settings.tls_ca);
    options["sslVerify"] = true;
  }
  return options;
}

}  // namespace

std::vector<std::string> session_settings(const Settings& settings) {
  const int seconds = whole_seconds(settings.query_timeout_ms);
  return {"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
          "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
          // Ends before the client's own patience does: a lock wait must not look like a lost
          // server.
          base::cat("SET SESSION innodb_lock_wait_timeout = ", std::max(1, seconds - 1))};
}

base::Status take_mysql_driver() {
  std::lock_guard lock(driver_mutex);
  if (driver != nullptr) return {};
  struct sigaction host_action {};
  ::sigaction(SIGPIPE, nullptr, &host_action);
  base::Status status;
  try {
    driver = sql::mysql::get_driver_instance();
  } catch (const std::exception&) {
    status = base::Error{"the MySQL client library cannot be initialised"};
  }
  ::sigaction(SIGPIPE, &host_action, nullptr);
  return status;
}

base::Result<base::Secret> mysql_password(const Settings& settings) {
  if (settings.socket.empty() && settings.host.empty()) {
    return base::Error{"[store] neither host nor socket is given"};
  }
  if (settings.password_file.empty()) return base::Secret();
  auto content = read_secret_file(settings.password_file);
  if (!content) return base::Error{content.error()};
  const std::string_view text = base::as_text(content->view());
  const std::string_view line = text.substr(0, text.find_first_of("\r\n"));
  return base::Secret(base::as_bytes(line));
}

struct MySqlConnection::Session {
  std::unique_ptr<sql::Connection> connection;
  std::unique_ptr<sql::Statement> plain;
  std::map<std::string, std::unique_ptr<sql::PreparedStatement>, std::less<>> prepared;

  sql::PreparedStatement& prepare(std::string_view sql) {
    const auto found = prepared.find(sql);
    if (found != prepared.end()) return *found->second;
    if (prepared.size() >= kMostPrepared) prepared.clear();
    std::unique_ptr<sql::PreparedStatement> made(
        connection->prepareStatement(sql::SQLString(sql.data(), sql.size())));
    return *prepared.emplace(sql, std::move(made)).first->second;
  }
  sql::PreparedStatement& bound(std::string_view sql, Params params) {
    sql::PreparedStatement& statement = prepare(sql);
    std::uint32_t index = 0;
    for (const Param& param : params) bind(statement, ++index, param);
    return statement;
  }
};

MySqlConnection::MySqlConnection(const Settings& settings, const base::Secret& password)
    : session_(std::make_unique<Session>()) {
  if (const base::Status taken = take_mysql_driver(); !taken) {
    throw SqlError(Kind::lost, 0, taken.error());
  }
  try {
    driver->threadInit();
    sql::ConnectOptionsMap options = options_of(settings, password);
    const CloseOnExec descriptors;
    session_->connection.reset(driver->connect(options));
    descriptors.mark(settings);
    session_->plain.reset(session_->connection->createStatement());
  } catch (const sql::SQLException& error) {
    // Whatever is wrong here, it is the connection that cannot be had.
    throw SqlError(Kind::lost, error.getErrorCode(),
                   base::cat("mysql: connect failed (", error.getErrorCode(), "): ", error.what()));
  }
  prepare_session(settings);
}

MySqlConnection::~MySqlConnection() {
  session_.reset();
  driver->threadEnd();
}

void MySqlConnection::prepare_session(const Settings& settings) {
  const int seconds = whole_seconds(settings.query_timeout_ms);
  for (const std::string& setting : session_settings(settings)) run(setting);
  // MariaDB: a client that vanished in the middle gives its row locks back soon.
  try_run(base::cat("SET SESSION idle_transaction_timeout = ", 2 * seconds));
  if (settings.tls_ca.empty()) return;
  std::string cipher;
  query("SHOW STATUS LIKE 'Ssl_cipher'", {}, [&](const Row& row) { cipher = row.text(1); });
  if (cipher.empty()) throw SqlError(Kind::lost, 0, "mysql: the connection is not encrypted");
}

void MySqlConnection::commit() {
  try {
    session_->plain->execute("COMMIT");
  } catch (const sql::SQLException& error) {
    const int code = error.getErrorCode();
    const Kind kind = mysql_kind(code) == Kind::conflict ? Kind::conflict : Kind::unknown;
    throw SqlError(kind, code, base::cat("mysql: COMMIT failed (", code, ")"));
  }
}

void MySqlConnection::rollback() noexcept {
  try {
    session_->plain->execute("ROLLBACK");
  } catch (const std::exception&) {
    // The connection is gone, and the transaction with it; the next statement will say so.
  }
}

std::uint64_t MySqlConnection::execute(std::string_view sql, Params params) {
  used_at_ = std::chrono::steady_clock::now();
  try {
    return static_cast<std::uint64_t>(session_->bound(sql, params).executeUpdate());
  } catch (const sql::SQLException& error) {
    fail(error, "statement");
  }
}

void MySqlConnection::query(std::string_view sql, Params params, const Visit& visit) {
  used_at_ = std::chrono::steady_clock::now();
  try {
    const std::unique_ptr<sql::ResultSet> result(session_->bound(sql, params).executeQuery());
    const MySqlRow row(*result);
    while (result->next()) visit(row);
  } catch (const sql::SQLException& error) {
    fail(error, "query");
  }
}

void MySqlConnection::run(const std::string& sql) {
  try {
    session_->plain->execute(sql);
  } catch (const sql::SQLException& error) {
    fail(error, "statement");
  }
}

void MySqlConnection::catch_up() {
  try_run("SET SESSION wsrep_sync_wait = 1");
  query("SELECT 1", {}, [](const Row&) {});
  try_run("SET SESSION wsrep_sync_wait = 0");
}

std::chrono::steady_clock::duration MySqlConnection::idle() const {
  return std::chrono::steady_clock::now() - used_at_;
}

bool MySqlConnection::alive() noexcept {
  try {
    query("SELECT 1", {}, [](const Row&) {});
    return true;
  } catch (...) {
    return false;
  }
}

void MySqlConnection::try_run(const std::string& sql) {
  try {
    run(sql);
  } catch (const SqlError& error) {
    if (error.kind() == Kind::lost) throw;
  }
}

}  // namespace db
