// The menu's "Restore older": which back-up is asked for, and what the user is told otherwise.
#include <boost/test/unit_test.hpp>

#include "card/image.h"
#include "tests/support/card_world.h"
#include "tests/support/lone_applet.h"

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
  // A phone that does not know SELECT ITEM: octet 4, bit 1 of its profile.
  void without_lists() {
    base::Bytes profile = Terminal::profile();
    profile.at(3) &= 0xFE;
    applet->terminal_profile(profile);
  }
  // The kinds of questions on the way, in order.
  std::vector<std::string> questions() const {
    std::vector<std::string> texts;
    for (const auto& event : events) {
      if (event.kind == "input") texts.push_back(event.text);
    }
    return texts;
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

// The list and the answers to it, octet by octet.
struct Alone : card_test::LoneApplet {
  Alone() : LoneApplet(filled(3)) { menu(Applet::kRestoreOlder); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(older_backup)

// Tag 8E says how many back-ups back, also in the BEGIN that is repeated with the key. It is
// chosen from a list, or typed where the phone has no lists.
BOOST_AUTO_TEST_CASE(the_one_that_was_asked_for) {
  for (const auto& [back, lists] :
       {std::pair(1, true), std::pair(2, true), std::pair(1, false), std::pair(2, false)}) {
    Thrice world;
    if (!lists) world.without_lists();
    world.older(std::to_string(back));
    BOOST_TEST(world.questions().at(0) ==
               (lists ? "How many backups back? | 1 (the one before the last) | 2 | 3 | 4 | 5 | 6 "
                        "| 7 | 8 | 9"
                      : "How many backups back, 1 to 9? 1 is the one before the last."));
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
  world.vault.log.clear();
  world.older(std::nullopt);
  BOOST_TEST(world.vault.log.empty(), "cancelled: no channel is opened");
  world.without_lists();
  world.older("0");
  BOOST_TEST(world.outcome() == "Nothing was restored. The last backup is brought by Restore.");
  world.older(std::nullopt);
  BOOST_TEST(world.vault.log.empty());
  BOOST_TEST(world.image() == before);
  World empty;
  empty.answers = {"1"};
  empty.menu(Applet::kRestoreOlder);
  BOOST_TEST(empty.outcome() == "There is no backup that far back.");
}

BOOST_AUTO_TEST_CASE(the_list_on_the_wire) {
  Alone alone;
  const base::View list = alone.applet.pending();
  BOOST_TEST(list.size() <= 255u, "FETCH can bring it");
  const Command command = decode_command(list).value();
  BOOST_CHECK(command.type == CommandType::select_item);
  BOOST_TEST(command.destination == device::kTerminal);
  const auto items = read_items(command);
  BOOST_REQUIRE(items.size() == 9u);
  for (std::size_t i = 0; i < items.size(); ++i) BOOST_TEST(items[i].id == i + 1);
  alone.answer("830100 900103");
  BOOST_CHECK(alone.fetch().type == CommandType::open_channel);
}

// Left, gone back from, let pass, or the phone is busy: that is all.
BOOST_AUTO_TEST_CASE(a_list_that_is_left) {
  for (const char* result : {"830110", "830111", "830112", "830113", "83022001"}) {
    Alone alone;
    alone.answer(result);
    BOOST_TEST(alone.applet.idle(), result);
    BOOST_TEST(alone.applet.pending().empty(), result);
  }
}

// What is not in the list is not asked of the vault.
BOOST_AUTO_TEST_CASE(an_answer_that_is_not_in_the_list) {
  for (const char* result : {"830100", "830100 900100", "830100 90010A", "830100 9001FF",
                             "830100 9000", "830100 90020101"}) {
    Alone alone;
    alone.answer(result);
    BOOST_CHECK(alone.fetch().type == CommandType::display_text);
    BOOST_TEST(alone.events.back().text.find("Nothing was restored.") == 0u, result);
  }
}

// A phone that says in its profile that it knows lists, and then does not.
BOOST_AUTO_TEST_CASE(a_list_that_the_phone_does_not_know) {
  for (const char* result : {"830130", "830131"}) {
    Alone alone;
    alone.answer(result);
    BOOST_CHECK(alone.fetch().type == CommandType::get_input);
    alone.answer("830100 8D020432");
    BOOST_CHECK(alone.fetch().type == CommandType::open_channel);
  }
}

// A profile that ends before the bit has no lists.
BOOST_AUTO_TEST_CASE(a_short_profile) {
  for (const char* profile : {"", "FFFFFF", "FFFFFFFE"}) {
    Alone alone;
    alone.answer("830110");
    alone.applet.terminal_profile(base::from_hex(profile).value());
    alone.menu(Applet::kRestoreOlder);
    BOOST_CHECK(alone.fetch().type == CommandType::get_input);
  }
}

BOOST_AUTO_TEST_SUITE_END()
