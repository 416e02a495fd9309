// The limit beside which the store is measured: what a database can do when somebody only wants a
// record changed and 16 KiB kept, durably, by the plainest use of the C APIs. No protocol, no
// cryptography, no rules, nothing of Bipvault. Once landed this stays as it is: figures of
// different days are compared through it.
//
// Errors end the program: a limit that half works would be none.
#pragma once

#include <mysql.h>
#include <sqlite3.h>

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace bare {

[[noreturn]] void die(const std::string& what);

struct Item {
  std::string iccid;
  std::string_view data;
};

// Own connection of one thread: prepared statements, autocommit off, three round trips a store.
class MySql {
 public:
  MySql(const std::string& socket, const std::string& database);
  ~MySql();
  MySql(const MySql&) = delete;

  // Tables with one record for each ICCID, anew.
  void create(const std::vector<std::string>& iccids);
  void forget_images();
  // One conditional UPDATE of records, one INSERT into images, COMMIT.
  void store(const Item& item);
  // The shape with one statement: a conditional UPDATE that carries the content, autocommit.
  void overwrite(const Item& item);

 private:
  void run(const std::string& sql);
  MYSQL_STMT* prepare(const std::string& sql);
  void execute(MYSQL_STMT* statement, MYSQL_BIND* values, bool must_change);
  void autocommit(bool on);

  MYSQL* handle_ = nullptr;
  MYSQL_STMT* update_ = nullptr;
  MYSQL_STMT* insert_ = nullptr;
  MYSQL_STMT* overwrite_ = nullptr;
  bool autocommit_ = true;
};

// The only writer of a file: WAL, synchronous = FULL, as many stores a transaction as were waiting.
class Sqlite {
 public:
  explicit Sqlite(const std::string& path);
  ~Sqlite();
  Sqlite(const Sqlite&) = delete;

  void create(const std::vector<std::string>& iccids);
  void forget_images();
  void store(const std::vector<Item>& items);
  void overwrite(const std::vector<Item>& items);

 private:
  void run(const char* sql);
  sqlite3_stmt* prepare(const char* sql);
  void execute(sqlite3_stmt* statement, bool must_change);

  sqlite3* handle_ = nullptr;
  sqlite3_stmt* begin_ = nullptr;
  sqlite3_stmt* commit_ = nullptr;
  sqlite3_stmt* update_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
  sqlite3_stmt* overwrite_ = nullptr;
};

// The same for threads: the first who waits writes for all who wait with it.
class SqliteGroup {
 public:
  explicit SqliteGroup(const std::string& path) : tables_(path) {}
  // Any thread; returns when it is durable.
  void store(const Item& item) { write(item, false); }
  void overwrite(const Item& item) { write(item, true); }

 private:
  struct Waiting {
    Item item;
    bool overwrite = false;
    bool done = false;
  };
  void write(const Item& item, bool overwrite);

  Sqlite tables_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Waiting*> queue_;
  bool led_ = false;
};

}  // namespace bare
