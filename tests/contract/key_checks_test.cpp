// Key files that are well-formed and of another database: nothing is read or written under them,
// the reason names the file and the number, and with the right file all is as it was.
#include <filesystem>
#include <fstream>
#include <thread>

#include "db/key_checks.h"
#include "db/key_file_edit.h"
#include "db/key_rotation.h"
#include "db/store_check.h"
#include "tests/contract/fixture.h"
#include "tests/support/test_vault.h"

using namespace contract;
using vault::Outcome;
using vault::RecordTx;

namespace {

using File = std::string db::KeyFiles::*;
using Ring = std::unique_ptr<db::FileKeyRing>;

struct Kind {
  File file;
  const char* name;
};
constexpr Kind kKinds[] = {{&db::KeyFiles::master_key_file, "master key 1"},
                           {&db::KeyFiles::pepper_file, "pepper 1"},
                           {&db::KeyFiles::audit_key_file, "audit key 1"}};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Another instance with keys of its own.
struct Instance {
  Instance(const Database& database, Ring own) : ring(std::move(own)) {
    factory = db::make_store_factory(database.settings(), *ring, log, counters).take();
    store = factory->open();
  }
  Outcome bump(unsigned number) {
    return store->update({1'000, 1'764'000'000'000}, [&](RecordTx& tx) {
      ++calls;
      ++tx.find(iccid(number))->epoch;
      return true;
    });
  }
  std::string fault() {
    const auto checked = store->check();
    return checked ? "" : checked.error();
  }

  Ring ring;
  Lines log;
  base::Counters counters;
  std::unique_ptr<vault::StoreFactory> factory;
  std::unique_ptr<vault::Store> store;
  int calls = 0;
};

struct Keys : Fixture {
  Keys() {
    for (const Kind& kind : kKinds) {
      files.*kind.file = folder / kind.name;
      bring_back(kind.file);
    }
  }

  void bring_back(File file) {
    std::filesystem::copy_file(key_files().*file, files.*file,
                               std::filesystem::copy_options::overwrite_existing);
  }
  // All files, but one is another system's.
  Ring with_other(File file) {
    std::filesystem::remove(files.*file);
    BOOST_REQUIRE(db::create_key_files(files).ok());
    Ring ring = load();
    bring_back(file);
    return ring;
  }
  Ring load() const { return db::FileKeyRing::load(files).take(); }
  std::string values() { return ask("SELECT COUNT(*) FROM key_checks"); }
  void add_image(unsigned number) {
    const auto content = random_content(200);
    commit([&](RecordTx& tx) {
      vault::Record& record = *tx.find(iccid(number));
      tx.add_image(record, image_of(record, content, 7), content);
    });
  }

  support::TestDirectory folder;
  db::KeyFiles files;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(key_checks, Keys)

// Proves for each file that the wrong one is noticed before anything is done with it, by stores and
// by what goes through a whole store, and that the right one works as before.
BOOST_AUTO_TEST_CASE(another_file) {
  create(iccid(1));
  BOOST_TEST(values() == "3");
  for (const Kind& kind : kKinds) {
    Instance wrong(database, with_other(kind.file));
    for (int i = 0; i < 3; ++i) BOOST_TEST((wrong.bump(1) == Outcome::unavailable));
    BOOST_TEST(wrong.calls == 0);
    BOOST_TEST(!wrong.store->find_any({iccid(1)}, std::nullopt).ok());
    const std::string fault = wrong.fault();
    BOOST_TEST(fault == "key file " + files.*kind.file +
                            " does not belong to this database: " + kind.name +
                            " is another key than the one used before; bring the right file back");
    BOOST_TEST(wrong.log.all().size() == 1u);
    BOOST_TEST(wrong.log.count(fault) == 1u);
    const auto walk = db::KeyRotation::open(database.settings(), *wrong.ring);
    BOOST_REQUIRE(!walk.ok());
    BOOST_TEST(walk.error() == fault);
    const auto check = db::StoreCheck::open(database.settings(), *wrong.ring);
    BOOST_TEST((!check.ok() || !(*check)->store_mark().ok()));
    const auto told = db::foreign_keys(database.settings(), *wrong.ring);
    BOOST_REQUIRE(told.size() == 1u);
    BOOST_TEST(told.front().text == fault);
    BOOST_TEST(read(iccid(1))->epoch == 0u);
    Instance right(database, load());
    BOOST_TEST(right.fault() == "");
    BOOST_TEST(db::foreign_keys(database.settings(), *right.ring).empty());
  }
  BOOST_TEST(values() == "3");
  Instance right(database, load());
  BOOST_TEST((right.bump(1) == Outcome::committed));
}

// Proves that a new number is known from its first use, and an old one stays known; that whoever
// has made a key of his own under that number is refused.
BOOST_AUTO_TEST_CASE(a_new_number) {
  create(iccid(1));
  for (const Kind& kind : {kKinds[0], kKinds[1]}) BOOST_REQUIRE(db::add_key(files.*kind.file).ok());
  Instance rotated(database, load());
  BOOST_TEST(rotated.fault() == "");
  BOOST_TEST(values() == "3");  // nothing was made with it
  BOOST_TEST((rotated.bump(1) == Outcome::committed));
  BOOST_TEST(values() == "5");
  bring_back(&db::KeyFiles::pepper_file);
  BOOST_REQUIRE(db::add_key(files.pepper_file).ok());
  Instance own(database, load());
  BOOST_TEST((own.bump(1) == Outcome::unavailable));
  BOOST_TEST(contains(own.fault(), "pepper 2 is another key"));
  BOOST_TEST((update([](RecordTx& tx) { return ++tx.find(iccid(1))->epoch, true; }) ==
              Outcome::committed));  // who does not know the number yet is not held up
}

// Proves that of two instances with other keys that find no values the first one's stand, also
// when the second has looked before.
BOOST_AUTO_TEST_CASE(two_at_once) {
  create(iccid(1));
  raw("DELETE FROM key_checks");
  Instance first(database, load());
  Instance second(database, with_other(&db::KeyFiles::pepper_file));
  BOOST_TEST(first.fault() == "");
  BOOST_TEST(second.fault() == "");
  BOOST_TEST((first.bump(1) == Outcome::committed));
  BOOST_TEST((second.bump(1) == Outcome::unavailable));
  BOOST_TEST(contains(second.fault(), "pepper 1 is another key"));
  BOOST_TEST(second.log.count("pepper 1 is another key") == 1u);
  BOOST_TEST((first.bump(1) == Outcome::committed));
  for (int round = 0; round < 5; ++round) {
    raw("DELETE FROM key_checks");
    Instance a(database, load());
    Instance b(database, with_other(&db::KeyFiles::audit_key_file));
    BOOST_REQUIRE((a.fault().empty() && b.fault().empty()));
    Outcome of_a{};
    std::thread other([&] { of_a = a.bump(1); });
    const Outcome of_b = b.bump(1);
    other.join();
    BOOST_TEST(((of_a == Outcome::committed) != (of_b == Outcome::committed)));
    BOOST_TEST(values() == "3");
  }
}

// Proves that in a database from before there were values content tells a wrong master key, and
// that one damaged key among others is no reason.
BOOST_AUTO_TEST_CASE(content_without_values) {
  for (unsigned i = 1; i <= 3; ++i) {
    create(iccid(i));
    add_image(i);
  }
  raw("DELETE FROM key_checks");
  raw("UPDATE data_keys SET wrapped = X'00112233' WHERE record_id = X'" +
      base::to_hex(read(iccid(1))->id) + "'");
  Instance wrong(database, with_other(&db::KeyFiles::master_key_file));
  BOOST_TEST((wrong.bump(1) == Outcome::unavailable));
  BOOST_TEST(wrong.calls == 0);
  BOOST_TEST(contains(wrong.fault(), "master key 1 is another key"));
  BOOST_TEST(values() == "0");
  Instance right(database, load());
  BOOST_TEST((right.bump(1) == Outcome::committed));
  BOOST_TEST(values() == "3");
}

// Proves that each of several master keys is told by what was stored under it.
BOOST_AUTO_TEST_CASE(content_of_several_keys) {
  for (unsigned i = 1; i <= 10; ++i) {
    create(iccid(i));
    add_image(i);
  }
  BOOST_REQUIRE(db::add_key(files.master_key_file).ok());
  {
    Instance rotated(database, load());
    const auto content = random_content(200);
    BOOST_TEST((rotated.store->update({1'000, 1'764'000'000'000}, [&](RecordTx& tx) {
      vault::Record& record = *tx.find(iccid(10));
      tx.add_image(record, image_of(record, content, 8), content);
      return true;
    }) == Outcome::committed));
  }
  raw("DELETE FROM key_checks");
  const Ring right = load();
  bring_back(&db::KeyFiles::master_key_file);
  BOOST_REQUIRE(db::add_key(files.master_key_file).ok());
  Instance wrong(database, load());
  BOOST_TEST(contains(wrong.fault(), "master key 2 is another key"));
  BOOST_TEST(db::foreign_keys(database.settings(), *right).empty());
}

// Proves that in a large store the content at either end tells a wrong master key, and that what
// lies between is not gone through for it.
BOOST_AUTO_TEST_CASE(content_of_a_large_store) {
  create(iccid(1));
  add_image(1);
  raw("DELETE FROM key_checks");
  static_assert(db::KeyChecks::kLookedAt == 20'000);
  const std::string digit =
      "(SELECT 0 AS d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 "
      "UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9) ";
  const std::string first = "X'00'", last = "X'FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF'";
  for (const std::string& record : {first, last}) {
    raw("INSERT INTO data_keys (record_id, place, master, wrapped) SELECT " + record +
        ", 10000 * a.d + 1000 * b.d + 100 * c.d + 10 * e.d + f.d, 7, X'00' FROM (SELECT 0 AS d "
        "UNION SELECT 1) a, " +
        digit + "b, " + digit + "c, " + digit + "e, " + digit + "f");
  }
  const auto is_told = [&] {
    Instance wrong(database, with_other(&db::KeyFiles::master_key_file));
    return contains(wrong.fault(), "master key 1 is another key");
  };
  BOOST_TEST(!is_told());
  for (const std::string& record : {first, last}) {
    raw("DELETE FROM data_keys WHERE place = 0 AND record_id = " + record);
    BOOST_TEST(is_told());
    raw("INSERT INTO data_keys (record_id, place, master, wrapped) VALUES (" + record +
        ", 0, 7, X'00')");
  }
}

// Proves that what comes in the place of lost keys is not taken for them: content is there, and
// opens when its key is found again after all.
BOOST_AUTO_TEST_CASE(lost_and_found) {
  create(iccid(1));
  add_image(1);
  commit([](RecordTx& tx) { tx.find(iccid(1))->pepper = 4; });
  const auto numbers = db::unused_numbers(database.settings());
  BOOST_REQUIRE(numbers.ok());
  BOOST_TEST(numbers->master == 2u);
  BOOST_TEST(numbers->pepper == 5u);
  for (const Kind& kind : {kKinds[0], kKinds[1]}) std::filesystem::remove(files.*kind.file);
  BOOST_REQUIRE(db::create_key_files(files, *numbers).ok());
  BOOST_REQUIRE(
      db::forget_keys(database.settings(), {db::KeyKind::master, db::KeyKind::pepper}).ok());
  {
    Instance fresh(database, load());
    BOOST_TEST(fresh.fault() == "");
    BOOST_TEST((fresh.bump(1) == Outcome::committed));
  }
  std::ifstream old(key_files().master_key_file);
  std::ofstream(files.master_key_file, std::ios::app) << old.rdbuf();
  Instance both(database, load());
  BOOST_TEST(both.fault() == "");
  const auto images = both.store->image(read(iccid(1))->id, this->images(iccid(1)).front());
  BOOST_TEST(images.ok());
}

// Proves that after keys were given up new ones are taken, and that an instance that still runs
// with the old ones writes nothing once it has looked.
BOOST_AUTO_TEST_CASE(given_up) {
  create(iccid(1));
  BOOST_REQUIRE(db::forget_keys(database.settings(), {db::KeyKind::pepper}).ok());
  BOOST_TEST(values() == "2");
  Instance fresh(database, with_other(&db::KeyFiles::pepper_file));
  BOOST_TEST((fresh.bump(1) == Outcome::committed));
  BOOST_TEST(values() == "3");
  BOOST_TEST(!store->check().ok());
  BOOST_TEST((update([](RecordTx& tx) { return ++tx.find(iccid(1))->epoch, true; }) ==
              Outcome::unavailable));
}

BOOST_AUTO_TEST_SUITE_END()
