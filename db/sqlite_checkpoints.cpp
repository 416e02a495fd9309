#include "db/sqlite_checkpoints.h"

namespace db {

SqliteCheckpoints::~SqliteCheckpoints() {
  stopping_ = true;
  asked_.ring();
  thread_.join();
}

void SqliteCheckpoints::begin(SqliteConnection& writer) {
  writer.defer_checkpoints();
  if (connection_) return;
  connection_ = std::make_unique<SqliteConnection>(path_, SqliteMode::read, 0);
  (void)thread_.start("bv-checkpoint", [this] { work(); });
}

void SqliteCheckpoints::committed(SqliteConnection& writer) {
  const int pages = writer.log_pages();
  if (pages < SqliteConnection::kCheckpointPages) due_pages_ = SqliteConnection::kCheckpointPages;
  switch (state_.load()) {
    case State::none:
      if (pages < due_pages_) return;
      if (!thread_.running()) break;
      state_ = State::asked;
      asked_.ring();
      return;
    case State::asked:
      return;
    case State::rest:
      break;
  }
  writer.checkpoint();
  // Readers may keep the log from beginning anew: it is not tried again with every commit.
  due_pages_ = pages + SqliteConnection::kCheckpointPages / 4;
  state_ = State::none;
}

void SqliteCheckpoints::work() {
  for (;;) {
    asked_.wait();
    if (stopping_) return;
    connection_->checkpoint();
    state_ = State::rest;
  }
}

}  // namespace db
