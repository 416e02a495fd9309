// Writes SQLite's log back to the database file, in a thread of its own: whoever commits does not
// wait for it, nor what else its thread has begun.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "base/doorbell.h"
#include "base/thread.h"
#include "db/sqlite_connection.h"

namespace db {

// All calls by one at a time: who commits.
class SqliteCheckpoints {
 public:
  explicit SqliteCheckpoints(std::string path) : path_(std::move(path)) {}
  ~SqliteCheckpoints();
  SqliteCheckpoints(const SqliteCheckpoints&) = delete;
  SqliteCheckpoints& operator=(const SqliteCheckpoints&) = delete;

  // Before a writer's first commit; the thread is made with the first. Throws SqlError. Where there
  // is no thread, who commits does it all.
  void begin(SqliteConnection& writer);
  // After each commit. The thread writes most of the log back while others commit; the little that
  // they have added meanwhile is written back here, so that the log begins anew. As long as it is
  // the thread's turn nobody else writes back, and it begins only with what was not written back.
  void committed(SqliteConnection& writer);

 private:
  enum class State {
    none,
    asked,  // the connection is the thread's
    rest,   // is to be done by who commits
  };
  void work();

  const std::string path_;
  std::unique_ptr<SqliteConnection> connection_;
  int due_pages_ = SqliteConnection::kCheckpointPages;
  std::atomic<State> state_ = State::none;
  std::atomic<bool> stopping_ = false;
  base::Doorbell asked_;
  base::Thread thread_;
};

}  // namespace db
