// Figure 2: the budgets of keys given for another card's record, as customer care sees them: three
// per presenting card until care resets them, three per old record and 30 days over all cards; what
// care can do about each.
#include <boost/test/unit_test.hpp>

#include "tests/scenario/two_cards.h"

using namespace support;
using scenario::kNew;
using scenario::kOld;
using scenario::kOther;
using vault::CardResult;
using vault::CareService;

namespace {

struct Fixture : scenario::TwoCards {
  Fixture() {
    for (const std::string& card : {kOld, kNew, kOther}) lab.import(card);
    old_card_stores();
  }
  CardResult say(CardInHand& card, const std::string& said) {
    return card.report(kOld, said).result;
  }
  void spend(CardInHand& card, int times) {
    for (int i = 0; i < times; ++i) say(card, wrong_key(key));
  }
  vault::CareView show(const std::string& card) {
    return good(lab.care().show(lab.call(), card, lab.now()));
  }
  bool advised(const std::string& card, const std::string& text) {
    const std::string advice = show(card).advice;
    const bool found = advice.find(text) != std::string::npos;
    BOOST_TEST_INFO(advice);
    return found;
  }
  std::string unlock_refused(const std::string& card) {
    const auto result = lab.care().unlock(lab.call(), card, false, lab.now());
    const auto* failure = std::get_if<vault::CareFailure>(&result);
    BOOST_REQUIRE(failure != nullptr);
    BOOST_TEST((failure->error == vault::CareError::wrong_state));
    return failure->text;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(figure_2_budgets, Fixture)

// Both sides are shown, and neither touches the attempts for a card's own key.
BOOST_AUTO_TEST_CASE(both_sides_are_shown) {
  BOOST_TEST(!show(kNew).foreign.any());
  spend(new_card, 2);
  const vault::CareView presenting = show(kNew);
  BOOST_TEST(presenting.foreign.given == 2);
  BOOST_TEST(presenting.foreign.left == 1);
  BOOST_TEST(presenting.foreign.taken == 0);
  BOOST_TEST(presenting.attempts_left == 3);
  const std::int64_t month = lab.now().utc_ms + 30 * base::kDayMs;
  const vault::CareView asked = show(kOld);
  BOOST_TEST(asked.foreign.given == 0);
  BOOST_TEST(asked.foreign.taken == 2);
  BOOST_TEST(asked.foreign.taken_until == month);
  BOOST_TEST(asked.attempts_left == 3);
  lab.time_passes(30 * base::kDayMs, "30 days later");
  BOOST_TEST(show(kOld).foreign.taken == 0, "the month is over");
  BOOST_TEST(show(kNew).foreign.given == 2, "until care resets them");
}

// Spent: the agent is told that no key is tried any more, and what moves the record; by that the
// card's budget is whole again.
BOOST_AUTO_TEST_CASE(spent_is_advised_and_confirmed) {
  spend(new_card, 2);
  BOOST_TEST(advised(kNew, "The new card claims the record of another card"));
  BOOST_TEST(!advised(kNew, "no key is tried"));
  spend(new_card, 1);
  BOOST_TEST((say(new_card, key) == CardResult::move_pending), "also the right one waits");
  BOOST_TEST(advised(kNew, "no key is tried"));
  BOOST_TEST(advised(kNew, "After the identity check: confirm-move"));
  BOOST_TEST(advised(kOld, "no key of another card is tried"));
  BOOST_TEST(advised(kOld, "confirm-move"));
  good(lab.care().confirm_move(lab.call(), kNew, lab.now()));
  BOOST_TEST(!show(kNew).foreign.any());
  BOOST_TEST((new_card.restore(key) == image));
}

// unlock of the presenting card gives its three back, and says that the old record takes none yet;
// once it does, the right key moves the record.
BOOST_AUTO_TEST_CASE(unlock_resets_the_presenting_card) {
  spend(new_card, 3);
  const auto unlocked = good(lab.care().unlock(lab.call(), kNew, false, lab.now()));
  BOOST_TEST(!unlocked.was_locked);
  BOOST_TEST(unlocked.foreign_reset);
  BOOST_TEST(unlocked.claim_barred_until == lab.now().utc_ms + 30 * base::kDayMs);
  BOOST_TEST(show(kNew).foreign.left == 3);
  BOOST_TEST(advised(kNew, "no key is tried"), "of the old record, for 30 days");
  BOOST_TEST((say(new_card, key) == CardResult::move_pending));
  lab.time_passes(30 * base::kDayMs, "30 days later");
  BOOST_TEST((say(new_card, key) == CardResult::done));
}

// Spent, and no claim waits any more: unlock, then the right key moves the record.
BOOST_AUTO_TEST_CASE(unlock_is_enough_where_the_record_is_free) {
  CardInHand other(lab, kOther);
  other.back_up(image);
  for (int i = 0; i < 2; ++i) new_card.report(kOther, wrong_key(other.key));
  spend(new_card, 1);
  lab.time_passes(31 * base::kDayMs, "a month later");
  BOOST_TEST(show(kNew).moves.empty());
  BOOST_TEST(show(kNew).foreign.left == 0);
  BOOST_TEST(advised(kNew, "Nothing is stored yet"));
  BOOST_TEST(advised(kNew, "After the identity check: unlock"));
  const auto unlocked = good(lab.care().unlock(lab.call(), kNew, false, lab.now()));
  BOOST_TEST(unlocked.foreign_reset);
  BOOST_TEST(unlocked.claim_barred_until == 0);
  BOOST_TEST((say(new_card, key) == CardResult::done));
}

// A move and its undoing give nobody new keys: only customer care does.
BOOST_AUTO_TEST_CASE(a_move_does_not_renew_the_budget) {
  CardInHand other(lab, kOther);
  other.back_up(image);
  for (int i = 0; i < 3; ++i) other.report(kOld, wrong_key(key));
  BOOST_TEST(show(kOther).foreign.left == 0);
  BOOST_TEST((new_card.report(kOther, other.key).result == CardResult::done));
  BOOST_TEST(show(kNew).foreign.left == 0, "what the record has spent goes with it");
  other.ask(bip::Ins::status, {});
  BOOST_TEST(show(kOther).foreign.left == 0, "back under its number");
  BOOST_TEST((other.report(kOld, wrong_key(key)).result == CardResult::move_pending));
}

// A rejected claim gives the card its keys back as well.
BOOST_AUTO_TEST_CASE(reject_move_resets_the_presenting_card) {
  spend(new_card, 3);
  good(lab.care().reject_move(lab.call(), kNew, lab.now()));
  BOOST_TEST(!show(kNew).foreign.any());
  BOOST_TEST(show(kOld).foreign.taken == 3);
}

// The old record's month is no lock: unlock changes nothing of it, and says what does.
BOOST_AUTO_TEST_CASE(unlock_of_the_old_record_is_refused) {
  BOOST_TEST(unlock_refused(kOld) == "the record is not locked and no attempt is used");
  spend(new_card, 3);
  const std::string told = unlock_refused(kOld);
  BOOST_TEST(told.find("until " + base::iso_date(lab.now().utc_ms + 30 * base::kDayMs)) !=
                 std::string::npos,
             told);
  BOOST_TEST(told.find("confirm-move") != std::string::npos, told);
  CardInHand other(lab, kOther);
  BOOST_TEST((say(other, key) == CardResult::move_pending));
  old_card.fetch_begin(wrong_key(key));
  BOOST_TEST(!good(lab.care().unlock(lab.call(), kOld, false, lab.now())).foreign_reset);
  BOOST_TEST(lab.record(kOld).stranger_wrong == 3, "an attempt of its own was used, and is back");
}

BOOST_AUTO_TEST_SUITE_END()
