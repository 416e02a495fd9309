// SQLite writes its log (WAL) in two calls a page: 24 octets, then the page. These are gathered and
// written in few.
#pragma once

#include <sqlite3.h>

#include "base/bytes.h"

namespace db {

// Stands between a connection and the file of its log. What belongs to a transaction is in the file
// before SQLite is told that its last page is written, so that a fault is told to it, and before
// anybody else can look for it there. https://www.sqlite.org/fileformat2.html#walformat
class SqliteLog {
 public:
  // `file` is the log of a connection that outlasts neither this object nor the file's closing;
  // `page_size` in octets.
  SqliteLog(sqlite3_file& file, int page_size);
  SqliteLog(const SqliteLog&) = delete;
  SqliteLog& operator=(const SqliteLog&) = delete;

  // What has been committed outlasts a power failure. Any thread, also while the connection is used
  // by another one. False: it may not.
  bool sync() noexcept;

 private:
  // What SQLite calls, and how those find their object.
  struct Methods : sqlite3_io_methods {
    SqliteLog* self = nullptr;
  };
  static SqliteLog& of(sqlite3_file* file);

  int write(base::View octets, sqlite3_int64 offset);
  int flush();
  bool is_commit(base::View octets, sqlite3_int64 offset) const;

  sqlite3_file& file_;
  const sqlite3_io_methods& real_;
  const sqlite3_int64 frame_size_;
  Methods methods_;

  base::Bytes gathered_;
  sqlite3_int64 begin_ = 0;  // where it belongs
  bool last_frame_ = false;  // the frame that is being written ends a transaction
};

}  // namespace db
