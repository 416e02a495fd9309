// The menu's "Restore older": which back-up is asked for, and what the user is told otherwise.
#include <boost/test/unit_test.hpp>

#include "card/image.h"
#include "tests/support/card_world.h"

using namespace card;
using card_test::World;

namespace {

Card filled(std::size_t contacts) {
  Card card = card_test::test_card(card_test::kIccid);
  fill_card(card, {contacts, 2, 1}, 1);
  return card;
}

// Three back-ups: of 30 contacts, of 20, and of an empty card.
struct Thrice : World {
  Thrice() : World(filled(30)) {
    menu(Applet::kBackUp);
    key = shown_key();
    BOOST_REQUIRE(vault.key_active);
    thirty = image();
    erase_user_files(card.files);
    fill_card(card, {20, 2, 1}, 2);
    back_up();
    twenty = image();
    erase_user_files(card.files);
    back_up();
    BOOST_REQUIRE(vault.older.size() == 2u);
    vault.commands.clear();
    vault.log.clear();
    events.clear();
  }
  void back_up() {
    answers = {key};
    menu(Applet::kBackUp);
  }
  void older(const std::optional<std::string>& typed) {
    answers = {typed, key};
    menu(Applet::kRestoreOlder);
    BOOST_TEST(applet->idle());
    BOOST_TEST(!terminal->channel_open());
  }
  std::string key;
  base::Bytes thirty, twenty;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(older_backup)

// Tag 8E says how many back-ups back, also in the BEGIN that is repeated with the key.
BOOST_AUTO_TEST_CASE(the_one_that_was_asked_for) {
  for (const int back : {1, 2}) {
    Thrice world;
    world.older(std::to_string(back));
    BOOST_TEST(world.image() == (back == 1 ? world.twenty : world.thirty));
    BOOST_TEST(world.outcome() ==
               (back == 1 ? "Restored: 20 contacts." : "Restored: 30 contacts."));
    BOOST_TEST(world.vault.log.at(0) == "FETCH BEGIN key required");
    BOOST_TEST(world.vault.log.at(1) == "FETCH BEGIN done");
    for (const std::size_t i : {0u, 1u}) {
      BOOST_TEST(int{world.vault.commands.at(i).fields.version.value()} == back);
    }
    BOOST_TEST(world.vault.log.back() == "FETCH REPORT done");
  }
}

// Back up makes it the newest again: nothing is lost by the way back.
BOOST_AUTO_TEST_CASE(and_backed_up_again) {
  Thrice world;
  world.older("2");
  world.back_up();
  BOOST_TEST(world.vault.image == world.thirty);
  BOOST_TEST(world.vault.older.size() == 3u);
}

// Restore is as ever: it names no version.
BOOST_AUTO_TEST_CASE(restore_names_no_version) {
  Thrice world;
  world.answers = {world.key};
  world.menu(Applet::kRestore);
  BOOST_TEST(world.outcome() == "Restored: 0 contacts.");
  for (const auto& command : world.vault.commands) BOOST_TEST(!command.fields.version.has_value());
}

BOOST_AUTO_TEST_CASE(a_download_that_expired_is_begun_anew_at_the_same_version) {
  Thrice world;
  world.vault.forget_transaction = true;
  world.older("2");
  BOOST_TEST(world.image() == world.thirty);
}

// Too far back, none, or no number: nothing on the card changes, and the user is told why.
BOOST_AUTO_TEST_CASE(nothing_that_far_back) {
  Thrice world;
  const base::Bytes before = world.image();
  world.older("3");
  BOOST_TEST(world.outcome() == "There is no backup that far back.");
  world.older("0");
  BOOST_TEST(world.outcome() == "Nothing was restored. The last backup is brought by Restore.");
  world.vault.log.clear();
  world.older(std::nullopt);
  BOOST_TEST(world.vault.log.empty(), "cancelled: no channel is opened");
  BOOST_TEST(world.image() == before);
  World empty;
  empty.answers = {"1"};
  empty.menu(Applet::kRestoreOlder);
  BOOST_TEST(empty.outcome() == "There is no backup that far back.");
}

BOOST_AUTO_TEST_SUITE_END()
