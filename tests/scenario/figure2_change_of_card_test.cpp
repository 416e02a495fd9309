// Figure 2: the card is changed, the record follows - on proof, on order, or after customer care;
// never on a stranger's word.
#include <boost/test/unit_test.hpp>

#include "tests/support/laboratory.h"
#include "vault/history.h"

using namespace support;
using vault::CardResult;

namespace {

const std::string kOld = "8944351002100001231";
const std::string kNew = "8944351002100001249";
const std::string kOther = "8944351002100001256";

struct Fixture {
  explicit Fixture(const vault::Policy& policy = {}) : lab(policy) {
    lab.import(kOld, "+491721234567", "customer-1");
    lab.import(kNew);
    lab.import(kOther);
    old_card.back_up(image);
    key = old_card.key;
    old_card.hang_up();
  }
  bool pending(const Answer& answer) const { return answer.result == CardResult::move_pending; }

  Laboratory lab;
  CardInHand old_card{lab, kOld};
  CardInHand new_card{lab, kNew};
  const base::Bytes image = example_image(30, 'o');
  std::string key;
};

struct Trusting : Fixture {
  static vault::Policy policy() {
    vault::Policy policy;
    policy.rebind = vault::Rebind::trusting;
    return policy;
  }
  Trusting() : Fixture(policy()) {}
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
  const auto outcome = lab.store->update(lab.now(), [](vault::RecordTx& tx) {
    tx.find(*vault::Iccid::from_digits(kOld))->ended = true;
    return true;
  });
  BOOST_TEST((outcome == vault::Outcome::committed));
  BOOST_TEST((new_card.report(kOld).result == CardResult::done));
  BOOST_TEST((new_card.fetch_begin().result == CardResult::key_required));
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

// Unknown, empty, locked and exhausted old cards look alike.
BOOST_AUTO_TEST_CASE(nothing_is_told_about_others) {
  BOOST_TEST(pending(new_card.report("8944351002100007777", key)));
  BOOST_TEST(pending(new_card.report(kOther, key)));
  for (int i = 0; i < 3; ++i) old_card.fetch_begin(wrong_key(key));
  BOOST_TEST(pending(new_card.report(kOld, key)));
}

// A locked record moves only by order, and stays locked.
BOOST_AUTO_TEST_CASE(lock_goes_along) {
  for (int i = 0; i < 3; ++i) old_card.fetch_begin(wrong_key(key));
  auto care = lab.care();
  good(care.swap("provisioning", kOld, kNew, lab.now()));
  BOOST_TEST((new_card.fetch_begin(key).result == CardResult::locked));
}

// The old card proves itself within a day: a move without an order is undone.
BOOST_AUTO_TEST_CASE(move_undone_by_the_old_card) {
  new_card.report(kOld, key);
  lab.time_passes(23 * base::kHourMs, "23 hours later the old card is back");
  BOOST_TEST((old_card.restore(key) == image));
  BOOST_TEST((new_card.fetch_begin(key).result == CardResult::nothing_stored));
  BOOST_TEST(vault::verify_audit(*lab.store, *lab.keys)->empty());
}

BOOST_AUTO_TEST_CASE(move_stands_after_a_day) {
  new_card.report(kOld, key);
  lab.time_passes(lab.policy.swap_hold, "a day later");
  BOOST_TEST((old_card.report().result == CardResult::unknown_card));
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
    BOOST_TEST((lab.record(iccid).pending_move_until != 0) == (i < 3));
  }
}

BOOST_AUTO_TEST_SUITE_END()

// rebind = trusting: the patent's letter.
BOOST_FIXTURE_TEST_CASE(trusting_moves_on_anyones_word, Trusting) {
  BOOST_TEST((new_card.report(kOld).result == CardResult::done));
  BOOST_TEST((new_card.fetch_begin().result == CardResult::key_required), "but gives nothing away");
  BOOST_TEST((new_card.restore(key) == image));
}
