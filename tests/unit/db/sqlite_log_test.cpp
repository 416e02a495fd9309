// Proves that gathering the writes of SQLite's log changes nothing but their number: what a
// transaction has written is in the file when its last write returns, faults are told there, and
// whatever else is done sees all that was written before.
#include "db/sqlite_log.h"

#include <boost/test/unit_test.hpp>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <random>
#include <string>

#include "db/sqlite_connection.h"
#include "tests/support/test_vault.h"

namespace {

constexpr int kPage = 512;
constexpr int kFrame = 24 + kPage;
constexpr sqlite3_int64 kFirst = 32;

// A file that keeps its octets here.
struct File : sqlite3_file {
  base::Bytes octets;
  int writes = 0, syncs = 0;
  int fault = SQLITE_OK;  // of every write from now on
  bool closed = false;

  File() { pMethods = &methods(); }

  static File& of(sqlite3_file* file) { return *static_cast<File*>(file); }
  static const sqlite3_io_methods& methods() {
    static const sqlite3_io_methods kMethods = [] {
      sqlite3_io_methods all{};
      all.iVersion = 3;
      all.xClose = [](sqlite3_file* f) {
        of(f).closed = true;
        return SQLITE_OK;
      };
      all.xRead = [](sqlite3_file* f, void* to, int size, sqlite3_int64 offset) {
        base::Bytes& from = of(f).octets;
        const auto begin = static_cast<std::size_t>(offset), count = static_cast<std::size_t>(size);
        if (begin + count > from.size()) return SQLITE_IOERR_SHORT_READ;
        std::memcpy(to, from.data() + begin, count);
        return SQLITE_OK;
      };
      all.xWrite = [](sqlite3_file* f, const void* octets, int size, sqlite3_int64 offset) {
        File& file = of(f);
        ++file.writes;
        if (file.fault != SQLITE_OK) return file.fault;
        const auto begin = static_cast<std::size_t>(offset), count = static_cast<std::size_t>(size);
        if (file.octets.size() < begin + count) file.octets.resize(begin + count);
        std::memcpy(file.octets.data() + begin, octets, count);
        return SQLITE_OK;
      };
      all.xTruncate = [](sqlite3_file* f, sqlite3_int64 size) {
        of(f).octets.resize(static_cast<std::size_t>(size));
        return SQLITE_OK;
      };
      all.xSync = [](sqlite3_file* f, int) {
        ++of(f).syncs;
        return SQLITE_OK;
      };
      all.xFileSize = [](sqlite3_file* f, sqlite3_int64* size) {
        *size = static_cast<sqlite3_int64>(of(f).octets.size());
        return SQLITE_OK;
      };
      all.xSectorSize = [](sqlite3_file*) { return 4096; };
      return all;
    }();
    return kMethods;
  }
};

struct Log {
  File file;
  std::unique_ptr<db::SqliteLog> log = std::make_unique<db::SqliteLog>(file, kPage);
  std::mt19937 random{7};

  int write(const base::Bytes& octets, sqlite3_int64 offset) {
    return file.pMethods->xWrite(&file, octets.data(), static_cast<int>(octets.size()), offset);
  }
  base::Bytes some(std::size_t size) {
    base::Bytes octets(size);
    for (std::uint8_t& octet : octets) octet = static_cast<std::uint8_t>(random());
    return octets;
  }
  // A frame as SQLite writes it; `pages_after` other than 0: the last one of a transaction.
  int frame(int index, std::uint32_t pages_after, File* also = nullptr) {
    base::Bytes header = some(24);
    for (int i = 0; i < 4; ++i) {
      header[static_cast<std::size_t>(4 + i)] =
          static_cast<std::uint8_t>(pages_after >> (8 * (3 - i)));
    }
    const base::Bytes page = some(kPage);
    const sqlite3_int64 at = kFirst + index * sqlite3_int64{kFrame};
    if (also != nullptr) {
      File::methods().xWrite(also, header.data(), 24, at);
      File::methods().xWrite(also, page.data(), kPage, at + 24);
    }
    const int code = write(header, at);
    return code != SQLITE_OK ? code : write(page, at + 24);
  }
};

BOOST_FIXTURE_TEST_SUITE(sqlite_log, Log)

BOOST_AUTO_TEST_CASE(one_write_a_transaction) {
  File plain;
  const base::Bytes header = some(32);
  BOOST_TEST(write(header, 0) == SQLITE_OK);
  File::methods().xWrite(&plain, header.data(), 32, 0);
  for (int i = 0; i < 9; ++i) BOOST_TEST(frame(i, 0, &plain) == SQLITE_OK);
  BOOST_TEST(file.writes == 1);
  BOOST_TEST(frame(9, 77, &plain) == SQLITE_OK);
  BOOST_TEST(file.writes == 2);
  BOOST_TEST(file.octets == plain.octets);
  BOOST_TEST(frame(10, 1, &plain) == SQLITE_OK);
  BOOST_TEST(file.writes == 3);
  BOOST_TEST(file.octets == plain.octets);
  // As SQLite does not write today: whole frames.
  for (const std::size_t size : {std::size_t{kFrame}, std::size_t{2 * kFrame}}) {
    const base::Bytes whole = some(size);
    BOOST_TEST(write(whole, static_cast<sqlite3_int64>(file.octets.size())) == SQLITE_OK);
    plain.octets.insert(plain.octets.end(), whole.begin(), whole.end());
    BOOST_TEST(file.octets == plain.octets);
  }
}

// Whatever the order of writes, reads, syncs and truncations: each sees, and leaves, what it would
// without gathering.
BOOST_AUTO_TEST_CASE(nothing_else_differs) {
  File plain;
  int next = 0, commits = 0;
  for (int step = 0; step < 30'000; ++step) {
    const auto what = random() % 100;
    if (what < 80) {
      const bool last = random() % 40 == 0;
      BOOST_REQUIRE_EQUAL(frame(next++, last ? 5 : 0, &plain), SQLITE_OK);
      if (last) {
        ++commits;
        BOOST_REQUIRE(file.octets == plain.octets);
      }
    } else if (what < 86) {  // a page once more, or what was rolled back is written over
      next = static_cast<int>(random() % static_cast<unsigned>(next + 1));
    } else if (what < 91 && next > 0) {
      const auto at = static_cast<sqlite3_int64>(random() % static_cast<unsigned>(next * kFrame));
      base::Bytes seen(100), right(100);
      const int code = file.pMethods->xRead(&file, seen.data(), 100, at);
      BOOST_REQUIRE_EQUAL(code, File::methods().xRead(&plain, right.data(), 100, at));
      if (code == SQLITE_OK) BOOST_REQUIRE(seen == right);
    } else if (what < 95) {
      BOOST_REQUIRE_EQUAL(file.pMethods->xSync(&file, SQLITE_SYNC_NORMAL), SQLITE_OK);
      BOOST_REQUIRE(file.octets == plain.octets);
    } else if (what < 98) {
      const base::Bytes odd = some(1 + random() % 60'000);  // larger than what is gathered, too
      const auto at = static_cast<sqlite3_int64>(random() % 200'000);
      BOOST_REQUIRE_EQUAL(write(odd, at), SQLITE_OK);
      File::methods().xWrite(&plain, odd.data(), static_cast<int>(odd.size()), at);
    } else {
      sqlite3_int64 size = 0, right = 0;
      BOOST_REQUIRE_EQUAL(file.pMethods->xFileSize(&file, &size), SQLITE_OK);
      File::methods().xFileSize(&plain, &right);
      BOOST_REQUIRE_EQUAL(size, right);
      const auto shorter = static_cast<sqlite3_int64>(random() % static_cast<unsigned>(size + 1));
      BOOST_REQUIRE_EQUAL(file.pMethods->xTruncate(&file, shorter), SQLITE_OK);
      File::methods().xTruncate(&plain, shorter);
      BOOST_REQUIRE(file.octets == plain.octets);
      next = 0;
    }
  }
  BOOST_TEST(commits > 300);
  BOOST_TEST(file.writes * 5 < plain.writes);
}

// When pages of a transaction were in the log before its end and have changed since, SQLite goes
// through its frames once more behind the last one: reads each, and writes its header again.
BOOST_AUTO_TEST_CASE(headers_once_more) {
  File plain;
  for (int i = 0; i < 9; ++i) BOOST_TEST(frame(i, i == 8 ? 3 : 0, &plain) == SQLITE_OK);
  for (int i = 4; i < 9; ++i) {
    const sqlite3_int64 at = kFirst + i * sqlite3_int64{kFrame};
    base::Bytes whole(kFrame);
    BOOST_TEST(file.pMethods->xRead(&file, whole.data(), kFrame, at) == SQLITE_OK);
    base::Bytes header(whole.begin(), whole.begin() + 24);
    header[20] = static_cast<std::uint8_t>(header[20] + 1);  // in its checksum
    BOOST_TEST(write(header, at) == SQLITE_OK);
    File::methods().xWrite(&plain, header.data(), 24, at);
  }
  BOOST_TEST(file.octets == plain.octets);
}

// What came to nothing is not written behind everybody's back, when others may be there.
BOOST_AUTO_TEST_CASE(rolled_back) {
  BOOST_TEST(frame(0, 1) == SQLITE_OK);
  const base::Bytes before = file.octets;
  for (int i = 1; i < 5; ++i) BOOST_TEST(frame(i, 0) == SQLITE_OK);
  log->rolled_back();
  base::Bytes seen(10);
  BOOST_TEST(file.pMethods->xRead(&file, seen.data(), 10, 0) == SQLITE_OK);
  BOOST_TEST(file.octets == before);
  BOOST_TEST(frame(1, 1) == SQLITE_OK);
  BOOST_TEST(file.octets.size() == static_cast<std::size_t>(kFirst + 2 * kFrame));
}

// At the latest where the transaction ends; what could not be written is not tried again behind
// SQLite's back.
BOOST_AUTO_TEST_CASE(a_fault_is_told) {
  BOOST_TEST(frame(0, 1) == SQLITE_OK);
  const base::Bytes before = file.octets;
  file.fault = SQLITE_FULL;
  BOOST_TEST(frame(1, 0) == SQLITE_OK);
  BOOST_TEST(frame(2, 1) == SQLITE_FULL);
  file.fault = SQLITE_OK;
  BOOST_TEST(file.pMethods->xSync(&file, SQLITE_SYNC_NORMAL) == SQLITE_OK);
  BOOST_TEST(file.octets == before);
  BOOST_TEST(frame(1, 1) == SQLITE_OK);
  BOOST_TEST(file.octets.size() == static_cast<std::size_t>(kFirst + 2 * kFrame));

  BOOST_TEST(frame(2, 0) == SQLITE_OK);
  file.fault = SQLITE_IOERR_WRITE;
  base::Bytes seen(10);
  BOOST_TEST(file.pMethods->xRead(&file, seen.data(), 10, 0) == SQLITE_IOERR_WRITE);
  BOOST_TEST(frame(3, 0) == SQLITE_OK);
  BOOST_TEST(file.pMethods->xSync(&file, SQLITE_SYNC_NORMAL) == SQLITE_IOERR_WRITE);
}

// Of the caller's own sync, from any thread: what was committed is in the file already.
BOOST_AUTO_TEST_CASE(a_sync_apart_writes_nothing) {
  BOOST_TEST(frame(0, 1) == SQLITE_OK);
  BOOST_TEST(frame(1, 0) == SQLITE_OK);
  const int before = file.writes;
  BOOST_TEST(log->sync());
  BOOST_TEST(file.syncs == 1);
  BOOST_TEST(file.writes == before);
}

BOOST_AUTO_TEST_CASE(the_file_is_closed_as_it_was_opened) {
  BOOST_TEST(file.pMethods->xSectorSize(&file) == 4096);
  BOOST_TEST(file.pMethods->xClose(&file) == SQLITE_OK);
  BOOST_TEST(file.closed);
  BOOST_TEST(file.pMethods == &File::methods());
}

BOOST_AUTO_TEST_SUITE_END()

// The same with SQLite itself.
struct Database {
  support::TestDirectory folder;
  const std::string path = folder / "test.db";
  std::unique_ptr<db::SqliteConnection> kept = open(db::SqliteMode::create);

  Database() { kept->run("CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB NOT NULL)"); }

  std::unique_ptr<db::SqliteConnection> open(db::SqliteMode mode) {
    return std::make_unique<db::SqliteConnection>(path, mode, 1000);
  }
  std::unique_ptr<db::SqliteConnection> writer() {
    auto made = open(db::SqliteMode::write);
    made->run("SELECT count(*) FROM t");  // so that its log is open
    made->defer_checkpoints();
    made->defer_syncs();
    return made;
  }
  // More than its cache has room for: pages go to the log before the transaction ends.
  void insert_many(db::SqliteConnection& use, int first, int count = 100) {
    const base::Bytes body(60'000, 7);
    for (int id = first; id < first + count; ++id) {
      use.execute("INSERT INTO t (id, body) VALUES (?, ?)", {db::number(id), base::View(body)});
    }
  }
  // And change once more.
  void change_many(db::SqliteConnection& use, int first, int count = 100) {
    const base::Bytes body(60'000, 8);
    for (int id = first; id < first + count; ++id) {
      use.execute("UPDATE t SET body = ? WHERE id = ?", {base::View(body), db::number(id)});
    }
  }
  // What would be there if all processes ended at this moment.
  std::int64_t left() {
    for (const char* end : {"", "-wal"}) {
      std::filesystem::copy_file(path + end, folder / (std::string("left.db") + end),
                                 std::filesystem::copy_options::overwrite_existing);
    }
    std::remove((folder / "left.db-shm").c_str());
    db::SqliteConnection again(folder / "left.db", db::SqliteMode::read, 0);
    std::int64_t rows = -1;
    std::string whole;
    again.query("SELECT count(*) FROM t", {}, [&](const db::Row& row) { rows = row.number(0); });
    again.query("PRAGMA integrity_check", {}, [&](const db::Row& row) { whole = row.text(0); });
    BOOST_TEST(whole == "ok");
    return rows;
  }
};

BOOST_FIXTURE_TEST_SUITE(sqlite_log_of_a_database, Database)

BOOST_AUTO_TEST_CASE(each_transaction_is_there_when_it_has_ended) {
  const auto use = writer();
  int rows = 0;
  for (const int count : {1, 100, 1, 40, 3}) {
    use->begin();
    insert_many(*use, rows, count);
    change_many(*use, rows, count);
    use->commit();
    rows += count;
    BOOST_TEST(left() == rows);
  }
}

// Whoever closes its connection leaves the log to others, who go on behind it.
BOOST_AUTO_TEST_CASE(closed_beside_others) {
  {
    const auto use = writer();
    use->begin();
    insert_many(*use, 0);
    change_many(*use, 0);
    use->commit();
  }
  const auto next = writer();
  insert_many(*next, 100, 1);
  BOOST_TEST(left() == 101);
}

// Nothing of what was rolled back is written over what others have committed meanwhile.
BOOST_AUTO_TEST_CASE(rolled_back_beside_others) {
  const auto use = writer(), other = writer();
  other->empty_log();  // so that SQLite itself looks at nothing in the log when it rolls back
  use->begin();
  insert_many(*use, 0, 50);
  use->rollback();
  other->begin();
  insert_many(*other, 0);
  other->commit();
  use->query("SELECT count(*) FROM t", {},
             [](const db::Row& row) { BOOST_TEST(row.number(0) == 100); });
  BOOST_TEST(left() == 100);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
