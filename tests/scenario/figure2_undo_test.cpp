// Figure 2: the old card proves itself after a move that nobody ordered: it has its own again, and
// the new card what was its own.
#include <boost/test/unit_test.hpp>

#include "tests/scenario/two_cards.h"
#include "vault/history.h"

using namespace support;
using scenario::kNew;
using scenario::kOld;
using scenario::kOther;
using vault::CardResult;

namespace {

struct Undo : scenario::TwoCards {
  explicit Undo(const vault::Policy& policy = {}) : TwoCards(policy) {
    lab.import(kOld, "+491721234567", "customer-1");
    lab.import(kNew);
    lab.import(kOther);
    old_card_stores();
  }
  bool pending(const Answer& answer) const { return answer.result == CardResult::move_pending; }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(figure2_undo, Undo)

// The old card proves itself within a day: a move without an order is undone.
BOOST_AUTO_TEST_CASE(move_undone_by_the_old_card) {
  new_card.report(kOld, key);
  lab.time_passes(23 * base::kHourMs, "23 hours later the old card is back");
  BOOST_TEST((old_card.restore(key) == image));
  BOOST_TEST((new_card.fetch_begin(key).result == CardResult::nothing_stored));
  BOOST_TEST(vault::verify_audit(*lab.store, *lab.keys)->empty());
}

// An import in between makes the old card an empty record: it gets its own back all the same.
BOOST_AUTO_TEST_CASE(move_undone_after_an_import) {
  new_card.report(kOld, key);
  lab.import(kOld, "+491721234567", "customer-1");
  BOOST_TEST((old_card.restore(key) == image));
}

// What provisioning said of each card is said of it again.
BOOST_AUTO_TEST_CASE(undo_parts_the_identities) {
  lab.import(kNew, "+4917200000000", "customer-2");
  new_card.report(kOld, key);
  BOOST_TEST(lab.record(kNew).customer == "customer-2");
  old_card.report();
  BOOST_TEST(lab.record(kOld).customer == "customer-1");
  BOOST_TEST(lab.record(kOld).msisdn_provisioned->digits() == "491721234567");
  BOOST_TEST(lab.record(kNew).customer == "customer-2");
  BOOST_TEST(lab.record(kNew).msisdn_provisioned->digits() == "4917200000000");
}

// After a merge: each card gets back exactly what was its own, and what it stored since.
BOOST_AUTO_TEST_CASE(undo_after_a_merge) {
  const base::Bytes before = example_image(5, 'n');
  new_card.begin(before);
  new_card.send_data(before, 0, before.size());
  new_card.end();
  lab.time_passes(base::kMinuteMs, "the key was never seen");
  BOOST_TEST((new_card.report(kOld, key).result == CardResult::done));
  lab.time_passes(base::kHourMs, "the new card stores again, under the old one's key");
  const base::Bytes since = example_image(6, 's');
  BOOST_TEST((new_card.back_up(since, key, 2).result == CardResult::done));
  BOOST_TEST((old_card.restore(key) == image));
  BOOST_TEST((old_card.fetch_begin(key, "", 1).result == CardResult::nothing_stored));
  const vault::Record record = lab.record(kNew);
  BOOST_TEST((record.image->digest == base::sha256(since)));
  BOOST_TEST((new_card.fetch_begin(key).result != CardResult::done), "that key is not its own");
  BOOST_TEST(vault::verify_audit(*lab.store, *lab.keys)->empty());
}

// A merge long ago does not confuse a later move and its undo.
BOOST_AUTO_TEST_CASE(undo_after_an_older_merge) {
  CardInHand other(lab, kOther);
  other.back_up(example_image(7, 'x'));
  auto care = lab.care();
  good(care.swap("provisioning", kOther, kOld, lab.now()));
  lab.time_passes(2 * base::kDayMs, "two days later the merged record is moved on a key");
  BOOST_TEST((new_card.report(kOld, key).result == CardResult::done));
  BOOST_TEST((old_card.restore(key) == image));
  BOOST_TEST((old_card.fetch_begin(key, "", 1).result == CardResult::done));
  BOOST_TEST((new_card.fetch_begin(key).result == CardResult::nothing_stored));
}

// Moved on a card's word only just now: nobody moves it on, and nobody erases it.
BOOST_AUTO_TEST_CASE(hold_keeps_the_undo_possible) {
  new_card.report(kOld, key);
  CardInHand other(lab, kOther);
  BOOST_TEST(pending(other.report(kNew, key)));
  bip::Fields fields;
  fields.iccid = vault::Iccid::from_digits(kNew)->to_ef();
  fields.key = base::Secret(base::as_bytes(key));
  BOOST_TEST(pending(new_card.ask(bip::Ins::erase, std::move(fields))));
  BOOST_TEST((old_card.restore(key) == image));
}

// Who claimed the new card's record before the undo is not given the old card's by it.
BOOST_AUTO_TEST_CASE(a_claim_on_the_new_card_is_not_one_on_the_old) {
  new_card.report(kOld, key);
  CardInHand other(lab, kOther);
  BOOST_TEST(pending(other.report(kNew)));
  BOOST_TEST((old_card.restore(key) == image));
  BOOST_TEST(good(lab.care().show(lab.call(), kOther, lab.now())).moves.empty());
  const auto told = lab.care().confirm_move(lab.call(), kOther, lab.now());
  BOOST_TEST(std::holds_alternative<vault::CareFailure>(told));
  BOOST_TEST((old_card.restore(key) == image));
}

// What the new card has told of itself, and when it stored, is not said of the old one.
BOOST_AUTO_TEST_CASE(undo_gives_back_number_and_date) {
  const std::int64_t stored_at = lab.record(kOld).updated_at;
  bip::Fields fields;
  fields.iccid = vault::Iccid::from_digits(kNew)->to_ef();
  fields.previous = vault::Iccid::from_digits(kOld)->to_ef();
  fields.key = base::Secret(base::as_bytes(key));
  fields.number = {0x91, 0x94, 0x71, 0x00, 0x00, 0x00, 0x10};
  BOOST_TEST((new_card.ask(bip::Ins::report, std::move(fields)).result == CardResult::done));
  BOOST_TEST(lab.record(kNew).msisdn_reported.has_value());
  lab.time_passes(base::kHourMs, "the new card stores");
  new_card.back_up(example_image(6, 's'), key, 2);
  BOOST_TEST((old_card.restore(key) == image));
  BOOST_TEST(!lab.record(kOld).msisdn_reported.has_value());
  BOOST_TEST(lab.record(kOld).identity_at <= stored_at);
  BOOST_TEST(lab.record(kOld).updated_at == stored_at);
  BOOST_TEST(lab.record(kNew).msisdn_reported.has_value());
}

// Who has opted out stays out, on whichever card, through a change of card and its undoing.
BOOST_AUTO_TEST_CASE(opted_out_stays_out) {
  const auto opted_out_at = [&](const std::string& card) {
    std::int64_t at = 0;
    lab.store->update(lab.now(), [&](vault::RecordTx& tx) {
      at = tx.messages().reminder(tx.find(*vault::Iccid::from_digits(card))->id).opted_out_at;
      return false;
    });
    return at;
  };
  lab.store->update(lab.now(), [&](vault::RecordTx& tx) {
    vault::Record* const record = tx.find(*vault::Iccid::from_digits(kNew));
    tx.messages().reminder(record->id).opted_out_at = 5;
    tx.messages().reminder(record->id).opted_out_by = "subscriber";
    return true;
  });
  new_card.report(kOld, key);
  BOOST_TEST(opted_out_at(kNew) == 5);
  BOOST_TEST((old_card.restore(key) == image));
  BOOST_TEST(opted_out_at(kNew) == 5);
}

// Nor do the new card's own stores, however many, drive out what an undo gives back.
BOOST_AUTO_TEST_CASE(hold_outlasts_the_stores_of_the_new_card) {
  new_card.report(kOld, key);
  for (std::uint32_t i = 1; i <= 4; ++i) {
    lab.time_passes(base::kMinuteMs, "a minute");
    new_card.back_up(example_image(30, static_cast<char>('A' + i)), key, i);
  }
  BOOST_TEST((old_card.restore(key) == image));
  lab.time_passes(lab.policy.swap_hold, "nobody can object any more");
  for (std::uint32_t i = 5; i <= 7; ++i) {
    old_card.back_up(example_image(30, static_cast<char>('A' + i)), key, i);
  }
  const auto view = lab.care().show(lab.call(), kOld, lab.now());
  BOOST_TEST(good(view).versions.size() == static_cast<std::size_t>(lab.policy.keep_versions));
}

// To ask for its state is to prove itself too.
BOOST_AUTO_TEST_CASE(status_of_the_old_card_undoes_the_move) {
  new_card.report(kOld, key);
  BOOST_TEST(!lab.known(kOld));
  bip::Fields fields;
  fields.iccid = vault::Iccid::from_digits(kOld)->to_ef();
  const Answer answer = old_card.ask(bip::Ins::status, std::move(fields));
  BOOST_TEST((answer.result == CardResult::done));
  BOOST_TEST(*answer.fields.record_state == static_cast<std::uint8_t>(vault::RecordState::held));
  BOOST_TEST(lab.counters.get("vault.moves_undone") == 1);
  BOOST_TEST(lab.known(kOld));
}

BOOST_AUTO_TEST_CASE(move_stands_after_a_day) {
  new_card.report(kOld, key);
  lab.time_passes(lab.policy.swap_hold, "a day later");
  BOOST_TEST((old_card.report().result == CardResult::unknown_card));
}

// Granted to who held the new card, after the move: not to the old card, which may be stolen.
BOOST_AUTO_TEST_CASE(a_key_granted_to_the_new_card_is_not_the_old_ones) {
  new_card.report(kOld, key);
  good(lab.care().unlock(lab.call("key lost"), kNew, true, lab.now()));
  BOOST_TEST((old_card.fetch_begin().result == CardResult::key_required));
  BOOST_TEST((old_card.restore(key) == image), "with its key it has its own again");
}

// Nor has the old card the time in which the new one might have fetched once more.
BOOST_AUTO_TEST_CASE(a_key_given_to_the_new_card_opens_nothing_to_the_old_one) {
  new_card.report(kOld, key);
  lab.time_passes(base::kMinuteMs, "a minute");
  good(lab.care().unlock(lab.call("key lost"), kNew, true, lab.now()));
  BOOST_TEST((new_card.restore() == image));
  BOOST_TEST((old_card.fetch_begin().result == CardResult::key_required));
  good(lab.care().unlock(lab.call("both cards shown"), kOld, true, lab.now()));
  BOOST_TEST((old_card.restore() == image));
}

// Undone, moved and undone again: whose an image is does not depend on the record in which it once
// was stored.
BOOST_AUTO_TEST_CASE(a_second_undo_parts_the_contents_again) {
  const base::Bytes content = example_image(5, 'n');
  new_card.begin(content);
  new_card.send_data(content, 0, content.size());
  new_card.end();
  for (int i = 0; i < 2; ++i) {
    lab.time_passes(base::kMinuteMs, "a minute");
    BOOST_TEST((new_card.report(kOld, key).result == CardResult::done));
    BOOST_TEST((new_card.restore(key) == content));
    BOOST_TEST((old_card.restore(key) == image));
    BOOST_TEST((old_card.fetch_begin(key, "", 1).result == CardResult::nothing_stored));
    good(lab.care().unlock(lab.call("key never seen"), kNew, true, lab.now()));
    BOOST_TEST((new_card.restore() == content));
    BOOST_TEST((new_card.fetch_begin("", "", 1).result == CardResult::nothing_stored));
  }
}

// Nor on a merge that stands since: what was the other card's then is the record's own now.
BOOST_AUTO_TEST_CASE(an_undo_gives_back_what_was_merged_before) {
  const base::Bytes content = example_image(5, 'n');
  new_card.begin(content);
  new_card.send_data(content, 0, content.size());
  new_card.end();
  BOOST_TEST((new_card.report(kOld, key).result == CardResult::done));
  lab.time_passes(lab.policy.swap_hold, "nobody objects");
  CardInHand other(lab, kOther);
  BOOST_TEST((other.report(kNew, key).result == CardResult::done));
  BOOST_TEST((new_card.restore(key) == content));
  BOOST_TEST((new_card.fetch_begin(key, "", 1).result == CardResult::done));
  BOOST_TEST((other.fetch_begin(key).result == CardResult::nothing_stored));
}

// A second move before the first is past objection would wipe the objection out.
BOOST_AUTO_TEST_CASE(no_other_record_moves_within_the_hold) {
  lab.import(kOther, "", "customer-1");
  CardInHand other(lab, kOther);
  const base::Bytes content = example_image(7, 'x');
  other.begin(content);
  other.send_data(content, 0, content.size());
  other.end();
  good(lab.care().set_ended("provisioning", kOther, true, lab.now()));
  new_card.report(kOld, key);
  BOOST_TEST(pending(new_card.report(kOther)));
  BOOST_TEST((old_card.restore(key) == image));
}

// Its service has ended since: it takes nothing back before that is on again.
BOOST_AUTO_TEST_CASE(a_suspended_card_undoes_nothing) {
  new_card.report(kOld, key);
  lab.import(kOld);
  good(lab.care().suspend(lab.call("stolen"), kOld, lab.now()));
  BOOST_TEST((old_card.fetch_begin(key).result == CardResult::suspended));
  BOOST_TEST((new_card.restore(key) == image));
  good(lab.care().resume(lab.call("found again"), kOld, lab.now()));
  BOOST_TEST((old_card.restore(key) == image));
}

// What an import has said since is newer than what was known before the move.
BOOST_AUTO_TEST_CASE(what_was_imported_since_survives_an_undo) {
  new_card.report(kOld, key);
  lab.import(kOld, "+4917200000000", "customer-2");
  good(lab.care().set_ended("provisioning", kOld, true, lab.now()));
  old_card.report();
  BOOST_TEST(lab.record(kOld).customer == "customer-2");
  BOOST_TEST(lab.record(kOld).msisdn_provisioned->digits() == "4917200000000");
  BOOST_TEST(lab.record(kOld).ended);
  BOOST_TEST(lab.record(kNew).customer.empty());
  BOOST_TEST(vault::verify_audit(*lab.store, *lab.keys)->empty());
}

// A key that care has granted since the move, and whose answer was lost, locks nobody out.
BOOST_AUTO_TEST_CASE(a_granted_key_that_is_lost_is_given_again_within_the_hold) {
  new_card.report(kOld, key);
  lab.time_passes(base::kMinuteMs, "a minute");
  good(lab.care().unlock(lab.call("key lost"), kNew, true, lab.now()));
  BOOST_TEST((new_card.fetch_begin().result == CardResult::done));
  BOOST_TEST((new_card.fetch_begin().result == CardResult::done));
  BOOST_TEST((new_card.begin(image).result == CardResult::done));
}

BOOST_AUTO_TEST_SUITE_END()
