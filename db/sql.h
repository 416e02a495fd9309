// The thin layer over the two engines: just enough SQL for one store implementation. What differs
// between the dialects ends here and in the schema's placeholders. Errors are SqlError; it never
// leaves db/. A connection is used by one thread at a time.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "base/bytes.h"

namespace db {

class SqlError : public std::exception {
 public:
  enum class Kind {
    conflict,    // another writer was faster, deadlock or lock wait: roll back and start over
    lost,        // the server cannot be reached; an open transaction is undone by the server
    unknown,     // failed during COMMIT: may have happened or not
    full,        // no room
    constraint,  // a unique key is taken
    exists,      // table or index is there already
    keys,        // the HSM with the master keys cannot be used
    misfit,      // not the schema of this build, or not this database's keys; the text says what
                 // to do
    other,
  };

  SqlError(Kind kind, int code, std::string text)
      : kind_(kind), code_(code), text_(std::move(text)) {}

  Kind kind() const { return kind_; }
  int code() const { return code_; }  // the engine's own, 0: none
  const std::string& text() const { return text_; }
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  Kind kind_;
  int code_;
  std::string text_;
};

// A bound value; text and octets are borrowed until the statement has run.
using Param = std::variant<std::monostate, std::int64_t, std::string_view, base::View>;
using Params = std::span<const Param>;

template <class T>
Param number(T value) {
  return static_cast<std::int64_t>(value);
}

// One row of a result, valid inside the visit. Columns count from 0; null reads as 0 or empty.
class Row {
 public:
  virtual ~Row() = default;
  virtual bool null(int column) const = 0;
  virtual std::int64_t number(int column) const = 0;
  virtual std::string text(int column) const = 0;
  virtual base::Bytes blob(int column) const = 0;
};

using Visit = std::function<void(const Row&)>;

enum class Dialect { sqlite, mysql };

class SqlConnection {
 public:
  virtual ~SqlConnection() = default;

  virtual Dialect dialect() const = 0;
  // A transaction that writes. commit() throws `unknown` when its fate is open.
  virtual void begin() = 0;
  virtual void commit() = 0;
  virtual void rollback() noexcept = 0;
  // A stable view for several reads, where the engine has one for nothing; else nothing.
  virtual void begin_read() {}
  virtual void end_read() noexcept {}

  // Prepared once per text and connection. execute gives the number of rows affected.
  virtual std::uint64_t execute(std::string_view sql, Params params) = 0;
  virtual void query(std::string_view sql, Params params, const Visit& visit) = 0;
  // execute() of a statement that must change exactly one row; throws `conflict` when it does not.
  virtual void change_one(std::string_view sql, Params params) {
    if (execute(sql, params) == 1) return;
    throw SqlError(SqlError::Kind::conflict, 0, "changed by another writer");
  }
  // One statement, not prepared: DDL and settings.
  virtual void run(const std::string& sql) = 0;

  std::uint64_t execute(std::string_view sql, std::initializer_list<Param> params) {
    return execute(sql, Params(params.begin(), params.size()));
  }
  void change_one(std::string_view sql, std::initializer_list<Param> params) {
    change_one(sql, Params(params.begin(), params.size()));
  }
  void query(std::string_view sql, std::initializer_list<Param> params, const Visit& visit) {
    query(sql, Params(params.begin(), params.size()), visit);
  }
};

}  // namespace db
