// Change of card (fig. 2) when both cards have stored: what bars a record, and what provisioning
// has said of it, survives the merge and its undoing.
#include <boost/test/unit_test.hpp>
#include <functional>

#include "tests/scenario/two_cards.h"
#include "vault/retention.h"
#include "vault/retention_job.h"
#include "vault/sms_ports.h"

using scenario::kNew;
using scenario::kOld;
using support::example_image;
using support::Laboratory;
using support::wrong_key;
using vault::CardResult;

namespace {

struct BothStored : scenario::TwoCards {
  explicit BothStored(const vault::Policy& policy = {}) : TwoCards(policy) {
    lab.import(kOld, "+491721234567", "customer-1");
    lab.import(kNew);
    old_card_stores();
  }
  // Its key reaches nobody.
  void new_card_stores() {
    const base::Bytes content = example_image(5, 'n');
    new_card.begin(content);
    new_card.send_data(content, 0, content.size());
    new_card.end();
  }
  void time_to_fetch_without_key_passes() {
    lab.time_passes(lab.policy.issue_window, "its key was never seen");
  }
  void new_card_is_locked() {
    new_card_stores();
    time_to_fetch_without_key_passes();
    for (int i = 0; i < 3; ++i) new_card.fetch_begin(wrong_key(key));
    BOOST_REQUIRE(lab.record(kNew).locked_at != 0);
  }
  void suspend(const std::string& card) {
    auto care = lab.care();
    support::good(care.suspend(Laboratory::call("bill not paid"), card, lab.now()));
  }
  void swap() {
    auto care = lab.care();
    support::good(care.swap("provisioning", kOld, kNew, lab.now()));
  }
};

struct TimedLocks : BothStored {
  TimedLocks() : BothStored(policy()) {}
  static vault::Policy policy() {
    vault::Policy timed;
    timed.lock = vault::LockMode::timed;
    return timed;
  }
  void lock(support::CardInHand& card) const {
    for (int i = 0; i < 3; ++i) card.fetch_begin(wrong_key(key));
  }
  void locks_are_over() { lab.time_passes(lab.policy.lock_minutes, "the lock's time is over"); }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(figure2_merge, BothStored)

// Its holder knows the key of a card of his own: that opens neither a lock nor a service.
BOOST_AUTO_TEST_CASE(a_locked_card_merges_by_order_only) {
  new_card_is_locked();
  BOOST_TEST((new_card.report(kOld, key).result == CardResult::move_pending));
  BOOST_TEST((new_card.fetch_begin(key).result == CardResult::locked));
  BOOST_TEST(lab.known(kOld));
}

BOOST_AUTO_TEST_CASE(a_suspended_card_merges_by_order_only) {
  new_card_stores();
  suspend(kNew);
  BOOST_TEST((new_card.report(kOld, key).result == CardResult::move_pending));
  BOOST_TEST((new_card.fetch_begin(key).result == CardResult::suspended));
}

BOOST_AUTO_TEST_CASE(the_new_cards_lock_survives_a_merge) {
  new_card_is_locked();
  swap();
  BOOST_TEST((new_card.fetch_begin(key).result == CardResult::locked));
}

BOOST_AUTO_TEST_CASE(either_cards_suspension_survives_a_merge) {
  new_card.back_up(example_image(5, 'n'));
  suspend(kOld);
  swap();
  BOOST_TEST((new_card.fetch_begin(new_card.key).result == CardResult::suspended));
}

BOOST_AUTO_TEST_CASE(the_new_cards_suspension_survives_a_move) {
  suspend(kNew);
  swap();
  BOOST_TEST((new_card.fetch_begin(key).result == CardResult::suspended));
}

// Whoever finds a card whose key nobody has ever confirmed, and has a card of his own with its key:
// that one brings him nothing, right or wrong. Customer care decides.
BOOST_AUTO_TEST_CASE(an_unconfirmed_card_is_not_opened_by_another_ones_key) {
  new_card_stores();
  time_to_fetch_without_key_passes();
  BOOST_TEST((new_card.report(kOld, key).result == CardResult::move_pending));
  BOOST_TEST((new_card.report(kOld, wrong_key(key)).result == CardResult::move_pending));
  BOOST_TEST((new_card.fetch_begin(key, kOld).result == CardResult::move_pending));
  BOOST_TEST(lab.record(kOld).stranger_wrong == 0);
  BOOST_TEST(lab.record(kNew).wrong_keys == 0);
  BOOST_TEST((new_card.fetch_begin(key).result == CardResult::wrong_key));
  auto care = lab.care();
  support::good(care.confirm_move(Laboratory::call("both cards shown"), kNew, lab.now()));
  BOOST_TEST((new_card.restore(key) == example_image(5, 'n')));
}

// Nor does provisioning's word for the other card open it.
BOOST_AUTO_TEST_CASE(an_unconfirmed_card_is_not_opened_without_a_key) {
  lab.import(kNew, "", "customer-1");
  auto care = lab.care();
  support::good(care.set_ended("provisioning", kOld, true, lab.now()));
  new_card_stores();
  time_to_fetch_without_key_passes();
  BOOST_TEST((new_card.report(kOld).result == CardResult::move_pending));
  BOOST_TEST((new_card.fetch_begin("", kOld).result == CardResult::move_pending));
  BOOST_TEST(lab.known(kOld));
}

// As long as the card may fetch it without a key, another key makes no difference.
BOOST_AUTO_TEST_CASE(a_card_just_stored_moves_on_the_right_key) {
  new_card_stores();
  BOOST_TEST((new_card.report(kOld, key).result == CardResult::done));
  BOOST_TEST((new_card.restore(key) == example_image(5, 'n')));
}

// Reminders and notices go on, and care finds the record by the number.
BOOST_AUTO_TEST_CASE(what_provisioning_said_survives_a_merge) {
  new_card.back_up(example_image(5, 'n'));
  swap();
  const vault::Record record = lab.record(kNew);
  BOOST_REQUIRE(record.msisdn_provisioned.has_value());
  BOOST_TEST(record.msisdn_provisioned->digits() == "491721234567");
  BOOST_TEST(record.customer == "customer-1");
}

// Nothing of a subscriber is left in the row of a record that has gone.
BOOST_AUTO_TEST_CASE(a_record_that_goes_leaves_no_number_to_remind) {
  new_card.back_up(example_image(5, 'n'));
  const vault::RecordId goes = lab.record(kOld).id;
  const auto with_reminder = [&](const std::function<void(vault::Reminder&)>& body) {
    lab.store->update(lab.now(), [&](vault::RecordTx& tx) {
      body(tx.messages().reminder(goes));
      return true;
    });
  };
  with_reminder([](vault::Reminder& reminder) {
    reminder.number = reminder.unreachable = vault::Msisdn::from_text("+491721234567");
  });
  swap();
  vault::Reminder left;
  with_reminder([&](const vault::Reminder& reminder) { left = reminder; });
  BOOST_TEST(!left.number.has_value());
  BOOST_TEST(!left.unreachable.has_value());
}

// Suspended or locked while they were one: both are when they part.
BOOST_AUTO_TEST_CASE(an_undone_merge_opens_nothing) {
  new_card_stores();
  BOOST_TEST((new_card.report(kOld, key).result == CardResult::done));
  suspend(kNew);
  BOOST_TEST((old_card.fetch_begin(key).result == CardResult::suspended));
  BOOST_TEST((new_card.fetch_begin().result == CardResult::suspended));
}

BOOST_AUTO_TEST_CASE(an_undone_merge_leaves_both_locked) {
  new_card_stores();
  BOOST_TEST((new_card.report(kOld, key).result == CardResult::done));
  for (int i = 0; i < 3; ++i) new_card.fetch_begin(wrong_key(key));
  BOOST_TEST((old_card.fetch_begin(key).result == CardResult::locked));
  BOOST_TEST((new_card.fetch_begin(key).result == CardResult::locked));
}

// Service ended long ago and what was stored erased: the new card's content is kept as long as any
// content is whose service ends now.
BOOST_AUTO_TEST_CASE(content_that_comes_under_an_old_suspension_is_kept) {
  suspend(kOld);
  lab.time_passes(lab.policy.retention, "retention is over");
  vault::RetentionJob job(*lab.keys, lab.log, lab.counters);
  while (job.step(*lab.store, lab.policy, lab.now())) {
  }
  BOOST_REQUIRE(!lab.record(kOld).image.has_value());
  new_card.back_up(example_image(5, 'n'));
  swap();
  BOOST_TEST((new_card.fetch_begin(new_card.key).result == CardResult::suspended));
  BOOST_TEST(lab.record(kNew).suspended_at == lab.now().utc_ms);
  const auto erase = [&] {
    const auto erased = vault::erase_after_retention(*lab.store, *lab.keys, lab.policy,
                                                     lab.record(kNew).id, "ops:test", lab.now());
    BOOST_REQUIRE(erased.ok());
    return erased->has_value();
  };
  BOOST_TEST(!erase());
  lab.time_passes(lab.policy.retention, "retention is over again");
  BOOST_TEST(erase());
}

// A lock that only care may open, and one whose time is over or which is shorter.
BOOST_FIXTURE_TEST_CASE(the_harder_lock_survives_a_merge, TimedLocks) {
  new_card.back_up(example_image(5, 'n'));
  lock(old_card);
  locks_are_over();
  lock(old_card);
  lock(new_card);
  locks_are_over();
  swap();
  BOOST_TEST((new_card.fetch_begin(new_card.key).result == CardResult::locked));
  locks_are_over();
  BOOST_TEST((new_card.fetch_begin(new_card.key).result == CardResult::locked));
}

// The one timed lock was used up: the next, under whichever record, is care's.
BOOST_FIXTURE_TEST_CASE(a_timed_lock_comes_once_for_both, TimedLocks) {
  new_card.back_up(example_image(5, 'n'));
  lock(old_card);
  locks_are_over();
  old_card.fetch_begin(wrong_key(key));
  swap();
  lock(new_card);
  locks_are_over();
  BOOST_TEST((new_card.fetch_begin(new_card.key).result == CardResult::locked));
}

// Of a record that was the old card's alone nothing is left behind to be locked.
BOOST_AUTO_TEST_CASE(an_undone_move_leaves_an_open_empty_record) {
  BOOST_TEST((new_card.report(kOld, key).result == CardResult::done));
  for (int i = 0; i < 3; ++i) new_card.fetch_begin(wrong_key(key));
  BOOST_TEST((old_card.fetch_begin(key).result == CardResult::locked));
  BOOST_TEST((new_card.back_up(example_image(5, 'n')).result == CardResult::done));
}

// Under which of the two records they end up makes no difference: the new card's versions are the
// newest, and the next stores count them first.
BOOST_FIXTURE_TEST_CASE(stores_after_a_merge_keep_the_new_cards_own, BothStored) {
  std::uint32_t transaction = 1;
  for (const char fill : {'1', '2', '3'}) {
    const base::Bytes content = example_image(5, fill);
    new_card.begin(content, "", ++transaction);
    new_card.send_data(content, 0, content.size(), transaction);
    new_card.end(transaction);
  }
  BOOST_TEST((new_card.report(kOld, key).result == CardResult::done));
  const auto digest = [&](std::uint16_t version) {
    return *new_card.fetch_begin(key, "", version).fields.digest;
  };
  BOOST_TEST((digest(1) == base::sha256(example_image(5, '2'))));
  BOOST_TEST((digest(3) == base::sha256(image)));
  new_card.back_up(example_image(5, '4'), key, ++transaction);
  BOOST_TEST((digest(1) == base::sha256(example_image(5, '3'))));
  BOOST_TEST((digest(2) == base::sha256(example_image(5, '2'))));
  BOOST_TEST((digest(3) == base::sha256(image)), "pinned");
}

// A change of card under a date that was years ahead: what is stored after it is not taken for what
// the change has brought, and the limit of pins holds.
BOOST_FIXTURE_TEST_CASE(pins_have_a_limit_after_a_date_that_was_ahead, BothStored) {
  constexpr std::int64_t kTenYears = 3650 * base::kDayMs;
  lab.clock.set_date_by(kTenYears);
  swap();
  lab.clock.set_date_by(-kTenYears);
  std::uint32_t transaction = 1;
  for (int i = 0; i < 15; ++i) {
    for (const int entries : {60, 3}) {
      lab.time_passes(base::kMinuteMs, "a minute");
      new_card.back_up(example_image(entries, static_cast<char>('A' + i)), key, ++transaction);
    }
  }
  auto care = lab.care();
  const auto view = support::good(care.show(Laboratory::call(), kNew, lab.now()));
  const auto pinned =
      std::count_if(view.versions.begin(), view.versions.end(),
                    [&](const auto& one) { return one.pinned_until > lab.now().utc_ms; });
  BOOST_TEST(pinned == 10);
}

BOOST_AUTO_TEST_SUITE_END()
