#include "tests/bench/bare_tables.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace bare {

namespace {

constexpr const char* kUpdate =
    "UPDATE records SET version = version + 1, updated_at = ? WHERE iccid = ? AND state = 1";
constexpr const char* kInsert = "INSERT INTO images (iccid, stored_at, data) VALUES (?, ?, ?)";
constexpr const char* kOverwrite =
    "UPDATE records SET version = version + 1, updated_at = ?, data = ? "
    "WHERE iccid = ? AND state = 1";

std::int64_t now_ms() {
  using std::chrono::system_clock;
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             system_clock::now().time_since_epoch())
      .count();
}

MYSQL_BIND number_value(std::int64_t& value) {
  MYSQL_BIND bind{};
  bind.buffer_type = MYSQL_TYPE_LONGLONG;
  bind.buffer = &value;
  return bind;
}

MYSQL_BIND octets_value(enum_field_types type, std::string_view octets, unsigned long& size) {
  MYSQL_BIND bind{};
  size = octets.size();
  bind.buffer_type = type;
  bind.buffer = const_cast<char*>(octets.data());
  bind.buffer_length = size;
  bind.length = &size;
  return bind;
}

}  // namespace

void die(const std::string& what) {
  std::fprintf(stderr, "bare: %s\n", what.c_str());
  std::exit(1);
}

// ---- MariaDB, MySQL -----------------------------------------------------------------------------

MySql::MySql(const std::string& socket, const std::string& database) {
  handle_ = mysql_init(nullptr);
  if (mysql_real_connect(handle_, nullptr, "root", "", database.c_str(), 0, socket.c_str(), 0) ==
      nullptr) {
    die(std::string("connect: ") + mysql_error(handle_));
  }
  run("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");
}

MySql::~MySql() {
  for (MYSQL_STMT* statement : {update_, insert_, overwrite_}) {
    if (statement != nullptr) mysql_stmt_close(statement);
  }
  mysql_close(handle_);
}

void MySql::run(const std::string& sql) {
  if (mysql_real_query(handle_, sql.data(), sql.size()) != 0) die(mysql_error(handle_));
}

void MySql::autocommit(bool on) {
  if (autocommit_ == on) return;
  if (mysql_autocommit(handle_, on) != 0) die(mysql_error(handle_));
  autocommit_ = on;
}

MYSQL_STMT* MySql::prepare(const std::string& sql) {
  MYSQL_STMT* const statement = mysql_stmt_init(handle_);
  if (mysql_stmt_prepare(statement, sql.data(), sql.size()) != 0) die(mysql_stmt_error(statement));
  return statement;
}

void MySql::execute(MYSQL_STMT* statement, MYSQL_BIND* values, bool must_change) {
  if (mysql_stmt_bind_param(statement, values) != 0 || mysql_stmt_execute(statement) != 0) {
    die(mysql_stmt_error(statement));
  }
  if (must_change && mysql_stmt_affected_rows(statement) != 1) die("the record is not there");
}

void MySql::create(const std::vector<std::string>& iccids) {
  run("DROP TABLE IF EXISTS records, images");
  run("CREATE TABLE records (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, "
      "iccid VARCHAR(20) CHARACTER SET ascii NOT NULL UNIQUE, state SMALLINT NOT NULL, "
      "version BIGINT NOT NULL, updated_at BIGINT NOT NULL, data MEDIUMBLOB) ENGINE=InnoDB");
  run("CREATE TABLE images (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, "
      "iccid VARCHAR(20) CHARACTER SET ascii NOT NULL, stored_at BIGINT NOT NULL, "
      "data MEDIUMBLOB NOT NULL) ENGINE=InnoDB");
  autocommit(false);
  for (const std::string& iccid : iccids) {
    run("INSERT INTO records (iccid, state, version, updated_at) VALUES ('" + iccid +
        "', 1, 0, 0)");
  }
  if (mysql_commit(handle_) != 0) die(mysql_error(handle_));
  autocommit(true);
}

void MySql::forget_images() {
  autocommit(true);
  run("TRUNCATE TABLE images");
}

void MySql::store(const Item& item) {
  if (update_ == nullptr) {
    update_ = prepare(kUpdate);
    insert_ = prepare(kInsert);
  }
  autocommit(false);
  std::int64_t now = now_ms();
  unsigned long iccid_size = 0;
  unsigned long data_size = 0;
  const MYSQL_BIND iccid = octets_value(MYSQL_TYPE_STRING, item.iccid, iccid_size);
  MYSQL_BIND update[] = {number_value(now), iccid};
  execute(update_, update, true);
  MYSQL_BIND insert[] = {iccid, number_value(now),
                         octets_value(MYSQL_TYPE_BLOB, item.data, data_size)};
  execute(insert_, insert, false);
  if (mysql_commit(handle_) != 0) die(mysql_error(handle_));
}

void MySql::overwrite(const Item& item) {
  if (overwrite_ == nullptr) overwrite_ = prepare(kOverwrite);
  autocommit(true);
  std::int64_t now = now_ms();
  unsigned long iccid_size = 0;
  unsigned long data_size = 0;
  MYSQL_BIND values[] = {number_value(now), octets_value(MYSQL_TYPE_BLOB, item.data, data_size),
                         octets_value(MYSQL_TYPE_STRING, item.iccid, iccid_size)};
  execute(overwrite_, values, true);
}

// ---- SQLite -------------------------------------------------------------------------------------

Sqlite::Sqlite(const std::string& path) {
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  if (sqlite3_open_v2(path.c_str(), &handle_, flags, nullptr) != SQLITE_OK) {
    die(sqlite3_errmsg(handle_));
  }
  run("PRAGMA journal_mode = WAL");
  run("PRAGMA synchronous = FULL");
  sqlite3_busy_timeout(handle_, 5000);
}

Sqlite::~Sqlite() {
  for (sqlite3_stmt* statement : {begin_, commit_, update_, insert_, overwrite_}) {
    sqlite3_finalize(statement);
  }
  sqlite3_close(handle_);
}

void Sqlite::run(const char* sql) {
  if (sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
    die(sqlite3_errmsg(handle_));
  }
}

sqlite3_stmt* Sqlite::prepare(const char* sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(handle_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr) !=
      SQLITE_OK) {
    die(sqlite3_errmsg(handle_));
  }
  return statement;
}

void Sqlite::execute(sqlite3_stmt* statement, bool must_change) {
  if (sqlite3_step(statement) != SQLITE_DONE) die(sqlite3_errmsg(handle_));
  if (must_change && sqlite3_changes(handle_) != 1) die("the record is not there");
  sqlite3_reset(statement);
}

void Sqlite::create(const std::vector<std::string>& iccids) {
  run("CREATE TABLE records (id INTEGER PRIMARY KEY, iccid TEXT NOT NULL UNIQUE, "
      "state INTEGER NOT NULL, version INTEGER NOT NULL, updated_at INTEGER NOT NULL, data BLOB)");
  run("CREATE TABLE images (id INTEGER PRIMARY KEY, iccid TEXT NOT NULL, "
      "stored_at INTEGER NOT NULL, data BLOB NOT NULL)");
  run("BEGIN IMMEDIATE");
  for (const std::string& iccid : iccids) {
    run(("INSERT INTO records (iccid, state, version, updated_at) VALUES ('" + iccid +
         "', 1, 0, 0)")
            .c_str());
  }
  run("COMMIT");
}

void Sqlite::forget_images() { run("DELETE FROM images"); }

void Sqlite::store(const std::vector<Item>& items) {
  if (begin_ == nullptr) {
    begin_ = prepare("BEGIN IMMEDIATE");
    commit_ = prepare("COMMIT");
    update_ = prepare(kUpdate);
    insert_ = prepare(kInsert);
  }
  execute(begin_, false);
  for (const Item& item : items) {
    const std::int64_t now = now_ms();
    const int size = static_cast<int>(item.iccid.size());
    sqlite3_bind_int64(update_, 1, now);
    sqlite3_bind_text(update_, 2, item.iccid.data(), size, SQLITE_STATIC);
    execute(update_, true);
    sqlite3_bind_text(insert_, 1, item.iccid.data(), size, SQLITE_STATIC);
    sqlite3_bind_int64(insert_, 2, now);
    sqlite3_bind_blob64(insert_, 3, item.data.data(), item.data.size(), SQLITE_STATIC);
    execute(insert_, false);
  }
  execute(commit_, false);
}

void Sqlite::overwrite(const std::vector<Item>& items) {
  if (overwrite_ == nullptr) {
    begin_ = prepare("BEGIN IMMEDIATE");
    commit_ = prepare("COMMIT");
    overwrite_ = prepare(kOverwrite);
  }
  execute(begin_, false);
  for (const Item& item : items) {
    sqlite3_bind_int64(overwrite_, 1, now_ms());
    sqlite3_bind_blob64(overwrite_, 2, item.data.data(), item.data.size(), SQLITE_STATIC);
    sqlite3_bind_text(overwrite_, 3, item.iccid.data(), static_cast<int>(item.iccid.size()),
                      SQLITE_STATIC);
    execute(overwrite_, true);
  }
  execute(commit_, false);
}

void SqliteGroup::write(const Item& item, bool overwrite) {
  Waiting own{item, overwrite};
  std::unique_lock lock(mutex_);
  queue_.push_back(&own);
  changed_.wait(lock, [&] { return own.done || !led_; });
  if (own.done) return;
  led_ = true;
  std::vector<Waiting*> group;
  group.swap(queue_);
  lock.unlock();
  std::vector<Item> items;
  for (const Waiting* waiting : group) items.push_back(waiting->item);
  overwrite ? tables_.overwrite(items) : tables_.store(items);
  lock.lock();
  for (Waiting* waiting : group) waiting->done = true;
  led_ = false;
  changed_.notify_all();
}

}  // namespace bare
