// Proves that SQLite's log is written back by the thread or by who commits, never by both at once,
// and never inside a commit.
#include "db/sqlite_checkpoints.h"

#include <boost/test/unit_test.hpp>
#include <sqlite3.h>

#include <filesystem>
#include <memory>
#include <string>

#include "tests/support/test_vault.h"
#include "tests/support/until.h"

namespace {

constexpr int kDue = db::SqliteConnection::kCheckpointPages;

// With small pages, so that a log of many is not large.
struct Database {
  support::TestDirectory folder;
  const std::string path = folder / "test.db";
  std::unique_ptr<db::SqliteConnection> writer;

  Database() {
    sqlite3* handle = nullptr;
    BOOST_REQUIRE(sqlite3_open(path.c_str(), &handle) == SQLITE_OK);
    BOOST_REQUIRE(sqlite3_exec(handle, "PRAGMA page_size = 512; CREATE TABLE t (body BLOB)",
                               nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(handle);
    writer = open(db::SqliteMode::write);
    writer->defer_checkpoints();
  }
  std::unique_ptr<db::SqliteConnection> open(db::SqliteMode mode) const {
    return std::make_unique<db::SqliteConnection>(path, mode, 1000);
  }
  void commit(int pages) const {
    writer->execute("INSERT INTO t (body) VALUES (zeroblob(?))", {db::number(pages * 500)});
  }
  bool begins_anew(db::SqliteCheckpoints& checkpoints) const {
    return support::until([&] {
      commit(1);
      checkpoints.committed(*writer);
      return writer->log_pages() < kDue / 2;
    });
  }
  // In pages, without what is only in the log.
  int written_back() const { return static_cast<int>(std::filesystem::file_size(path) / 512); }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(sqlite_checkpoints, Database)

// However long the log is.
BOOST_AUTO_TEST_CASE(a_commit_writes_nothing_back) {
  for (int i = 0; i < 3; ++i) commit(2 * kDue);
  BOOST_TEST(writer->log_pages() > 5 * kDue);
  BOOST_TEST(written_back() < 10);
}

BOOST_AUTO_TEST_CASE(the_thread_writes_back) {
  db::SqliteCheckpoints checkpoints(path);
  checkpoints.begin(*writer);
  commit(kDue / 2);
  checkpoints.committed(*writer);
  commit(kDue);
  BOOST_TEST(written_back() < 10);
  checkpoints.committed(*writer);
  BOOST_TEST(support::until([&] { return written_back() > kDue; }));
  BOOST_TEST(begins_anew(checkpoints));
}

// A reader needs what was there when it began: the log grows until it has ended, and no longer.
BOOST_AUTO_TEST_CASE(beside_a_long_reader) {
  db::SqliteCheckpoints checkpoints(path);
  checkpoints.begin(*writer);
  const auto reader = open(db::SqliteMode::read);
  reader->begin_read();
  std::int64_t rows = -1;
  const auto count = [&](const db::Row& row) { rows = row.number(0); };
  reader->query("SELECT count(*) FROM t", {}, count);
  for (int i = 0; i < 12; ++i) {
    commit(kDue / 2);
    checkpoints.committed(*writer);
  }
  BOOST_TEST(writer->log_pages() > 5 * kDue);
  reader->query("SELECT count(*) FROM t", {}, count);
  BOOST_TEST(rows == 0);
  reader->end_read();
  BOOST_TEST(begins_anew(checkpoints));
  BOOST_TEST(written_back() > 5 * kDue);
}

// Where the system gives none, who commits does it all.
BOOST_AUTO_TEST_CASE(without_a_thread) {
  db::SqliteCheckpoints checkpoints(path);
  commit(kDue / 2);
  checkpoints.committed(*writer);
  BOOST_TEST(written_back() < 10);
  commit(kDue);
  checkpoints.committed(*writer);
  BOOST_TEST(written_back() > kDue);
  BOOST_TEST(begins_anew(checkpoints));
}

BOOST_AUTO_TEST_SUITE_END()
