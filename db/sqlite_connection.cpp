#include "db/sqlite_connection.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <unordered_map>

#include "base/log.h"
#include "db/sqlite_log.h"
#include "db/stores.h"

namespace db {

namespace {

using Kind = SqlError::Kind;

Kind kind_of(int extended) {
  switch (extended & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Kind::conflict;
    case SQLITE_FULL:
      return Kind::full;
    case SQLITE_CONSTRAINT:
      return Kind::constraint;
    case SQLITE_CANTOPEN:
      return Kind::lost;
    default:
      return Kind::other;
  }
}

// The library's own text, but never a value: its messages name tables and columns only.
[[noreturn]] void fail(sqlite3* handle, const char* what) {
  const int code = sqlite3_extended_errcode(handle);
  throw SqlError(kind_of(code), code,
                 base::cat("sqlite: ", what, ": ", sqlite3_errmsg(handle), " (", code, ")"));
}

class SqliteRow : public Row {
 public:
  explicit SqliteRow(sqlite3_stmt* statement) : statement_(statement) {}
  bool null(int column) const override {
    return sqlite3_column_type(statement_, column) == SQLITE_NULL;
  }
  std::int64_t number(int column) const override {
    return sqlite3_column_int64(statement_, column);
  }
  std::string text(int column) const override {
    const base::View octets = view(column);
    return std::string(base::as_text(octets));
  }
  base::Bytes blob(int column) const override {
    const base::View octets = view(column);
    return base::Bytes(octets.begin(), octets.end());
  }

 private:
  base::View view(int column) const {
    const auto* data = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_, column));
    return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
  }

  sqlite3_stmt* statement_;
};

// Borrowed octets are bound without a copy: they live until the statement has been reset.
int bind(sqlite3_stmt* statement, int index, const Param& param) {
  if (const auto* value = std::get_if<std::int64_t>(&param)) {
    return sqlite3_bind_int64(statement, index, *value);
  }
  if (const auto* text = std::get_if<std::string_view>(&param)) {
    return sqlite3_bind_text64(statement, index, text->empty() ? "" : text->data(), text->size(),
                               SQLITE_STATIC, SQLITE_UTF8);
  }
  if (const auto* blob = std::get_if<base::View>(&param)) {
    if (blob->empty()) return sqlite3_bind_zeroblob(statement, index, 0);
    return sqlite3_bind_blob64(statement, index, blob->data(), blob->size(), SQLITE_STATIC);
  }
  return sqlite3_bind_null(statement, index);
}

// Resets the statement when its use ends, however it ends.
struct Use {
  sqlite3_stmt* statement;
  ~Use() {
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
  }
};

// Updates name the columns that they change: there are many texts, of which few are common.
constexpr std::size_t kMostPrepared = 200;

// Made by us with the right mode first: SQLite would use the umask's. WAL and index inherit it.
void create_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) {
    throw SqlError(Kind::lost, errno, base::cat(path, ": cannot create: ", strerror(errno)));
  }
  ::close(file);
}

}  // namespace

struct SqliteConnection::Cache {
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  std::unordered_map<std::string, sqlite3_stmt*, TextHash, std::equal_to<>> statements;

  ~Cache() { clear(); }
  void clear() {
    for (auto& [text, statement] : statements) sqlite3_finalize(statement);
    statements.clear();
  }
  sqlite3_stmt* get(sqlite3* handle, std::string_view sql) {
    const auto found = statements.find(sql);
    if (found != statements.end()) return found->second;
    if (statements.size() >= kMostPrepared) clear();
    // Its place first: a statement that finds no memory to be kept would be lost, and with it the
    // connection, which cannot be closed then.
    const auto place = statements.emplace(sql, nullptr).first;
    if (sqlite3_prepare_v3(handle, sql.data(), static_cast<int>(sql.size()),
                           SQLITE_PREPARE_PERSISTENT, &place->second, nullptr) != SQLITE_OK) {
      statements.erase(place);
      fail(handle, "prepare");
    }
    return place->second;
  }
  sqlite3_stmt* bound(sqlite3* handle, std::string_view sql, Params params) {
    sqlite3_stmt* const statement = get(handle, sql);
    int index = 0;
    for (const Param& param : params) {
      if (bind(statement, ++index, param) != SQLITE_OK) fail(handle, "bind");
    }
    return statement;
  }
};

namespace {

std::string no_permission(const std::string& path) {
  struct stat info {};
  const bool seen = ::stat(path.c_str(), &info) == 0;
  return base::cat(path, ": no permission to read and write it",
                   seen ? base::cat("; it belongs to user ", info.st_uid) : "",
                   ", and this process is user ", ::geteuid(), ": run this as its owner");
}

}  // namespace

SqliteConnection::SqliteConnection(const std::string& path, SqliteMode mode,
                                   std::int64_t busy_timeout_ms) {
  if (mode == SqliteMode::create) {
    create_file(path);
  } else if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT) {
    throw SqlError(Kind::misfit, 0, no_database(path));
  }
  if (::access(path.c_str(), R_OK | W_OK) != 0 && errno == EACCES) {
    throw SqlError(Kind::lost, 0, no_permission(path));
  }
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
  if (sqlite3_open_v2(path.c_str(), &handle_, flags, nullptr) != SQLITE_OK) {
    const std::string why = handle_ != nullptr ? sqlite3_errmsg(handle_) : "no memory";
    sqlite3_close(handle_);
    throw SqlError(Kind::lost, 0, base::cat(path, ": ", why));
  }
  cache_ = std::make_unique<Cache>();
  try {
    sqlite3_extended_result_codes(handle_, 1);
    busy_timeout(busy_timeout_ms);
    run("PRAGMA foreign_keys = ON");
    if (mode == SqliteMode::read) {
      run("PRAGMA query_only = ON");
      // Whoever writes makes the pages of all readers stale: what a card's read needs, no more.
      run("PRAGMA cache_size = -256");
    } else {
      run("PRAGMA journal_mode = WAL");
      run("PRAGMA synchronous = FULL");
      sqlite3_wal_autocheckpoint(handle_, kCheckpointPages);
      run("PRAGMA secure_delete = ON");  // an erased data key leaves no copy in the file
    }
  } catch (...) {
    cache_.reset();
    sqlite3_close(handle_);
    throw;
  }
}

SqliteConnection::~SqliteConnection() {
  cache_.reset();
  sqlite3_close(handle_);  // log_ is still there
}

void SqliteConnection::busy_timeout(std::int64_t ms) {
  sqlite3_busy_timeout(handle_, static_cast<int>(ms));
}

void SqliteConnection::defer_checkpoints() {
  const auto committed = [](void* log_pages, sqlite3*, const char*, int pages) {
    *static_cast<int*>(log_pages) = pages;
    return SQLITE_OK;
  };
  sqlite3_wal_hook(handle_, committed, &log_pages_);
}

void SqliteConnection::checkpoint() noexcept { sqlite3_wal_checkpoint(handle_, nullptr); }

void SqliteConnection::defer_syncs() {
  std::string mode;
  query("PRAGMA journal_mode", {}, [&](const Row& row) { mode = row.text(0); });
  sqlite3_file* log = nullptr;
  if (mode != "wal" ||
      sqlite3_file_control(handle_, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) != SQLITE_OK ||
      log == nullptr || log->pMethods == nullptr) {
    return;
  }
  int page_size = 0;
  query("PRAGMA page_size", {},
        [&](const Row& row) { page_size = static_cast<int>(row.number(0)); });
  log_ = std::make_unique<SqliteLog>(*log, page_size);
  sqlite3_rollback_hook(
      handle_, [](void* written) { static_cast<SqliteLog*>(written)->rolled_back(); }, log_.get());
  // Also the log's name in its folder, which only the first sync of a file writes.
  must_sync_log();
  run("PRAGMA synchronous = NORMAL");
}

bool SqliteConnection::sync_log() noexcept { return log_ == nullptr || log_->sync(); }

void SqliteConnection::empty_log() {
  bool busy = true;
  query("PRAGMA wal_checkpoint(TRUNCATE)", {}, [&](const Row& row) { busy = row.number(0) != 0; });
  if (busy) throw SqlError(Kind::conflict, 0, "sqlite: the log is in use");
  must_sync_log();  // what it was must not come back
}

void SqliteConnection::must_sync_log() {
  if (!sync_log()) throw SqlError(Kind::other, 0, "sqlite: the log cannot be synchronised");
}

bool SqliteConnection::in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }

void SqliteConnection::rollback() noexcept {
  if (!in_transaction()) return;
  try {
    execute("ROLLBACK", {});
  } catch (const std::exception&) {
    // Nothing left to do: a transaction that cannot be ended ends with the connection.
  }
}

std::uint64_t SqliteConnection::execute(std::string_view sql, Params params) {
  const Use use{cache_->bound(handle_, sql, params)};
  int step = sqlite3_step(use.statement);
  while (step == SQLITE_ROW) step = sqlite3_step(use.statement);
  if (step != SQLITE_DONE) fail(handle_, "execute");
  return static_cast<std::uint64_t>(sqlite3_changes64(handle_));
}

void SqliteConnection::query(std::string_view sql, Params params, const Visit& visit) {
  const Use use{cache_->bound(handle_, sql, params)};
  const SqliteRow row(use.statement);
  int step = sqlite3_step(use.statement);
  for (; step == SQLITE_ROW; step = sqlite3_step(use.statement)) visit(row);
  if (step != SQLITE_DONE) fail(handle_, "query");
}

void SqliteConnection::run(const std::string& sql) {
  if (sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    fail(handle_, "run");
  }
}

}  // namespace db
