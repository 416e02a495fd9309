// db::KeyRotation: all data keys come under the newest master key, in any number of portions, with
// the vault at work beside it; what cannot be unwrapped is named and stays.
#include "db/key_rotation.h"

#include <atomic>
#include <filesystem>
#include <thread>

#include "db/key_file_edit.h"
#include "db/store_check.h"
#include "tests/contract/fixture.h"

using namespace contract;
using vault::RecordTx;

namespace {

// A second ring with a further master key, in files of its own.
struct Rotated : Fixture {
  Rotated() {
    char name[] = "/tmp/bv-rotation-XXXXXX";
    folder = ::mkdtemp(name);
    for (const auto& [from, to] : {std::pair{&key_files().master_key_file, &files.master_key_file},
                                   {&key_files().pepper_file, &files.pepper_file},
                                   {&key_files().audit_key_file, &files.audit_key_file}}) {
      *to = folder + "/" + std::filesystem::path(*from).filename().string();
      std::filesystem::copy_file(*from, *to);
    }
    BOOST_REQUIRE(*db::add_key(files.master_key_file) == 2u);
    both = db::FileKeyRing::load(files).take();
    for (unsigned i = 1; i <= 5; ++i) {
      create(iccid(i));
      add(i);
      add(i);
    }
    commit([&](RecordTx& tx) {
      tx.append_staged(*tx.find(iccid(1)), 0, random_content(500));
      tx.append_staged(*tx.find(iccid(1)), 500, random_content(500));
    });
  }
  ~Rotated() { std::filesystem::remove_all(folder); }

  void add(unsigned number) {
    const auto content = random_content(200);
    commit([&](RecordTx& tx) {
      vault::Record& record = *tx.find(iccid(number));
      tx.add_image(record, image_of(record, content, 7), content);
    });
  }
  std::unique_ptr<db::KeyRotation> rotation() {
    auto made = db::KeyRotation::open(database.settings(), *both);
    BOOST_REQUIRE_MESSAGE(made.ok(), (made.ok() ? "" : made.error()));
    return made.take();
  }
  std::map<std::uint32_t, std::uint64_t> use() {
    const auto counted = rotation()->use([](base::View) {});
    BOOST_REQUIRE(counted.ok());
    return counted->master;
  }
  std::uint64_t faults_with(const db::FileKeyRing& ring) {
    const auto check = db::StoreCheck::open(database.settings(), ring);
    db::CheckState state;
    while (!state.done) BOOST_REQUIRE((*check)->page(state).ok());
    return state.faults;
  }

  std::string folder;
  db::KeyFiles files;
  std::unique_ptr<db::FileKeyRing> both;
};

using Counts = std::map<std::uint32_t, std::uint64_t>;

}  // namespace

BOOST_FIXTURE_TEST_SUITE(key_rotation, Rotated)

// Proves that images and parts of uploads are readable under the new key alone afterwards, and that
// a second walk finds nothing to do.
BOOST_AUTO_TEST_CASE(all_of_them) {
  BOOST_TEST((use() == Counts{{1, 12}}));
  for (const std::uint64_t wanted : {12u, 0u}) {
    const auto walk = rotation();
    db::Rotation state;
    while (!state.done) BOOST_REQUIRE(walk->batch(state, 5).ok());
    BOOST_TEST(state.seen == 12u);
    BOOST_TEST(state.rewrapped == wanted);
    BOOST_TEST(state.faults.empty());
  }
  BOOST_TEST((use() == Counts{{2, 12}}));
  BOOST_TEST(faults_with(keys()) == 12u);
  BOOST_REQUIRE(db::drop_key(files.master_key_file, 1).ok());
  BOOST_TEST(faults_with(*db::FileKeyRing::load(files).take()) == 0u);
}

// Proves that what an interrupted walk has done stays, and that another one does the rest.
BOOST_AUTO_TEST_CASE(in_portions) {
  db::Rotation first;
  BOOST_REQUIRE(rotation()->batch(first, 4).ok());
  BOOST_TEST(!first.done);
  BOOST_TEST((use() == Counts{{1, 8}, {2, 4}}));
  BOOST_TEST(faults_with(*both) == 0u);
  db::Rotation second;
  const auto walk = rotation();
  while (!second.done) BOOST_REQUIRE(walk->batch(second, 3).ok());
  BOOST_TEST(second.rewrapped == 8u);
  BOOST_TEST(faults_with(*both) == 0u);
}

// Proves that content that the vault stores, overwrites and drops while keys are wrapped anew stays
// readable.
BOOST_AUTO_TEST_CASE(beside_the_vault) {
  auto made = db::make_store_factory(database.settings(), *both, log, counters);
  BOOST_REQUIRE(made.ok());
  factory = made.take();
  store = factory->open();
  const auto walk = rotation();
  db::Rotation state;
  for (unsigned i = 0; !state.done; ++i) {
    BOOST_REQUIRE(walk->batch(state, 1).ok());
    add(1 + i % 5);
    commit([&](RecordTx& tx) {
      vault::Record& record = *tx.find(iccid(1 + (i + 2) % 5));
      tx.drop_image(tx.images(record).back().id);
    });
    BOOST_REQUIRE(i < 1000u);
  }
  BOOST_TEST((use().contains(1)) == false);
  BOOST_TEST(faults_with(*both) == 0u);
}

// Proves that neither reading nor wrapping takes the one lock that writers of SQLite share: while
// somebody else has it, a walk goes on over keys of which nothing is to be written, whether they
// are under the newest one or cannot be wrapped anew.
BOOST_AUTO_TEST_CASE(reads_and_wraps_without_the_lock,
                     *kOnlySqlite) {
  const std::string id = base::to_hex(read(iccid(2))->id);
  raw("UPDATE data_keys SET wrapped = X'00112233' WHERE record_id = X'" + id + "' AND place = 1");
  const auto walk = rotation();
  db::Rotation first;
  while (!first.done) BOOST_REQUIRE(walk->batch(first, 500).ok());
  BOOST_TEST(first.rewrapped == 11u);
  const auto writer = connect(database.settings());
  writer->begin();
  writer->run("UPDATE records SET epoch = epoch + 1");
  db::Rotation second;
  while (!second.done) {
    const auto read = walk->batch(second, 5);
    BOOST_REQUIRE_MESSAGE(read.ok(), (read.ok() ? "" : read.error()));
  }
  writer->rollback();
  BOOST_TEST(second.seen == 12u);
  BOOST_TEST(second.faults.size() == 1u);
}

// Proves that the vault comes to write all along while thousands of keys are wrapped anew, and that
// the walk comes to its end beside it.
BOOST_AUTO_TEST_CASE(others_come_to_write, *kOnlySqlite) {
  constexpr int kKeys = 10'000, kCommits = 50;
  const std::string id = base::to_hex(read(iccid(2))->id);
  for (const char* const rest :
       {"images SELECT record, place, id, sealed FROM images",
        "data_keys SELECT record, place, master, wrapped FROM data_keys"}) {
    raw(base::cat("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ",
                  kKeys, "), r(record) AS (SELECT CAST(printf('%016d', i) AS BLOB) FROM n) ",
                  "INSERT INTO ", rest, ", r WHERE record_id = X'", id, "' AND place = 0"));
  }
  db::Rotation state;
  const auto walk = rotation();
  std::atomic<bool> begun{false};
  std::jthread rotating([&] {
    bool good = true;
    while (good && !state.done) {
      good = walk->batch(state, 500).ok();
      begun = true;
    }
  });
  while (!begun) std::this_thread::yield();
  int commits = 0;
  for (int i = 0; i < kCommits; ++i) {
    const auto outcome = update([](RecordTx& tx) {
      ++tx.find(iccid(1))->epoch;
      return true;
    });
    commits += outcome == vault::Outcome::committed ? 1 : 0;
  }
  rotating.join();
  BOOST_TEST(commits == kCommits);
  BOOST_TEST(state.done);
  BOOST_TEST(state.rewrapped == 12u + kKeys);
}

// Proves that a key that was tampered with, or whose master key is lost, is named, and all others
// are done.
BOOST_AUTO_TEST_CASE(what_cannot_be) {
  const std::string id = base::to_hex(read(iccid(2))->id);
  raw("UPDATE data_keys SET master = 9 WHERE record_id = X'" + id + "' AND place = 0");
  raw("UPDATE data_keys SET wrapped = X'00112233' WHERE record_id = X'" + id + "' AND place = 1");
  const auto walk = rotation();
  db::Rotation state;
  while (!state.done) BOOST_REQUIRE(walk->batch(state, 500).ok());
  BOOST_TEST(state.rewrapped == 10u);
  const std::vector<db::CheckFault> wanted{{"record " + id, "there is no master key 9"},
                                           {"record " + id, "a key was changed"}};
  BOOST_TEST((state.faults == wanted));
  BOOST_TEST((use() == Counts{{1, 1}, {2, 10}, {9, 1}}));
}

BOOST_AUTO_TEST_SUITE_END()
