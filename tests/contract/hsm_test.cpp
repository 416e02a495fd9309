// A store whose master key lies in an HSM (softhsm2): content is stored and read; while the HSM is
// away an update that stores content changes nothing and is `unavailable`, one without content
// goes on; content of a key file comes under the HSM's key, and stays readable when the way ends
// half-way.
#include "db/connect.h"
#include "db/key_rotation.h"
#include "db/store_check.h"
#include "db/token_keys.h"
#include "tests/contract/fixture.h"
#include "tests/support/soft_hsm.h"
#include "tests/support/until.h"

using namespace contract;
using vault::Outcome;
using vault::RecordTx;

namespace {

struct Hsm : Fixture {
  Hsm() {
    db::KeyFiles files = key_files();
    files.token = hsm.settings();
    BOOST_REQUIRE((*db::TokenKeys::open(hsm.settings()))->create(2).ok());
    auto loaded = db::FileKeyRing::load(files);
    BOOST_REQUIRE_MESSAGE(loaded.ok(), (loaded.ok() ? "" : loaded.error()));
    ring = loaded.take();
  }
  // From now on content is stored under the HSM's key.
  void use_hsm() {
    auto made = db::make_store_factory(database.settings(), *ring, log, counters);
    BOOST_REQUIRE(made.ok());
    factory = made.take();
    store = factory->open();
  }
  Outcome add(unsigned number, const base::Bytes& content) {
    return update([&](RecordTx& tx) {
      vault::Record& record = *tx.find(iccid(number));
      const vault::ImageInfo image = image_of(record, content, 7);
      tx.add_image(record, image, content);
      record.image = image;
      return true;
    });
  }
  std::optional<base::Bytes> content(unsigned number) {
    const auto record = read(iccid(number));
    auto plain = store->image(record->id, images(iccid(number)).front());
    return plain ? std::optional(*plain) : std::nullopt;
  }

  support::SoftHsm hsm;
  std::unique_ptr<db::FileKeyRing> ring;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(hsm, Hsm)

BOOST_AUTO_TEST_CASE(away_and_back) {
  use_hsm();
  create(iccid(1));
  const base::Bytes first = random_content(300);
  const base::Bytes second = random_content(300);
  BOOST_TEST((add(1, first) == Outcome::committed));
  BOOST_TEST((content(1) == first));
  hsm.take_away();
  BOOST_TEST((add(1, second) == Outcome::unavailable));
  BOOST_TEST((update([&](RecordTx& tx) {
                tx.append_staged(*tx.find(iccid(1)), 0, second);
                return true;
              }) == Outcome::unavailable));
  BOOST_TEST(!content(1).has_value());
  BOOST_TEST(images(iccid(1)).size() == 1u);
  BOOST_TEST((update([&](RecordTx& tx) {
                tx.find(iccid(1))->customer = "C";
                return true;
              }) == Outcome::committed));
  BOOST_TEST(counters.get("db.hsm_failures") == 3);
  BOOST_TEST(log.count("unavailable") == 0u);  // the store itself was well
  hsm.bring_back();
  BOOST_TEST(support::until([&] { return add(1, second) == Outcome::committed; }));
  BOOST_TEST((content(1) == second));
}

// Proves that an HSM that is away when a store is first used holds up nothing that needs no
// content, and that its key is compared, or its value kept, once it is back.
BOOST_AUTO_TEST_CASE(away_at_first) {
  const char* const values = "SELECT COUNT(*) FROM key_checks";
  use_hsm();
  hsm.take_away();
  create(iccid(1));
  BOOST_TEST(ask(values) == "3");
  hsm.bring_back();
  BOOST_TEST(support::until([&] { return add(1, random_content(300)) == Outcome::committed; }));
  BOOST_TEST(ask(values) == "4");
  hsm.take_away();
  use_hsm();
  BOOST_TEST(read(iccid(1)).has_value());
  raw("UPDATE key_checks SET check_value = X'0011' WHERE kind = 1 AND key_number = 2");
  hsm.bring_back();
  BOOST_TEST(support::until([&] { return !store->check().ok(); }));
  BOOST_TEST(store->check().error().find("HSM token '") == 0u, store->check().error());
  BOOST_TEST((add(1, random_content(300)) == Outcome::unavailable));
}

// Proves that another token of the same name, with other keys of the same numbers, is noticed when
// it comes in the place of the one that was lost, before anything is stored under its key.
BOOST_AUTO_TEST_CASE(another_comes_back) {
  use_hsm();
  create(iccid(1));
  const base::Bytes first = random_content(300);
  BOOST_TEST((add(1, first) == Outcome::committed));
  hsm.take_away();
  BOOST_TEST((add(1, random_content(300)) == Outcome::unavailable));
  hsm.put_another(2);
  const std::string seen = "is another key than the one used before";
  BOOST_TEST(support::until([&] {
    BOOST_TEST((add(1, random_content(300)) == Outcome::unavailable));
    return log.count(seen) > 0;
  }));
  BOOST_TEST(images(iccid(1)).size() == 1u);
  hsm.bring_back();
  BOOST_TEST(support::until([&] { return add(1, random_content(300)) == Outcome::committed; }));
}

// Proves that an instance that still knows an old key goes on when that is destroyed: nothing is
// held up by it after the HSM was lost, and the newest key is compared as ever.
BOOST_AUTO_TEST_CASE(old_key_destroyed) {
  auto tool = db::TokenKeys::open(hsm.settings()).take();
  BOOST_REQUIRE(tool->create(3).ok());
  db::KeyFiles files = key_files();
  files.token = hsm.settings();
  ring = db::FileKeyRing::load(files).take();
  use_hsm();
  create(iccid(1));
  BOOST_TEST((add(1, random_content(300)) == Outcome::committed));
  BOOST_REQUIRE(tool->destroy(2).ok());
  tool.reset();  // the module is initialised anew only by its last user
  hsm.take_away();
  BOOST_TEST((add(1, random_content(300)) == Outcome::unavailable));
  hsm.bring_back();
  const base::Bytes content_after = random_content(300);
  BOOST_TEST(support::until([&] { return add(1, content_after) == Outcome::committed; }));
  BOOST_TEST((content(1) == content_after));
  BOOST_TEST(store->check().ok());
  db::KeyChecks checks(*ring);
  BOOST_TEST(checks.fault(*db::open_connection(database.settings(), db::SqliteMode::read)) == "");
  BOOST_TEST(checks.recorded());  // not compared again for each content
  raw("UPDATE key_checks SET check_value = X'0011' WHERE kind = 1 AND key_number = 3");
  hsm.take_away();
  BOOST_TEST((add(1, random_content(300)) == Outcome::unavailable));
  hsm.bring_back();
  BOOST_TEST(support::until([&] { return !store->check().ok(); }));
}

BOOST_AUTO_TEST_CASE(from_the_key_file) {
  for (unsigned i = 1; i <= 4; ++i) {
    create(iccid(i));
    BOOST_TEST((add(i, random_content(100)) == Outcome::committed));
  }
  const auto rotation = db::KeyRotation::open(database.settings(), *ring);
  BOOST_REQUIRE(rotation.ok());
  db::Rotation state;
  BOOST_REQUIRE((*rotation)->batch(state, 2).ok());
  hsm.take_away();
  BOOST_TEST(!(*rotation)->batch(state, 2).ok());
  BOOST_TEST(state.seen == 2u);
  hsm.bring_back();
  BOOST_TEST(support::until([&] { return (*rotation)->batch(state, 2).ok(); }));
  while (!state.done) BOOST_REQUIRE((*rotation)->batch(state, 2).ok());
  BOOST_TEST(state.rewrapped == 4u);
  const auto check = db::StoreCheck::open(database.settings(), *ring);
  db::CheckState checked;
  while (!checked.done) BOOST_REQUIRE((*check)->page(checked).ok());
  BOOST_TEST(checked.faults == 0u);
  use_hsm();
  for (unsigned i = 1; i <= 4; ++i) BOOST_TEST(content(i).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
