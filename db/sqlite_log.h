// SQLite writes its log (WAL) in two calls a page: 24 octets, then the page. These are gathered and
// written in few.
#pragma once

#include <sqlite3.h>

#include "base/bytes.h"

namespace db {

// Stands between a connection and the file of its log, and keeps back only headers and pages of
// frames that continue the write before them. All that belongs to a transaction is in the file when
// SQLite's last write for it returns, which is the page of a frame that says so, or a header of
// such a frame once more (when pages of the transaction were in the log before its end and have
// changed since): so that a fault is told to SQLite, and before anybody else can look for it there.
// https://www.sqlite.org/fileformat2.html#walformat
class SqliteLog {
 public:
  // `file` is the log of a connection that outlasts neither this object nor the file's closing;
  // `page_size` in octets.
  SqliteLog(sqlite3_file& file, int page_size);
  SqliteLog(const SqliteLog&) = delete;
  SqliteLog& operator=(const SqliteLog&) = delete;

  // Its connection's transaction has come to nothing, and nobody will look for what it has written;
  // others may have written in its place.
  void rolled_back() { gathered_.clear(); }
  // What has been committed outlasts a power failure. Any thread, also while the connection is used
  // by another one. False: it may not.
  bool sync() noexcept;

 private:
  // What SQLite calls, and how those find their object.
  struct Methods : sqlite3_io_methods {
    SqliteLog* self = nullptr;
  };
  static SqliteLog& of(sqlite3_file* file);
  // Whatever else is done sees all that was written.
  template <auto kMethod, class... Args>
  static int after_flush(sqlite3_file* file, Args... args) {
    SqliteLog& self = of(file);
    const int code = self.flush();
    return code != SQLITE_OK ? code : (self.real_.*kMethod)(file, args...);
  }

  enum class Part { frame_header, page, other };
  int write(base::View octets, sqlite3_int64 offset);
  int flush();
  Part part_of(std::size_t size, sqlite3_int64 offset) const;

  sqlite3_file& file_;
  const sqlite3_io_methods& real_;
  const std::size_t page_size_;
  Methods methods_;

  base::Bytes gathered_;
  sqlite3_int64 end_ = 0;    // where it, or else the last write, ends
  bool last_frame_ = false;  // the frame that is being written ends a transaction
};

}  // namespace db
