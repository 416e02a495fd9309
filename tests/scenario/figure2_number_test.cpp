// Figure 2, the lost phone: no card before is known, or a stranger's, but provisioning gave the new
// card the number that the record has.
#include <boost/test/unit_test.hpp>

#include "tests/scenario/two_cards.h"

using namespace support;
using scenario::kNew;
using scenario::kOld;
using scenario::kOther;
using vault::CardResult;

namespace {

const std::string kNumber = "+491721234567";

struct Fixture : scenario::TwoCards {
  Fixture() {
    lab.import(kOld, kNumber);
    lab.import(kNew, kNumber);
    lab.import(kOther);
    old_card_stores();
  }
  // The answer asks for the key, and says how often it may be tried.
  static int asked(const Answer& answer) {
    BOOST_TEST((answer.result == CardResult::key_required));
    return answer.fields.attempts_left.value_or(99);
  }
  static int wrong(const Answer& answer) {
    BOOST_TEST((answer.result == CardResult::wrong_key));
    return answer.fields.attempts_left.value_or(99);
  }
  static bool pending(const Answer& answer) { return answer.result == CardResult::move_pending; }

  CardInHand other{lab, kOther};
  const base::Bytes others = example_image(7, 's');
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(figure_2_number, Fixture)

// A card cannot know that there is something for it: it asks, is asked for the key, and has it.
BOOST_AUTO_TEST_CASE(the_key_is_asked_for) {
  BOOST_TEST(asked(new_card.fetch_begin()) == 3);
  BOOST_TEST(lab.record(kNew).pending_move_until == 0, "to ask is to claim nothing");
  BOOST_TEST((new_card.restore(key) == image));
  BOOST_TEST(!lab.known(kOld));
}

// The attempts are those of both budgets; where one is used up, customer care decides.
BOOST_AUTO_TEST_CASE(attempts_of_both_budgets) {
  BOOST_TEST(wrong(new_card.fetch_begin(wrong_key(key))) == 2);
  BOOST_TEST(asked(new_card.fetch_begin()) == 2);
  lab.import(kOther, kNumber);
  BOOST_TEST(asked(other.fetch_begin()) == 2, "of the old record's");
  BOOST_TEST(wrong(other.fetch_begin(wrong_key(key))) == 1);
  BOOST_TEST(asked(new_card.fetch_begin()) == 1);
  BOOST_TEST(pending(new_card.fetch_begin(wrong_key(key))));
  BOOST_TEST(pending(new_card.fetch_begin()));
  BOOST_TEST(pending(other.fetch_begin(key)));
  BOOST_TEST(lab.record(kOld).wrong_keys == 0);
}

// The phone is second-hand: it names the card of whoever had it.
BOOST_AUTO_TEST_CASE(the_number_goes_before_the_phone) {
  other.back_up(others);
  BOOST_TEST(asked(new_card.fetch_begin("", kOther)) == 3);
  BOOST_TEST((new_card.restore(key, kOther) == image));
  BOOST_TEST(lab.record(kOther).stranger_wrong == 0);
}

BOOST_AUTO_TEST_CASE(nor_does_an_unknown_card_in_the_phone_hinder) {
  BOOST_TEST((new_card.restore(key, "8944351002100009999") == image));
}

// The number had belonged to somebody else, whose record still has it: the card before counts too.
BOOST_AUTO_TEST_CASE(a_number_given_again) {
  lab.import(kNew, "+491721234599");
  lab.import(kOther, "+491721234599");
  other.back_up(others);
  for (int left : {2, 1}) {
    BOOST_TEST(wrong(new_card.fetch_begin(wrong_key(key), kOld)) == left);
    BOOST_TEST(lab.record(kOld).stranger_wrong == 3 - left);
    BOOST_TEST(lab.record(kOther).stranger_wrong == 3 - left);
  }
  BOOST_TEST((new_card.restore(key, kOld) == image));
  BOOST_TEST(lab.known(kOther));
  BOOST_TEST((other.restore(other.key) == others));
}

// What provisioning vouches for needs no key, whoever has the number.
BOOST_AUTO_TEST_CASE(an_ended_card_of_the_customer_goes_first) {
  lab.import(kOld, "", "customer-1");
  lab.import(kNew, "+491721234599", "customer-1");
  lab.import(kOther, "+491721234599");
  other.back_up(others);
  auto care = lab.care();
  good(care.set_ended("provisioning", kOld, true, lab.now()));
  new_card.fetch_begin("", kOld);
  BOOST_TEST(!lab.known(kOld), "moved");
  BOOST_TEST((new_card.restore(key) == image));
}

BOOST_AUTO_TEST_CASE(a_number_that_says_nothing) {
  lab.import(kNew, "+491721234599");
  BOOST_TEST((new_card.fetch_begin().result == CardResult::nothing_stored), "another number");
  lab.import(kNew, kNumber);
  lab.import(kOther, kNumber);
  other.back_up(others);
  BOOST_TEST((new_card.fetch_begin().result == CardResult::nothing_stored), "two records have it");
}

// As when the old card is named: a lock is customer care's, and where the number is proof it moves.
BOOST_AUTO_TEST_CASE(a_locked_record_waits) {
  for (int i = 0; i < vault::kAttempts; ++i) old_card.fetch_begin(wrong_key(key));
  BOOST_TEST(pending(new_card.fetch_begin()));
  BOOST_TEST(pending(new_card.fetch_begin(key)));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_CASE(where_the_number_is_proof) {
  vault::Policy policy;
  policy.rebind = vault::Rebind::number;
  scenario::TwoCards cards(policy);
  cards.lab.import(kOld, kNumber);
  cards.lab.import(kNew, kNumber);
  cards.old_card_stores();
  BOOST_TEST((cards.new_card.fetch_begin().result == CardResult::key_required));
  BOOST_TEST(!cards.lab.known(kOld), "moved, and nothing given without the key");
  BOOST_TEST((cards.new_card.restore(cards.key) == cards.image));
}
