// What a store does when its server is cut off, killed, silent or locked: an outcome that is
// named is true, nothing happens twice, and all is well afterwards.
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <thread>
#include <vector>

#include "tests/contract/fixture.h"
#include "tests/support/mariadb.h"
#include "tests/support/mysql_proxy.h"

using namespace contract;
using support::MariaDb;
using support::MySqlProxy;
using vault::Outcome;
using vault::Record;
using vault::RecordTx;
using Fault = MySqlProxy::Fault;

namespace {

volatile std::sig_atomic_t broken_pipes = 0;

// A store whose connection goes through a proxy.
struct ProxyFixture : Fixture {
  ProxyFixture() {
    db::Settings settings = database.settings();
    settings.socket = MariaDb::running().socket() + ".proxy";
    settings.query_timeout_ms = 2000;
    settings.commit_deadline_ms = 3000;
    far_factory = db::make_store_factory(settings, keys(), log, counters).take();
    far = far_factory->open();
    create(iccid(1));
    BOOST_REQUIRE((bump(false) == Outcome::committed));
    calls = 0;
  }
  Outcome bump(bool with_note) {
    return far->update(now, [&](RecordTx& tx) {
      ++calls;
      Record* const record = tx.find(iccid(1));
      if (record == nullptr) return false;  // the store has just been lost
      ++record->epoch;
      if (with_note) tx.note(*record, {"bumped", "test", ""});
      return true;
    });
  }
  // The next call that is not refused at once because the one before failed.
  Outcome bump_until_well() {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    Outcome outcome = Outcome::unavailable;
    while (outcome == Outcome::unavailable && std::chrono::steady_clock::now() < end) {
      outcome = bump(true);
      std::this_thread::yield();
    }
    return outcome;
  }
  std::uint32_t epoch() { return read(iccid(1))->epoch; }

  MySqlProxy proxy{MariaDb::running().socket() + ".proxy", MariaDb::running().socket()};
  std::unique_ptr<vault::StoreFactory> far_factory;
  std::unique_ptr<vault::Store> far;
  int calls = 0;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(faults_mariadb, ProxyFixture, *kOnlyMariaDb)

// The connection dies between two updates: one reconnect, nobody notices.
BOOST_AUTO_TEST_CASE(cut_between_updates) {
  proxy.cut_all();
  BOOST_TEST((bump(true) == Outcome::committed));
  BOOST_TEST(epoch() == 2u);
  BOOST_TEST(counters.get("db.reconnects") == 1);
  BOOST_TEST(log.all().empty());
}

// The server kills the connection in the middle of the function: replayed as a whole.
BOOST_AUTO_TEST_CASE(killed_in_the_middle) {
  const Outcome outcome = far->update(now, [&](RecordTx& tx) {
    Record& record = *tx.find(iccid(1));
    ++record.epoch;
    if (++calls == 1) proxy.cut_all();
    tx.raise_counter(iccid(1), 1, 5);
    return true;
  });
  BOOST_TEST((outcome == Outcome::committed));
  BOOST_TEST(calls == 2);
  BOOST_TEST(epoch() == 2u);
  BOOST_TEST(counter(iccid(1), 1) == 5u);
}

// KILL of the session by the server itself.
BOOST_AUTO_TEST_CASE(killed_by_the_server) {
  const std::string id = MariaDb::running().ask(
      "SELECT MAX(id) FROM information_schema.processlist WHERE db = 'used'");
  MariaDb::running().run("KILL " + id);
  BOOST_TEST((bump(true) == Outcome::committed));
  BOOST_TEST((bump_until_well() == Outcome::committed));
  BOOST_TEST(epoch() == 3u);
}

// COMMIT never reached the server: found not to have happened, replayed, counted once. With a
// history entry as witness and without one.
BOOST_AUTO_TEST_CASE(cut_before_commit) {
  for (const bool noted : {true, false}) {
    const std::uint32_t before = epoch();
    calls = 0;
    proxy.arm(Fault::cut_before_commit);
    BOOST_TEST((bump(noted) == Outcome::committed));
    BOOST_TEST(calls == 2);
    BOOST_TEST(epoch() == before + 1);
  }
  BOOST_TEST(counters.get("db.unknown_commits") == 2);
}

// No COMMIT ever reaches the server, though everything else does: `unavailable` when the time is
// up, not tried for ever, and nothing is written. Ordinary updates and those that create.
BOOST_AUTO_TEST_CASE(cut_at_every_commit) {
  proxy.arm(Fault::cut_every_commit);
  const auto begin = std::chrono::steady_clock::now();
  BOOST_TEST((bump(true) == Outcome::unavailable));
  BOOST_TEST((far->update(now, [&](RecordTx& tx) {
    tx.note(tx.create(iccid(2)), {"created", "test", ""});
    return true;
  }) == Outcome::unavailable));
  // Twice the query time-out, each with one look-up that may be slow.
  BOOST_TEST((std::chrono::steady_clock::now() - begin < std::chrono::seconds(12)));
  BOOST_TEST(counters.get("db.unknown_commits") >= 4);
  BOOST_TEST(log.count("store unavailable") >= 1u);
  proxy.arm(Fault::none);
  BOOST_TEST(epoch() == 1u);
  BOOST_TEST(!read(iccid(2)).has_value());
  BOOST_TEST((bump_until_well() == Outcome::committed));
  BOOST_TEST(epoch() == 2u);
}

// COMMIT happened, its answer was lost: found, not repeated.
BOOST_AUTO_TEST_CASE(cut_after_commit) {
  for (const bool noted : {true, false}) {
    const std::uint32_t before = epoch();
    calls = 0;
    proxy.arm(Fault::cut_after_commit);
    BOOST_TEST((bump(noted) == Outcome::committed));
    BOOST_TEST(calls == 1);
    BOOST_TEST(epoch() == before + 1);
  }
  BOOST_TEST(counters.get("db.unknown_commits") == 2);
}

// COMMIT arrives at the server after the client has begun to look for it. Whether the look-up
// waits for the row and finds it, or a replay is faster and the late one meets another version: it
// happens once.
BOOST_AUTO_TEST_CASE(commit_arrives_late) {
  for (const bool noted : {true, false}) {
    const std::uint32_t before = epoch();
    const int late = proxy.late_commits();
    proxy.arm(Fault::hold_commit, 400);
    BOOST_TEST((bump(noted) == Outcome::committed));
    while (proxy.late_commits() == late) std::this_thread::yield();
    BOOST_TEST(epoch() == before + 1);
  }
}

// The same for a record that the update creates, and for one that it removes.
BOOST_AUTO_TEST_CASE(cut_while_creating_and_removing) {
  unsigned card = 10;
  for (const Fault fault : {Fault::cut_before_commit, Fault::cut_after_commit}) {
    for (const bool noted : {true, false}) {
      const vault::Iccid fresh = iccid(++card);
      proxy.arm(fault);
      BOOST_TEST((far->update(now, [&](RecordTx& tx) {
        Record& record = tx.create(fresh);
        if (noted) tx.note(record, {"created", "test", ""});
        return true;
      }) == Outcome::committed));
      BOOST_TEST(read(fresh).has_value());
    }
    const vault::Iccid goes = iccid(card);
    proxy.arm(fault);
    BOOST_TEST((far->update(now, [&](RecordTx& tx) {
      Record* const record = tx.find(goes);
      if (record == nullptr) return true;
      tx.note(*record, {"erased", "test", ""});
      tx.remove(*record);
      return true;
    }) == Outcome::committed));
    BOOST_TEST(!read(goes).has_value());
  }
}

// Others have written the record before the look-up comes through: the history still tells.
// Without an entry of ours it is not to be found out, and `unavailable` is the true answer.
BOOST_AUTO_TEST_CASE(overwritten_before_the_look_up) {
  for (const bool noted : {true, false}) {
    const std::uint32_t before = epoch();
    const int commits = proxy.commits();
    proxy.arm(Fault::cut_after_commit);
    proxy.refuse(true);
    std::thread other([&] {
      while (proxy.commits() == commits || epoch() == before) std::this_thread::yield();
      for (int i = 0; i < 3; ++i) {
        commit([&](RecordTx& tx) {
          Record& record = *tx.find(iccid(1));
          ++record.epoch;
          tx.note(record, {"other", "test", ""});
        });
      }
      proxy.refuse(false);
    });
    const Outcome outcome = bump(noted);
    other.join();
    BOOST_TEST((outcome == (noted ? Outcome::committed : Outcome::unavailable)));
    BOOST_TEST(epoch() == before + 4);
  }
}

// The server stays away longer than the deadline: `unavailable`, one line, then well again.
BOOST_AUTO_TEST_CASE(not_to_be_found_out) {
  proxy.arm(Fault::cut_after_commit);
  proxy.refuse(true);
  const auto begin = std::chrono::steady_clock::now();
  BOOST_TEST((bump(true) == Outcome::unavailable));
  BOOST_TEST((std::chrono::steady_clock::now() - begin < std::chrono::seconds(15)));
  for (int i = 0; i < 10; ++i) BOOST_TEST((bump(true) == Outcome::unavailable));
  BOOST_TEST(log.count("store unavailable") == 1u);
  BOOST_TEST(epoch() == 2u);
  proxy.refuse(false);
  BOOST_TEST((bump_until_well() == Outcome::committed));
  BOOST_TEST(epoch() == 3u);
  BOOST_TEST(log.count("available again") == 1u);
  BOOST_TEST(log.all().size() == 2u);
}

// A counter without a record bears no mark: an open fate stays open.
BOOST_AUTO_TEST_CASE(counter_alone) {
  proxy.arm(Fault::cut_after_commit);
  BOOST_TEST((far->update(now, [&](RecordTx& tx) {
    tx.raise_counter(iccid(77), 1, 9);
    return true;
  }) == Outcome::unavailable));
  BOOST_TEST(counter(iccid(77), 1) == 9u);
}

// A lock held by somebody else for a moment is waited for; for too long is `unavailable` within
// a bounded time, and nothing of the update stays behind.
BOOST_AUTO_TEST_CASE(row_locked_by_another) {
  const auto other = connect(database.settings());
  other->begin();
  other->run("UPDATE records SET foreign_wrong = 1, version = version + 1");
  const auto begin = std::chrono::steady_clock::now();
  BOOST_TEST((bump(true) == Outcome::unavailable));
  BOOST_TEST((std::chrono::steady_clock::now() - begin < std::chrono::seconds(15)));
  std::thread thread([&] { other->commit(); });
  BOOST_TEST((bump_until_well() == Outcome::committed));
  thread.join();
  BOOST_TEST(epoch() == 2u);
  BOOST_TEST(read(iccid(1))->foreign_wrong == 1);
}

// A server that stands still: every call returns within the time-outs, and works when it goes on.
BOOST_AUTO_TEST_CASE(silent_server) {
  MariaDb::running().pause();
  const auto begin = std::chrono::steady_clock::now();
  BOOST_TEST((bump(true) == Outcome::unavailable));
  BOOST_TEST(!far->check().ok());
  BOOST_TEST((std::chrono::steady_clock::now() - begin < std::chrono::seconds(20)));
  MariaDb::running().resume();
  BOOST_TEST((bump_until_well() == Outcome::committed));
  BOOST_TEST(epoch() == 2u);
}

// The server is killed while four threads write, and four more something that need not last, and is
// started again: what was told committed is there, nothing twice, and every chain is whole.
BOOST_AUTO_TEST_CASE(server_killed_under_load) {
  constexpr unsigned kThreads = 4;
  for (unsigned i = 0; i < kThreads; ++i) create(iccid(100 + i));
  std::atomic<std::uint32_t> committed[kThreads] = {};
  std::atomic<std::uint32_t> open_fates[kThreads] = {};
  std::atomic<bool> stop{false};
  std::vector<std::jthread> threads;
  struct Stopper {  // also when the server does not come back
    std::atomic<bool>& stop;
    ~Stopper() { stop = true; }
  };
  const Stopper stopper{stop};
  for (unsigned i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      const auto own = open();
      while (!stop) {
        const Outcome outcome = own->update(now, [&](RecordTx& tx) {
          Record* const record = tx.find(iccid(100 + i));
          if (record == nullptr) return false;
          ++record->epoch;
          tx.note(*record, {"bumped", "test", ""});
          return true;
        });
        ++(outcome == Outcome::committed ? committed : open_fates)[i];
      }
    });
  }
  for (unsigned i = kThreads; i < 2 * kThreads; ++i) {
    create(iccid(100 + i));
    threads.emplace_back([&, i] {
      const auto own = open();
      for (std::uint32_t transaction = 1; !stop; ++transaction) {
        own->update(now, [&](RecordTx& tx) {
          Record* const record = tx.find(iccid(100 + i));
          if (record == nullptr) return false;
          record->fetch = vault::FetchPermit{transaction, {}, record->epoch, now.utc_ms};
          return true;
        });
      }
    });
  }
  const auto wait_for_more = [&] {
    for (auto& count : committed) {
      const std::uint32_t enough = count + 30;
      while (count < enough) std::this_thread::yield();
    }
  };
  for (int round = 0; round < 4; ++round) {
    wait_for_more();
    MariaDb::running().kill();
    MariaDb::running().start();
    wait_for_more();
  }
  stop = true;
  threads.clear();
  for (unsigned i = 0; i < kThreads; ++i) {
    const Record record = *read(iccid(100 + i));
    BOOST_TEST(record.epoch >= committed[i]);
    BOOST_TEST(record.epoch <= committed[i] + open_fates[i]);
    BOOST_TEST(record.history_count == record.epoch + 1);
  }
  BOOST_TEST(vault::verify_audit(*store, keys())->empty());
}

// The driver left the host's SIGPIPE disposition as it was, and a write to a connection that the
// server has closed raises no signal, not even in a thread that has not blocked it.
BOOST_AUTO_TEST_CASE(sigpipe_is_the_hosts) {
  struct sigaction before {};
  BOOST_REQUIRE(::sigaction(SIGPIPE, nullptr, &before) == 0);
  BOOST_TEST((before.sa_handler == SIG_DFL));
  broken_pipes = 0;
  struct sigaction counting {};
  counting.sa_handler = [](int) { broken_pipes = broken_pipes + 1; };
  BOOST_REQUIRE(::sigaction(SIGPIPE, &counting, nullptr) == 0);
  for (int i = 0; i < 5; ++i) {
    proxy.cut_all();
    BOOST_TEST((bump(true) == Outcome::committed));
  }
  BOOST_TEST(counters.get("db.reconnects") >= 5);
  BOOST_TEST(broken_pipes == 0);
  // The test itself can see one.
  int ends[2];
  BOOST_REQUIRE(::pipe(ends) == 0);
  ::close(ends[0]);
  BOOST_TEST(::write(ends[1], "x", 1) == -1);
  ::close(ends[1]);
  BOOST_TEST(broken_pipes == 1);
  BOOST_REQUIRE(::sigaction(SIGPIPE, &before, &counting) == 0);
  BOOST_TEST((counting.sa_handler != SIG_DFL && counting.sa_handler != SIG_IGN));
}

BOOST_AUTO_TEST_SUITE_END()

namespace {

// A server that has no room for images, by its own error. (One whose disk is really full may end in
// its own rollback: what holds then is told by the tests that kill it.)
struct FullFixture : Fixture {
  FullFixture() { create(iccid(1)); }
  ~FullFixture() { make_room(); }
  void fill_up() {
    for (const std::string when : {"INSERT", "UPDATE"}) {
      raw("CREATE TRIGGER full_" + when + " BEFORE " + when +
          " ON images FOR EACH ROW SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1114");
    }
  }
  void make_room() {
    for (const std::string when : {"INSERT", "UPDATE"}) raw("DROP TRIGGER IF EXISTS full_" + when);
  }
  static Outcome put(vault::Store& by, const vault::Iccid& card, base::Now now) {
    const auto content = random_content(50'000);
    return by.update(now, [&](RecordTx& tx) {
      Record& record = *tx.find(card);
      tx.add_image(record, image_of(record, content, 1), content);
      tx.note(record, {"stored", "card", ""});
      return true;
    });
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(full_mariadb, FullFixture, *kOnlyMariaDb)

// `unavailable`, nothing half written, one line in the log however many tries; reading goes on;
// with room again the same store works, and says so once.
BOOST_AUTO_TEST_CASE(full) {
  fill_up();
  for (int i = 0; i < 10; ++i) {
    BOOST_TEST((put(*store, iccid(1), now) == Outcome::unavailable));
    BOOST_TEST(read(iccid(1))->history_count == 1u);
  }
  BOOST_TEST(images(iccid(1)).empty());
  BOOST_TEST(log.count("store unavailable") == 1u);
  BOOST_TEST(log.all().size() == 1u);
  BOOST_TEST(counters.get("db.unavailable") == 10);
  make_room();
  BOOST_TEST((put(*store, iccid(1), now) == Outcome::committed));
  BOOST_TEST(images(iccid(1)).size() == 1u);
  BOOST_TEST(log.count("available again") == 1u);
  BOOST_TEST(vault::verify_audit(*store, keys())->empty());
}

// What asks for no room is committed, though it shares a transaction with what finds none.
BOOST_AUTO_TEST_CASE(full_for_one_only) {
  constexpr unsigned kSmall = 7;
  for (unsigned i = 2; i <= kSmall + 1; ++i) create(iccid(i));
  fill_up();
  std::atomic<unsigned> small{0};
  std::atomic<unsigned> large{0};
  std::vector<std::thread> threads;
  for (unsigned i = 1; i <= kSmall + 1; ++i) {
    threads.emplace_back([&, i] {
      const auto own = open();
      for (int n = 0; n < 20; ++n) {
        if (i == 1) {
          large += put(*own, iccid(1), now) == Outcome::committed ? 1 : 0;
          continue;
        }
        const Outcome outcome = own->update(now, [&](RecordTx& tx) {
          ++tx.find(iccid(i))->epoch;
          return true;
        });
        small += outcome == Outcome::committed ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  BOOST_TEST(large == 0u);
  BOOST_TEST(small == kSmall * 20);
  for (unsigned i = 2; i <= kSmall + 1; ++i) BOOST_TEST(read(iccid(i))->epoch == 20u);
}

BOOST_AUTO_TEST_SUITE_END()

// A server that cannot be reached at all is told in the log by its own words, without secrets.
BOOST_FIXTURE_TEST_CASE(no_server, Fixture, *kOnlyMariaDb) {
  db::Settings settings = database.settings();
  settings.socket = "/tmp/bv-no-such-server";
  const auto nowhere = db::make_store_factory(settings, keys(), log, counters).take();
  const auto own = nowhere->open();
  const auto checked = own->check();
  BOOST_REQUIRE(!checked.ok());
  BOOST_TEST(checked.error().find("2002") != std::string::npos);
  for (int i = 0; i < 5; ++i) BOOST_TEST(!own->check().ok());
  BOOST_TEST(log.count("store unavailable") == 1u);
}
