// Figure 2: the card is changed, the record follows - on proof, on order, or after customer care;
// never on a stranger's word.
#include <boost/test/unit_test.hpp>

#include "tests/scenario/two_cards.h"

using namespace support;
using scenario::kNew;
using scenario::kOld;
using scenario::kOther;
using vault::CardResult;

namespace {

struct Fixture : scenario::TwoCards {
  explicit Fixture(const vault::Policy& policy = {}) : TwoCards(policy) {
    lab.import(kOld, "+491721234567", "customer-1");
    lab.import(kNew);
    lab.import(kOther);
    old_card_stores();
  }
  bool pending(const Answer& answer) const { return answer.result == CardResult::move_pending; }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(figure_2, Fixture)

// Steps 204-205 and claim 8: old and new ICCID with the key: the record moves at once.
BOOST_AUTO_TEST_CASE(reported_with_the_key) {
  Answer answer = new_card.report(kOld, key);
  BOOST_TEST((answer.result == CardResult::done));
  BOOST_TEST(int{*answer.fields.record_state} == 1);
  BOOST_TEST((new_card.restore(key) == image));
  BOOST_TEST(!lab.known(kOld));
  BOOST_TEST((new_card.report(kOld, key).result == CardResult::done), "a repeated report is done");
}

// Without the key it waits; the new card's own store is not hindered.
BOOST_AUTO_TEST_CASE(reported_without_the_key_waits) {
  Answer answer = new_card.report(kOld);
  BOOST_TEST(pending(answer));
  BOOST_TEST(int{*answer.fields.flags} == int{vault::kFlagMovePending});
  BOOST_TEST((old_card.restore(key) == image), "the old card is served as before");
  auto care = lab.care();
  const auto moved = good(care.confirm_move(lab.call("bought a new card"), kNew, lab.now()));
  BOOST_TEST(moved.old_iccid.digits() == kOld);
  BOOST_TEST((new_card.restore(key) == image));
}

BOOST_AUTO_TEST_CASE(rejected_by_care) {
  new_card.report(kOld);
  auto care = lab.care();
  good(care.reject_move(lab.call("not the customer"), kNew, lab.now()));
  BOOST_TEST((old_card.restore(key) == image));
  auto again = care.confirm_move(lab.call(), kNew, lab.now());
  BOOST_TEST((std::get<vault::CareFailure>(again).error == vault::CareError::wrong_state));
}

BOOST_AUTO_TEST_CASE(pending_move_expires) {
  new_card.report(kOld);
  lab.time_passes(lab.policy.move_window, "nobody came for 30 days");
  auto care = lab.care();
  auto late = care.confirm_move(lab.call(), kNew, lab.now());
  BOOST_TEST((std::get<vault::CareFailure>(late).error == vault::CareError::wrong_state));
}

// FETCH with the old ICCID and the key moves first, then gives.
BOOST_AUTO_TEST_CASE(restore_names_the_old_card) {
  BOOST_TEST((new_card.restore(key, kOld) == image));
  BOOST_TEST(!lab.known(kOld));
}

// The lost phone: no old ICCID is known. Provisioning orders the swap, no waiting.
BOOST_AUTO_TEST_CASE(swap_by_order) {
  auto care = lab.care();
  const auto moved = good(care.swap("provisioning", kOld, kNew, lab.now()));
  BOOST_TEST(moved.how == "moved");
  BOOST_TEST((new_card.restore(key) == image));
  BOOST_TEST((old_card.report().result == CardResult::unknown_card), "an order is not undone");
}

// The same number on the new card, as provisioning says, and the right key.
BOOST_AUTO_TEST_CASE(found_by_the_provisioned_number) {
  lab.import(kNew, "+491721234567");
  BOOST_TEST((new_card.restore(key) == image));
}

BOOST_AUTO_TEST_CASE(same_customer_and_old_card_ended) {
  lab.import(kNew, "", "customer-1");
  BOOST_TEST(pending(new_card.report(kOld)));
  auto care = lab.care();
  BOOST_TEST(good(care.set_ended("provisioning", kOld, true, lab.now())).changed);
  BOOST_TEST(!good(care.set_ended("provisioning", kOld, true, lab.now())).changed);
  BOOST_TEST(good(care.set_ended("provisioning", kOld, false, lab.now())).changed);
  BOOST_TEST(pending(new_card.report(kOld)), "in use after all");
  good(care.set_ended("provisioning", kOld, true, lab.now()));
  BOOST_TEST((old_card.report().result == CardResult::done), "the card itself is served as before");
  BOOST_TEST((new_card.report(kOld).result == CardResult::done));
  BOOST_TEST(!lab.record(kNew).ended, "it was said of the old card");
  BOOST_TEST((new_card.fetch_begin().result == CardResult::key_required));
}

// Neither a number nor the number of a card that has gone marks somebody else's card.
BOOST_AUTO_TEST_CASE(ended_means_the_card_that_was_named) {
  lab.import(kNew, "+491721234599");
  auto care = lab.care();
  good(care.swap("provisioning", kOld, kNew, lab.now()));
  const std::pair<std::string, vault::CareError> refused[] = {
      {kOld, vault::CareError::ambiguous}, {"+491721234599", vault::CareError::wrong_state}};
  for (const auto& [name, error] : refused) {
    const auto result = care.set_ended("provisioning", name, true, lab.now());
    BOOST_REQUIRE(std::holds_alternative<vault::CareFailure>(result));
    BOOST_TEST((std::get<vault::CareFailure>(result).error == error));
  }
  BOOST_TEST(!lab.record(kNew).ended);
}

// Budgets of their own: three per presenting card; the old record's attempts are not touched.
BOOST_AUTO_TEST_CASE(strangers_cannot_lock_or_try) {
  Answer answer = new_card.report(kOld, wrong_key(key));
  BOOST_TEST((answer.result == CardResult::wrong_key));
  BOOST_TEST(int{*answer.fields.attempts_left} == 2);
  new_card.report(kOld, wrong_key(key));
  BOOST_TEST(pending(new_card.report(kOld, wrong_key(key))));
  BOOST_TEST(pending(new_card.report(kOld, key)), "used up: also the right one waits");
  BOOST_TEST(lab.record(kOld).wrong_keys == 0);
  CardInHand other(lab, kOther);
  BOOST_TEST(pending(other.report(kOld, key)), "... from any card, for 30 days");
  lab.time_passes(30 * base::kDayMs, "30 days later");
  BOOST_TEST((other.report(kOld, key).result == CardResult::done));
}

// Unknown, empty, locked and exhausted old cards look alike, to the last octet of the answer.
BOOST_AUTO_TEST_CASE(nothing_is_told_about_others) {
  for (int i = 0; i < 3; ++i) old_card.fetch_begin(wrong_key(key));
  int n = 0;
  for (const std::string& previous : {std::string("8944351002100007777"), kOther, kOld}) {
    const std::string iccid = "894435100210000300" + std::to_string(n++);
    lab.import(iccid);
    CardInHand claimant(lab, iccid);
    const Answer answer = claimant.report(previous, key);
    BOOST_TEST(pending(answer));
    BOOST_TEST(int{*answer.fields.record_state} == 0);
    BOOST_TEST(int{*answer.fields.flags} == int{vault::kFlagMovePending});
  }
}

// What an agent has looked at is what he confirms: a claim is not replaced by the next one.
BOOST_AUTO_TEST_CASE(a_claim_stays_until_it_is_answered) {
  CardInHand other(lab, kOther);
  other.back_up(image);
  BOOST_TEST(pending(new_card.report(kOther)));
  BOOST_TEST(pending(new_card.report(kOld)));
  auto care = lab.care();
  BOOST_TEST(good(care.confirm_move(lab.call(), kNew, lab.now())).old_iccid.digits() == kOther);
}

// A locked record moves only by order, and stays locked.
BOOST_AUTO_TEST_CASE(lock_goes_along) {
  for (int i = 0; i < 3; ++i) old_card.fetch_begin(wrong_key(key));
  auto care = lab.care();
  good(care.swap("provisioning", kOld, kNew, lab.now()));
  BOOST_TEST((new_card.fetch_begin(key).result == CardResult::locked));
}

// A reset granted to the old card's holder is not the mover's.
BOOST_AUTO_TEST_CASE(nothing_without_a_key_after_a_move) {
  auto care = lab.care();
  good(care.unlock(lab.call(), kOld, true, lab.now()));
  good(care.swap("provisioning", kOld, kNew, lab.now()));
  BOOST_TEST((new_card.fetch_begin().result == CardResult::key_required));
  good(care.unlock(lab.call(), kNew, true, lab.now()));
  BOOST_TEST((new_card.fetch_begin().result == CardResult::done), "care may reset it anew");
}

// Three wrong keys for others per card, until care gives them back: an ERASE does not.
BOOST_AUTO_TEST_CASE(erase_does_not_renew_the_budget) {
  for (int i = 0; i < 3; ++i) new_card.report(kOld, wrong_key(key));
  new_card.back_up(image);
  bip::Fields fields;
  fields.iccid = vault::Iccid::from_digits(kNew)->to_ef();
  fields.key = base::Secret(base::as_bytes(new_card.key));
  BOOST_TEST((new_card.ask(bip::Ins::erase, std::move(fields)).result == CardResult::done));
  BOOST_TEST(lab.record(kNew).foreign_wrong == 3);
}

// The new card has stored already, and asks for the old one's content with the old one's key.
BOOST_AUTO_TEST_CASE(restore_names_the_old_card_after_a_store) {
  const base::Bytes fresh = example_image(5, 'n');
  new_card.begin(fresh);
  new_card.send_data(fresh, 0, fresh.size());
  new_card.end();
  BOOST_TEST((new_card.restore(key, kOld) == image));
  BOOST_TEST((new_card.restore(key) == fresh));
}

BOOST_AUTO_TEST_CASE(old_key_does_not_count_against_a_key_in_use) {
  const base::Bytes fresh = example_image(5, 'n');
  new_card.back_up(fresh);
  for (int i = 0; i < 4; ++i) {
    BOOST_TEST((new_card.fetch_begin(key, kOld).result == CardResult::conflict));
  }
  BOOST_TEST(lab.record(kNew).wrong_keys == 0);
  BOOST_TEST((new_card.restore(new_card.key, kOld) == fresh));
}

BOOST_AUTO_TEST_CASE(swap_may_be_repeated) {
  auto care = lab.care();
  good(care.swap("provisioning", kOld, kNew, lab.now()));
  BOOST_TEST(good(care.swap("provisioning", kOld, kNew, lab.now())).how == "moved before");
  BOOST_TEST((good(care.show(lab.call(), kOld, lab.now())).record.iccid.digits() == kNew));
}

// The card was faster than provisioning: by the order the move stands, whoever has the old card.
BOOST_AUTO_TEST_CASE(swap_by_order_after_the_card_has_moved_itself) {
  new_card.report(kOld, key);
  auto care = lab.care();
  for (int i = 0; i < 2; ++i) {
    BOOST_TEST(good(care.swap("provisioning", kOld, kNew, lab.now())).how == "moved before");
  }
  BOOST_TEST((old_card.report().result == CardResult::unknown_card), "an order is not undone");
  BOOST_TEST((new_card.restore(key) == image));
}

// The new card has stored meanwhile: the old images go behind its own, nothing is overwritten.
BOOST_AUTO_TEST_CASE(merged_behind_the_new_card) {
  const base::Bytes fresh = example_image(5, 'n');
  new_card.begin(fresh);
  new_card.send_data(fresh, 0, fresh.size());
  new_card.end();
  BOOST_TEST((new_card.report(kOld, key).result == CardResult::done));
  Answer newest = new_card.fetch_begin(key);
  BOOST_TEST((*newest.fields.digest == base::sha256(fresh)));
  Answer before = new_card.fetch_begin(key, "", 1);
  BOOST_TEST((*before.fields.digest == base::sha256(image)));
  BOOST_TEST((new_card.restore(key) == fresh));
}

BOOST_AUTO_TEST_CASE(two_active_keys_without_order_are_a_conflict) {
  const base::Bytes fresh = example_image(5, 'n');
  new_card.back_up(fresh);
  BOOST_TEST((new_card.report(kOld, key).result == CardResult::conflict));
  BOOST_TEST((old_card.restore(key) == image));
  auto care = lab.care();
  const auto moved = good(care.swap("provisioning", kOld, kNew, lab.now()));
  BOOST_TEST(moved.how == "merged");
  Answer before = new_card.fetch_begin(new_card.key, "", 1);
  BOOST_TEST((*before.fields.digest == base::sha256(image)));
}

// At most three claims per record.
BOOST_AUTO_TEST_CASE(three_claims_at_most) {
  for (int i = 0; i < 4; ++i) {
    const std::string iccid = "894435100210000200" + std::to_string(i);
    lab.import(iccid);
    CardInHand claimant(lab, iccid);
    Answer answer = claimant.report(kOld);
    BOOST_TEST(pending(answer));
    BOOST_TEST(int{*answer.fields.flags} == int{vault::kFlagMovePending});
  }
  auto care = lab.care();
  BOOST_TEST(good(care.show(lab.call(), kOld, lab.now())).moves.size() == 3u);
}

BOOST_AUTO_TEST_SUITE_END()
