// The applet's flows against an honest vault in memory: first backup with its key, resumption,
// keys asked for again, change of card, restore. The terminal in between is the real one.
#include <boost/test/unit_test.hpp>

#include <random>

#include "card/image.h"
#include "card/results.h"
#include "tests/support/card_world.h"

using namespace card;
using card_test::World;

namespace {

constexpr std::int64_t kMinute = base::kMinuteMs, kHour = base::kHourMs;

Card filled(const char* iccid = card_test::kIccid) {
  Card card = card_test::test_card(iccid);
  fill_card(card, {40, 6, 2}, 1);
  return card;
}

// A world whose first backup was made and whose key was confirmed.
struct Backed : World {
  Backed() : World(filled()) {
    menu(Applet::kBackUp);
    key = shown_key();
    BOOST_REQUIRE(vault.key_active);
    vault.log.clear();
    events.clear();
  }
  std::string key;
  // Nothing of the user's is left on the card; the menu's Restore with the right key.
  void restore() {
    erase_user_files(card.files);
    answers = {key};
    menu(Applet::kRestore);
  }
  std::string wrong_key() const {  // with a right check digit
    std::string wrong = "11111111";
    return wrong + std::to_string(card_test::damm(wrong));
  }
  bool logged(const std::string& line) const {
    return std::find(vault.log.begin(), vault.log.end(), line) != vault.log.end();
  }
};

// A first backup whose channel broke `at` octets: the menu's next one ends it.
void backup_after_a_cut(std::optional<std::size_t> Cuts::*where, std::size_t at) {
  World world(filled());
  world.terminal->cuts().*where = at;
  world.menu(Applet::kBackUp);
  (world.terminal->cuts().*where).reset();
  BOOST_REQUIRE_MESSAGE(world.applet->idle(), "stuck after a cut at " << at);
  BOOST_REQUIRE(!world.terminal->channel_open());
  if (world.card.memory.upload) world.menu(Applet::kBackUp);
  BOOST_REQUIRE_MESSAGE(world.vault.image == world.image(), "cut at " << at);
  BOOST_REQUIRE_MESSAGE(world.vault.key_active, "cut at " << at);
  BOOST_REQUIRE(world.vault.counter_rose);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(applet)

BOOST_AUTO_TEST_CASE(the_menu_stands_after_power_on) {
  World world;
  BOOST_TEST(world.terminal->menu().size() == 6u);
  BOOST_TEST(world.terminal->menu().at(0).text == "Back up");
  BOOST_TEST(world.applet->idle());
  BOOST_TEST(world.vault.connections == 0u);
}

BOOST_AUTO_TEST_CASE(the_first_backup_shows_and_confirms_a_key) {
  World world(filled());
  world.menu(Applet::kBackUp);
  BOOST_TEST(world.vault.image == world.image());
  BOOST_TEST(world.shown_key() == world.vault.key);
  BOOST_TEST(world.vault.key_active);
  BOOST_TEST(world.outcome() == "Backed up: 40 contacts.");
  BOOST_TEST(world.vault.log.back() == "KEY CONFIRM done");
  BOOST_TEST(!world.card.memory.upload.has_value());
  BOOST_TEST(!world.terminal->channel_open());
  BOOST_TEST(world.vault.counter_rose);
  // The identification packet is the stream's first, and BEGIN carries the card's number.
  BOOST_TEST(base::to_hex(world.vault.commands.at(0).fields.number) == "91947110325476");
}

BOOST_AUTO_TEST_CASE(the_counter_is_written_before_it_is_used) {
  World world(filled());
  world.menu(Applet::kBackUp);
  BOOST_TEST(world.card.memory.counter >= world.vault.highest_counter);
  BOOST_TEST(world.commits > 0);
}

BOOST_AUTO_TEST_CASE(a_key_that_was_not_acknowledged_is_not_confirmed) {
  World world(filled());
  world.acknowledge = false;
  world.menu(Applet::kBackUp);
  BOOST_TEST(!world.vault.key_active);
  const std::string first = world.vault.key;
  world.acknowledge = true;
  world.menu(Applet::kBackUp);  // the same transaction: only its end is repeated
  BOOST_TEST(world.vault.key_active);
  BOOST_TEST(world.vault.key != first);
  BOOST_TEST(world.shown_key() == world.vault.key);
}

BOOST_AUTO_TEST_CASE(a_second_backup_asks_for_the_key) {
  Backed world;
  world.answers = {world.key};
  world.card.files.find(path::memos())->erase();
  world.menu(Applet::kBackUp);
  BOOST_TEST(world.shown("Enter the key"));
  BOOST_TEST(world.vault.image == world.image());
  BOOST_TEST(world.shown_key().empty());
}

BOOST_AUTO_TEST_CASE(mistyped_and_wrong_keys_are_asked_for_again) {
  Backed world;
  std::string slip = world.key;
  slip.back() = slip.back() == '0' ? '1' : '0';
  world.answers = {slip, world.wrong_key(), world.key};
  world.menu(Applet::kBackUp);
  BOOST_TEST(world.shown("mistyped"));
  BOOST_TEST(world.shown("Wrong key. 2 attempts left."));
  BOOST_TEST(world.outcome() == "Backed up: 40 contacts.");
}

BOOST_AUTO_TEST_CASE(the_third_wrong_key_sends_to_customer_care) {
  Backed world;
  world.answers = {world.wrong_key(), world.wrong_key(), world.wrong_key()};
  world.menu(Applet::kBackUp);
  BOOST_TEST(world.shown("1 attempt left."));
  BOOST_TEST(world.outcome().find("customer care") != std::string::npos);
  world.menu(Applet::kRestore);
  BOOST_TEST(world.outcome().find("customer care") != std::string::npos);
  BOOST_TEST(!world.terminal->channel_open());
}

BOOST_AUTO_TEST_CASE(a_cancelled_key_ends_the_backup) {
  Backed world;
  world.answers = {std::nullopt};
  world.menu(Applet::kBackUp);
  BOOST_TEST(world.outcome() == "Nothing was backed up.");
  BOOST_TEST(world.applet->idle());
}

// A channel that breaks after any octet leaves an upload that the next session ends under the same
// transaction number.
BOOST_AUTO_TEST_CASE(an_upload_is_resumed_after_a_cut_anywhere) {
  for (std::size_t cut = 0; cut < 7000; cut += cut < 400 ? 1 : 97) {
    backup_after_a_cut(&Cuts::after_sent, cut);
  }
}

BOOST_AUTO_TEST_CASE(a_cut_of_the_answers_is_survived) {
  for (std::size_t cut = 0; cut < 130; ++cut) backup_after_a_cut(&Cuts::after_received, cut);
}

BOOST_AUTO_TEST_CASE(an_interrupted_upload_goes_on_by_itself) {
  World world(filled());
  world.terminal->cuts().after_sent = 3000;
  world.menu(Applet::kBackUp);
  BOOST_TEST(world.outcome() == "Connection lost. The backup goes on later.");
  const auto transaction = world.card.memory.upload.value().transaction;
  world.advance(11 * kMinute);
  BOOST_TEST(world.vault.image == world.image());
  const bip::Message& again =
      *std::find_if(world.vault.commands.rbegin(), world.vault.commands.rend(),
                    [](const bip::Message& m) { return m.code == 0x02; });
  BOOST_TEST(again.fields.transaction.value() == transaction);
  BOOST_TEST(int{again.fields.origin.value()} == 2);
}

// Cut before the vault had accepted the key: nobody is there to be asked for it.
BOOST_AUTO_TEST_CASE(an_unasked_attempt_asks_for_no_key) {
  Backed world;
  world.answers = {world.key};
  world.card.files.find(path::memos())->erase();
  world.terminal->cuts().after_sent = 200;
  world.menu(Applet::kBackUp);
  BOOST_TEST(world.outcome() == "Connection lost. The backup goes on later.");
  world.events.clear();
  world.answers = {world.key};
  world.advance(11 * kMinute);
  BOOST_TEST(!world.shown("key"));
  BOOST_TEST(world.outcome() == "The backup was interrupted. Please start it again.");
  BOOST_TEST(!world.card.memory.upload.has_value());
}

BOOST_AUTO_TEST_CASE(unasked_attempts_end) {
  World world(filled());
  world.reachable = false;
  world.menu(Applet::kBackUp);
  world.advance(3 * kHour);
  BOOST_TEST(world.card.memory.upload.value().retries == 5);
  BOOST_TEST(world.outcome() == "No connection. Please try again later.");
}

BOOST_AUTO_TEST_CASE(content_that_changed_begins_a_new_transaction) {
  World world(filled());
  world.terminal->cuts().after_sent = 3000;
  world.menu(Applet::kBackUp);
  const auto transaction = world.card.memory.upload.value().transaction;
  world.card.files.find(path::memos())->erase();
  world.menu(Applet::kBackUp);
  BOOST_TEST(world.vault.image == world.image());
  BOOST_TEST(world.vault.commands.back().fields.transaction.value() != transaction);
}

BOOST_AUTO_TEST_CASE(a_lost_block_is_sent_again) {
  for (std::size_t block : {1u, 2u, 3u}) {
    World world(filled());
    world.vault.lose_block = block;
    world.menu(Applet::kBackUp);
    BOOST_TEST(world.vault.image == world.image());
    BOOST_TEST(world.vault.key_active);
  }
}

BOOST_AUTO_TEST_CASE(a_forgotten_transaction_begins_anew) {
  World world(filled());
  world.vault.forget_transaction = true;
  world.menu(Applet::kBackUp);
  BOOST_TEST(world.vault.image == world.image());
  BOOST_TEST(world.vault.commands.front().fields.transaction.value() !=
             world.vault.commands.back().fields.transaction.value());
}

BOOST_AUTO_TEST_CASE(small_blocks_are_kept) {
  World world(filled());
  world.vault.max_data = 100;
  world.menu(Applet::kBackUp);
  BOOST_TEST(world.vault.image == world.image());
  for (const auto& command : world.vault.commands) {
    if (command.fields.data) BOOST_TEST(command.fields.data->size() <= 100u);
  }
}

BOOST_AUTO_TEST_CASE(refusals_are_told_and_end_the_session) {
  const std::pair<std::uint8_t, const char*> cases[] = {
      {result::kTryLater, "busy"},        {result::kUnknownCard, "not registered"},
      {result::kTooLarge, "too large"},   {result::kSuspended, "has ended"},
      {result::kLocked, "customer care"}, {0x55, "failed"}};
  for (const auto& [code, words] : cases) {
    World world(filled());
    world.vault.refuse_with = code;
    world.menu(Applet::kBackUp);
    BOOST_TEST(world.outcome().find(words) != std::string::npos);
    BOOST_TEST(!world.terminal->channel_open());
    BOOST_TEST(world.card.memory.upload.has_value() == (code == result::kTryLater));
  }
}

BOOST_AUTO_TEST_CASE(a_counter_that_is_too_low_is_raised_once) {
  Backed world;
  world.card.memory.counter = 1;
  world.vault.highest_counter = 2000;
  world.power_on();
  world.answers = {world.key};
  world.menu(Applet::kBackUp);
  BOOST_TEST(world.outcome() == "Backed up: 40 contacts.");
  world.card.memory.counter = 1;
  world.vault.highest_counter = 2'000'000;
  world.power_on();
  world.menu(Applet::kBackUp);
  BOOST_TEST(world.outcome() == "The service did not accept the card.");
}

BOOST_AUTO_TEST_CASE(a_silent_vault_is_given_up) {
  World world(filled());
  world.terminal->select(Applet::kStatus);
  // Nobody serves: the card alone, until its guard timer has expired.
  while (world.terminal->step(world.now)) continue;
  BOOST_TEST(world.terminal->channel_open());
  for (int period = 0; period < 2; ++period) {
    world.now.mono_ms += Link::kGuardSeconds * base::kSecondMs;
    while (world.terminal->step(world.now) || world.terminal->prompt()) {
      if (world.terminal->prompt()) world.terminal->acknowledge();
    }
  }
  BOOST_TEST(!world.terminal->channel_open());
  BOOST_TEST(world.outcome() == "Connection lost. Please try again.");
}

BOOST_AUTO_TEST_CASE(a_restore_brings_back_every_octet) {
  Backed world;
  const base::Bytes image = world.image();
  world.restore();
  BOOST_TEST(world.image() == image);
  BOOST_TEST(world.outcome() == "Restored: 40 contacts.");
  BOOST_TEST(world.vault.log.back() == "FETCH REPORT done");
  BOOST_TEST(int{world.vault.commands.back().fields.counts.value()[1]} == 0);
}

BOOST_AUTO_TEST_CASE(answers_shorter_than_asked_are_pieced_together) {
  Backed world;
  const base::Bytes image = world.image();
  world.vault.fetch_limit = 300;
  world.restore();
  BOOST_TEST(world.image() == image);
}

BOOST_AUTO_TEST_CASE(a_restore_survives_a_cut_anywhere) {
  Backed first;
  const base::Bytes image = first.image();
  for (std::size_t cut = 0; cut < 4000; cut += cut < 100 ? 3 : 61) {
    Backed world;
    world.terminal->cuts().after_received = cut;
    world.restore();
    world.terminal->cuts().after_received.reset();
    BOOST_REQUIRE(world.applet->idle());
    if (world.image() != image) {
      world.answers = {world.key};
      world.menu(Applet::kRestore);
    }
    BOOST_REQUIRE_MESSAGE(world.image() == image, "cut at " << cut);
  }
}

BOOST_AUTO_TEST_CASE(nothing_is_written_when_the_digest_differs) {
  Backed world;
  world.card.files.find(path::memos())->erase();
  const base::Bytes before = world.image();
  world.vault.wrong_digest = true;
  world.answers = {world.key};
  world.menu(Applet::kRestore);
  BOOST_TEST(world.image() == before);
  BOOST_TEST(world.outcome() == "The backup came damaged. Nothing was changed.");
}

BOOST_AUTO_TEST_CASE(a_fetch_that_expired_begins_anew_with_the_same_key) {
  Backed world;
  const base::Bytes image = world.image();
  world.vault.forget_transaction = true;
  world.restore();
  BOOST_TEST(world.image() == image);
}

BOOST_AUTO_TEST_CASE(a_backup_that_is_no_image_leaves_the_card_alone) {
  Backed world;
  const base::Bytes before = world.image();
  world.vault.image = base::Bytes(500, 0x41);
  world.answers = {world.key};
  world.menu(Applet::kRestore);
  BOOST_TEST(world.image() == before);
  BOOST_TEST(world.outcome().find("not made by a card") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(nothing_stored_is_told) {
  World world;
  world.menu(Applet::kRestore);
  BOOST_TEST(world.outcome() == "There is no backup.");
}

BOOST_AUTO_TEST_CASE(a_key_issued_while_fetching_is_confirmed) {
  World world(filled());
  world.acknowledge = false;
  world.menu(Applet::kBackUp);
  world.acknowledge = true;
  world.menu(Applet::kRestore);
  BOOST_TEST(world.vault.key_active);
  BOOST_TEST(world.shown_key() == world.vault.key);
}

BOOST_AUTO_TEST_CASE(a_new_phone_is_reported_after_twelve_hours_of_use) {
  World world;
  world.advance(11 * kHour);
  BOOST_TEST(world.vault.log.empty());
  world.advance(kHour);
  BOOST_TEST(world.vault.log.size() == 1u);
  BOOST_TEST(world.vault.log.at(0) == "REPORT done");
  const bip::Fields& fields = world.vault.commands.at(0).fields;
  BOOST_TEST(!fields.previous.has_value());
  BOOST_TEST(int{fields.origin.value()} == 2);
  const base::Bytes& handset = fields.handset.value();
  BOOST_TEST(handset.size() == 8 + Terminal::profile().size());
  BOOST_TEST((world.phone.last_iccid == world.card.iccid));
  BOOST_TEST(world.shown_key().empty());
}

BOOST_AUTO_TEST_CASE(use_is_cumulative_over_power_cycles) {
  World world;
  for (int day = 0; day < 3; ++day) {
    world.advance(4 * kHour + kMinute);
    world.power_on();
  }
  BOOST_TEST(world.vault.log.size() == 1u);
}

BOOST_AUTO_TEST_CASE(every_thirty_days_the_card_reports_again) {
  World world;
  world.advance(13 * kHour);
  BOOST_TEST(world.vault.log.size() == 1u);
  world.advance(29 * base::kDayMs);
  BOOST_TEST(world.vault.log.size() == 1u);
  world.advance(2 * base::kDayMs);
  BOOST_TEST(world.vault.log.size() == 2u);
}

BOOST_AUTO_TEST_CASE(a_report_that_failed_is_repeated) {
  World world;
  world.vault.refuse_with = result::kTryLater;
  world.advance(13 * kHour);
  world.vault.refuse_with.reset();
  world.advance(kHour);
  BOOST_TEST(world.vault.log.back() == "REPORT done");
  const std::size_t reports = world.vault.log.size();
  world.advance(5 * kHour);
  BOOST_TEST(world.vault.log.size() == reports);
}

BOOST_AUTO_TEST_CASE(a_changed_card_is_reported_with_the_old_one_and_the_key) {
  Backed old;
  World world(card_test::test_card(card_test::kOtherIccid));
  world.vault.image = old.vault.image;
  world.vault.key = old.vault.key;
  world.vault.key_active = true;
  world.vault.holder = old.card.iccid;
  world.phone.last_iccid = old.card.iccid;
  world.power_on();
  world.answers = {old.key};
  world.advance(13 * kHour);
  BOOST_TEST(world.vault.log.at(0) == "REPORT done");
  BOOST_CHECK(world.vault.commands.at(0).fields.previous == old.card.iccid);
  BOOST_CHECK(world.vault.holder == world.card.iccid);
  BOOST_TEST(world.outcome() == "Your backup now belongs to this card.");
  BOOST_CHECK(world.phone.last_iccid == world.card.iccid);
  BOOST_TEST(!world.card.memory.previous.has_value());
}

BOOST_AUTO_TEST_CASE(without_the_key_the_move_is_pending_and_asked_for_once) {
  World world(card_test::test_card(card_test::kOtherIccid));
  const IccidOctets old = *iccid_octets(card_test::kIccid);
  world.vault.holder = old;
  world.phone.last_iccid = old;
  world.power_on();
  world.answers = {std::nullopt};
  world.advance(13 * kHour);
  BOOST_TEST(world.vault.log.at(0) == "REPORT move pending");
  BOOST_TEST(world.outcome().find("being checked") != std::string::npos);
  BOOST_CHECK(world.card.memory.previous == old);
  world.advance(31 * base::kDayMs);
  BOOST_TEST(world.vault.log.size() == 2u);
  BOOST_CHECK(world.vault.commands.at(1).fields.previous == old);
  BOOST_TEST(!world.terminal->prompt().has_value());
}

BOOST_AUTO_TEST_CASE(a_restore_does_not_wait_twelve_hours) {
  Backed old;
  World world(card_test::test_card(card_test::kOtherIccid));
  world.vault.image = old.vault.image;
  world.vault.key = old.vault.key;
  world.vault.key_active = true;
  world.vault.holder = old.card.iccid;
  world.phone.last_iccid = old.card.iccid;
  world.power_on();
  world.answers = {old.key};
  world.menu(Applet::kRestore);
  BOOST_CHECK(world.vault.commands.at(0).fields.previous == old.card.iccid);
  BOOST_TEST(world.image() == old.image());
  // Moved is moved: the report after twelve hours does not name the old card again.
  world.advance(13 * kHour);
  BOOST_TEST(world.vault.log.back() == "REPORT done");
  BOOST_TEST(!world.vault.commands.back().fields.previous.has_value());
}

BOOST_AUTO_TEST_CASE(a_memo_is_written_and_backed_up) {
  World world;
  world.answers = {"Einkauf", "Milch, 2 Äpfel, 牛奶"};
  world.menu(Applet::kMemo);
  const auto memos = read_memos(*world.card.files.find(path::memos()));
  BOOST_REQUIRE(memos.size() == 1u);
  BOOST_TEST(memos[0].body == "Milch, 2 Äpfel, 牛奶");
  BOOST_TEST(base::from_bcd_date(memos[0].date.value()).value() == world.now.utc_ms / 1000 * 1000);
  world.menu(Applet::kBackUp);
  BOOST_TEST(parse_image(world.vault.image).value().memos.size() == 1u);
}

BOOST_AUTO_TEST_CASE(an_erasure_needs_the_key) {
  Backed world;
  world.answers = {world.wrong_key(), world.key};
  world.menu(Applet::kErase);
  BOOST_TEST(world.outcome() == "The backup was erased.");
  BOOST_TEST(world.vault.image.empty());
}

BOOST_AUTO_TEST_CASE(envelopes_of_any_octets_are_survived) {
  World world;
  std::mt19937 engine(5);
  for (int round = 0; round < 3000; ++round) {
    base::Bytes data(engine() % 24);
    for (auto& octet : data) octet = static_cast<std::uint8_t>(engine());
    if (data.size() > 2) {
      constexpr std::uint8_t kOuter[] = {0xD3, 0xD6, 0xD7, 0xD1};
      data[0] = kOuter[engine() % 4];
      data[1] = static_cast<std::uint8_t>(data.size() - 2);
    }
    (void)world.applet->envelope(data);
    (void)world.applet->terminal_response(data);
  }
}

BOOST_AUTO_TEST_SUITE_END()
