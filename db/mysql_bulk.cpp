#include "db/mysql_bulk.h"

#include <fcntl.h>
#include <mysql.h>

#include <algorithm>
#include <map>
#include <optional>
#include <stdexcept>
#include <utility>

#include "base/log.h"
#include "db/mysql_connection.h"
#include "db/mysql_rows.h"

namespace db {

namespace {

using Kind = SqlError::Kind;

// Statements of a transaction in their order, each with the values of one execution.
struct RecordedStatement {
  std::string sql;
  std::vector<Param> params;  // borrowed from the change set
  bool one_row = false;       // must change exactly one row
};

// Takes down what apply() would do.
class Recorder : public SqlConnection {
 public:
  using SqlConnection::change_one;
  using SqlConnection::execute;
  using SqlConnection::query;
  std::uint64_t execute(std::string_view sql, Params params) override {
    add(sql, params, false);
    return 1;
  }
  void change_one(std::string_view sql, Params params) override { add(sql, params, true); }
  Dialect dialect() const override { return Dialect::mysql; }
  void begin() override {}
  void commit() override {}
  void rollback() noexcept override {}
  void query(std::string_view, Params, const Visit&) override { only_writes(); }
  void run(const std::string&) override { only_writes(); }

  std::vector<RecordedStatement> statements;

 private:
  [[noreturn]] static void only_writes() { throw std::logic_error("a change set only writes"); }
  void add(std::string_view sql, Params params, bool one_row) {
    statements.push_back({std::string(sql), {params.begin(), params.end()}, one_row});
  }
};

using Rows = std::vector<std::vector<Param>>;

// The same statement of several stores.
struct Bulk {
  std::string sql;
  bool one_row = false;
  Rows rows;
};

// Merges lists that all keep to one order of statements, and keeps to it.
void merge(std::vector<Bulk>& into, std::vector<RecordedStatement>& statements) {
  std::size_t at = 0;
  for (RecordedStatement& statement : statements) {
    const auto same = [&](const Bulk& bulk) { return bulk.sql == statement.sql; };
    auto found = std::find_if(into.begin(), into.end(), same);
    if (found == into.end()) {
      found = into.insert(into.begin() + static_cast<std::ptrdiff_t>(std::min(at, into.size())),
                          {std::move(statement.sql), statement.one_row, {}});
    }
    found->rows.push_back(std::move(statement.params));
    at = static_cast<std::size_t>(found - into.begin()) + 1;
  }
}

// Octets are bound as such: of a string the server looks at every character.
struct Value {
  enum_field_types type = MYSQL_TYPE_NULL;
  long long number = 0;
  std::string_view octets;

  explicit Value(const Param& param) {
    if (const auto* value = std::get_if<std::int64_t>(&param)) {
      type = MYSQL_TYPE_LONGLONG;
      number = *value;
    } else if (const auto* text = std::get_if<std::string_view>(&param)) {
      type = MYSQL_TYPE_STRING;
      octets = *text;
    } else if (const auto* blob = std::get_if<base::View>(&param)) {
      type = MYSQL_TYPE_BLOB;
      octets = base::as_text(*blob);
    }
  }
  char* data() const { return const_cast<char*>(octets.empty() ? "" : octets.data()); }
};

// One parameter of all rows, as the library wants it: in arrays, or a single one as it is.
struct Column {
  std::vector<long long> numbers;
  std::vector<char*> texts;
  std::vector<unsigned long> sizes;
  std::vector<char> indicators;

  void fill(const Rows& rows, std::size_t i, bool arrays, MYSQL_BIND& bind) {
    bind.buffer_type = arrays ? MYSQL_TYPE_STRING : MYSQL_TYPE_NULL;
    for (const std::vector<Param>& row : rows) {
      const Value value(row[i]);
      const bool null = value.type == MYSQL_TYPE_NULL;
      if (!null) bind.buffer_type = value.type;
      indicators.push_back(null ? STMT_INDICATOR_NULL : STMT_INDICATOR_NONE);
      numbers.push_back(value.number);
      texts.push_back(value.data());
      sizes.push_back(value.octets.size());
    }
    bind.u.indicator = indicators.data();
    bind.length = sizes.data();
    bind.buffer = arrays ? static_cast<void*>(texts.data()) : texts.front();
    if (bind.buffer_type == MYSQL_TYPE_LONGLONG) bind.buffer = numbers.data();
  }
};

struct CloseHandle {
  void operator()(MYSQL* handle) const { mysql_close(handle); }
};
struct CloseStatement {
  void operator()(MYSQL_STMT* statement) const { mysql_stmt_close(statement); }
};

constexpr unsigned kUnknownVariable = 1193;

unsigned whole_seconds(std::int64_t ms) {
  return static_cast<unsigned>(std::max<std::int64_t>(1, (ms + 999) / 1000));
}

}  // namespace

struct MySqlBulk::Session {
  std::unique_ptr<MYSQL, CloseHandle> handle;
  std::map<std::string, std::unique_ptr<MYSQL_STMT, CloseStatement>, std::less<>> prepared;

  bool ends_a_read = false;  // a ROLLBACK was sent whose answer nobody has read yet

  [[noreturn]] void fail(unsigned code, const char* what) const {
    const Kind kind = mysql_kind(static_cast<int>(code));
    throw SqlError(kind, static_cast<int>(code),
                   base::cat("mysql: ", what, " failed (", code, ")"));
  }

  void run(const std::string& sql, bool must = true) const {
    if (mysql_real_query(handle.get(), sql.data(), sql.size()) == 0 || !must) return;
    fail(mysql_errno(handle.get()), "statement");
  }

  // A read leaves its transaction open. Its end was sent; the answer is read when it is in the way.
  void end_read() {
    constexpr std::string_view kRollback = "ROLLBACK";
    if (mysql_send_query(handle.get(), kRollback.data(), kRollback.size()) != 0) {
      fail(mysql_errno(handle.get()), "sending");
    }
    ends_a_read = true;
  }
  void settle() {
    if (!std::exchange(ends_a_read, false)) return;
    if (mysql_read_query_result(handle.get()) != 0) fail(mysql_errno(handle.get()), "ROLLBACK");
  }

  // Before so many are prepared: of those none is forgotten again.
  void forget_if_many(std::size_t more) {
    constexpr std::size_t kMostPrepared = 200;
    if (prepared.size() + more > kMostPrepared) prepared.clear();
  }

  MYSQL_STMT* prepare(const std::string& sql) {
    const auto found = prepared.find(sql);
    if (found != prepared.end()) return found->second.get();
    std::unique_ptr<MYSQL_STMT, CloseStatement> made(mysql_stmt_init(handle.get()));
    if (!made) throw std::bad_alloc();
    if (mysql_stmt_prepare(made.get(), sql.data(), sql.size()) != 0) {
      fail(mysql_stmt_errno(made.get()), "prepare");
    }
    return prepared.emplace(sql, std::move(made)).first->second.get();
  }

  // Binds the rows and sends; `arrays` for statements that know them, else there is one row.
  bool send(MYSQL_STMT* statement, const Rows& rows, bool arrays) const {
    const std::size_t width = rows.front().size();
    std::vector<MYSQL_BIND> binds(width);  // all zero
    std::vector<Column> columns(width);
    for (std::size_t i = 0; i < width; ++i) columns[i].fill(rows, i, arrays, binds[i]);
    const auto count = static_cast<unsigned>(arrays ? rows.size() : 0);
    mysql_stmt_attr_set(statement, STMT_ATTR_ARRAY_SIZE, &count);
    return mysql_stmt_bind_param(statement, binds.data()) == 0 &&
           mysql_stmt_execute(statement) == 0;
  }

  // All in one round trip, or none of them: false then.
  bool execute(const std::vector<Bulk>& all) {
    try {
      return change_as_expected(all) || rolled_back();
    } catch (const SqlError& error) {
      return not_done(error);
    }
  }

  // When sending or reading an answer fails, the connection is of no use, whatever the reason:
  // answers may be under way.
  bool change_as_expected(const std::vector<Bulk>& all) {
    settle();
    forget_if_many(all.size());
    std::vector<MYSQL_STMT*> statements;
    for (const Bulk& bulk : all) statements.push_back(prepare(bulk.sql));
    leave_answers(true);
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (send(statements[i], all[i].rows, true)) continue;
      const auto code = static_cast<int>(mysql_stmt_errno(statements[i]));
      throw SqlError(Kind::lost, code, base::cat("mysql: sending failed (", code, ")"));
    }
    leave_answers(false);
    bool as_expected = true;
    unsigned failed = 0;
    for (const Bulk& bulk : all) {
      if (mysql_read_query_result(handle.get()) == 0) {
        const bool each = mysql_affected_rows(handle.get()) == bulk.rows.size();
        as_expected = as_expected && (each || !bulk.one_row);
        continue;
      }
      const unsigned code = mysql_errno(handle.get());
      const bool lost = mysql_kind(static_cast<int>(code)) == Kind::lost;
      if (failed == 0 || lost) failed = code;
      if (lost) break;  // what else it has said stays unread
    }
    if (failed != 0) fail(failed, "statement");
    return as_expected;
  }

  bool rolled_back() const {
    run("ROLLBACK");
    return false;
  }
  // What has failed before the COMMIT has not happened.
  bool not_done(const SqlError& error) const {
    if (error.kind() == Kind::lost) throw error;
    return rolled_back();
  }

  // The library's way to send several statements before an answer is read.
  void leave_answers(bool leave) const {
    const my_bool value = leave ? 1 : 0;
    mysql_optionsv(handle.get(), MARIADB_OPT_SKIP_READ_RESPONSE, &value);
  }

  // The first value of the first row; nothing for NULL, no row, or a variable that the server does
  // not know.
  std::optional<std::string> ask(const std::string& sql) const {
    if (mysql_real_query(handle.get(), sql.data(), sql.size()) != 0) {
      if (mysql_errno(handle.get()) == kUnknownVariable) return std::nullopt;
      fail(mysql_errno(handle.get()), "query");
    }
    const std::unique_ptr<MYSQL_RES, decltype(&mysql_free_result)> rows(
        mysql_store_result(handle.get()), &mysql_free_result);
    if (!rows) fail(mysql_errno(handle.get()), "query");
    const MYSQL_ROW row = mysql_fetch_row(rows.get());
    if (row == nullptr || row[0] == nullptr) return std::nullopt;
    return row[0];
  }

  // With what other nodes have committed.
  void catch_up() const {
    run("SET SESSION wsrep_sync_wait = 1");
    (void)ask("SELECT 1");
    run("SET SESSION wsrep_sync_wait = 0");
  }
};

MySqlBulk::MySqlBulk(const Settings& settings, const base::Secret& password)
    : session_(std::make_unique<Session>()) {
  session_->handle.reset(mysql_init(nullptr));
  MYSQL* const handle = session_->handle.get();
  if (handle == nullptr) throw std::bad_alloc();
  const unsigned connect_timeout = whole_seconds(settings.connect_timeout_ms);
  const unsigned query_timeout = whole_seconds(settings.query_timeout_ms);
  const unsigned off = 0;
  const my_bool on = 1;
  mysql_options(handle, MYSQL_OPT_CONNECT_TIMEOUT, &connect_timeout);
  mysql_options(handle, MYSQL_OPT_READ_TIMEOUT, &query_timeout);
  mysql_options(handle, MYSQL_OPT_WRITE_TIMEOUT, &query_timeout);
  mysql_options(handle, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  mysql_options(handle, MYSQL_OPT_LOCAL_INFILE, &off);
  if (!settings.tls_ca.empty()) {
    mysql_options(handle, MYSQL_OPT_SSL_CA, settings.tls_ca.c_str());
    mysql_options(handle, MYSQL_OPT_SSL_ENFORCE, &on);
    mysql_options(handle, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &on);
  }
  const bool local = !settings.socket.empty();
  base::Bytes text(password.view().begin(), password.view().end());
  text.push_back(0);
  const bool connected =
      mysql_real_connect(handle, local ? nullptr : settings.host.c_str(), settings.user.c_str(),
                         reinterpret_cast<const char*>(text.data()), settings.database.c_str(),
                         settings.port, local ? settings.socket.c_str() : nullptr, 0) != nullptr;
  base::wipe(text.data(), text.size());
  if (!connected) {
    const unsigned code = mysql_errno(handle);
    throw SqlError(Kind::lost, static_cast<int>(code),
                   base::cat("mysql: connect failed (", code, ")"));
  }
  // A process that the host starts shall not keep it.
  ::fcntl(mysql_get_socket(handle), F_SETFD, FD_CLOEXEC);
  if (!settings.tls_ca.empty() && mysql_get_ssl_cipher(handle) == nullptr) {
    throw SqlError(Kind::lost, 0, "mysql: the connection is not encrypted");
  }
  for (const std::string& setting : session_settings(settings)) session_->run(setting);
  session_->run(base::cat("SET SESSION idle_transaction_timeout = ", 2 * query_timeout), false);
  // Who meets a locked row here is sent to wait by himself.
  session_->run("SET SESSION innodb_lock_wait_timeout = 1");
  clustered_ = session_->ask("SELECT @@wsrep_on").value_or("0") != "0";
  if (clustered_) session_->catch_up();
  // The statements of a group are sent together. Where one of them ends the transaction, those
  // behind it begin one of their own, which is rolled back: none may commit by itself.
  session_->run("SET SESSION autocommit = 0");
}

MySqlBulk::~MySqlBulk() = default;

bool MySqlBulk::able() const {
  unsigned long extended = 0;
  return mariadb_get_infov(session_->handle.get(), MARIADB_CONNECTION_EXTENDED_SERVER_CAPABILITIES,
                           &extended) == 0 &&
         (extended & (MARIADB_CLIENT_STMT_BULK_OPERATIONS >> 32)) != 0;
}

void MySqlBulk::query(const std::string& sql, const std::vector<Param>& params,
                      const Visit& visit) {
  session_->settle();
  session_->forget_if_many(1);
  MYSQL_STMT* const statement = session_->prepare(sql);
  if (!session_->send(statement, {params}, false)) {
    session_->fail(mysql_stmt_errno(statement), "query");
  }
  {
    MySqlRows rows(statement);
    if (!rows.visit(visit)) session_->fail(mysql_stmt_errno(statement), "query");
  }
  session_->end_read();
}

bool MySqlBulk::execute(const std::vector<const ChangeSet*>& changes) {
  std::vector<Bulk> all;
  for (const ChangeSet* one : changes) {
    Recorder recorder;
    apply(recorder, *one);
    merge(all, recorder.statements);
  }
  return session_->execute(all);
}

void MySqlBulk::send_commit() {
  constexpr std::string_view kCommit = "COMMIT";
  if (mysql_send_query(session_->handle.get(), kCommit.data(), kCommit.size()) != 0) {
    throw SqlError(Kind::unknown, static_cast<int>(mysql_errno(session_->handle.get())),
                   "mysql: the connection was lost in a COMMIT");
  }
}

bool MySqlBulk::await_commit() {
  if (mysql_read_query_result(session_->handle.get()) == 0) return true;
  const auto code = static_cast<int>(mysql_errno(session_->handle.get()));
  const SqlError error(mysql_kind(code), code, base::cat("mysql: COMMIT failed (", code, ")"));
  if (error.kind() == Kind::conflict) return session_->not_done(error);  // certification
  throw SqlError(Kind::unknown, code, error.text());
}

}  // namespace db
