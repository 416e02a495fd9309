// Figure 4: a card gets its content back. Key, wrong keys, customer care, versions, cuts.
#include <boost/test/unit_test.hpp>

#include "tests/support/laboratory.h"
#include "vault/history.h"

using namespace support;
using vault::CardResult;

namespace {

const std::string kCard = "8944351002100001231";

struct Fixture {
  Fixture() {
    lab.import(kCard, "+491721234567");
    card.back_up(image);
    lab.time_passes(30 * base::kDayMs, "a month later the phone book is lost");
    card.open_channel();
  }

  Laboratory lab;
  CardInHand card{lab, kCard};
  const base::Bytes image = example_image(60, 'a');
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(figure_4, Fixture)

// Steps 401-407.
BOOST_AUTO_TEST_CASE(right_key_brings_everything_back) {
  BOOST_TEST((card.fetch_begin().result == CardResult::key_required));
  BOOST_TEST((card.restore(card.key) == image));
}

// Steps 405-409: two wrong keys, then the right one.
BOOST_AUTO_TEST_CASE(two_wrong_then_right) {
  BOOST_TEST((card.fetch_begin(wrong_key(card.key)).result == CardResult::wrong_key));
  Answer second = card.fetch_begin(wrong_key(card.key));
  BOOST_TEST(int{*second.fields.attempts_left} == 1);
  BOOST_TEST((card.restore(card.key) == image));
  BOOST_TEST(lab.record(kCard).wrong_keys == 0);
}

// Step 410: locked, also on another instance; customer care opens it, and all is in the history.
BOOST_AUTO_TEST_CASE(locked_until_customer_care) {
  for (int i = 0; i < 3; ++i) card.fetch_begin(wrong_key(card.key));
  card.hang_up();
  lab.other_instance_serves();
  BOOST_TEST((card.fetch_begin(card.key).result == CardResult::locked));
  auto care = lab.care();
  const auto view = good(care.show(lab.call(), kCard, lab.now()));
  BOOST_TEST((view.state == vault::RecordState::locked));
  BOOST_TEST(view.attempts_left == 0);
  BOOST_TEST((view.record.key_mac == vault::KeyMac{}));
  const auto unlocked = good(care.unlock(lab.call("knows the key again"), kCard, false, lab.now()));
  BOOST_TEST(unlocked.was_locked);
  BOOST_TEST((card.restore(card.key) == image));

  const auto entries = good(care.audit("chief", {kCard, "anna", lab.now().utc_ms}, lab.now()));
  BOOST_REQUIRE(entries.size() == 2u);
  BOOST_TEST(entries[0].note.kind == "shown");
  BOOST_TEST(entries[1].note.kind == "unlocked");
  BOOST_TEST(entries[1].note.detail.find("knows the key again") != std::string::npos);
  BOOST_TEST(entries[1].note.detail.find("...4567") != std::string::npos);
  BOOST_TEST(entries[1].note.detail.find("X1234567") == std::string::npos);
  // Reading is an entry as well: of the record, or of the vault's own history.
  const auto all = good(care.audit("chief", {kCard, "", std::nullopt}, lab.now()));
  BOOST_TEST((all[all.size() - 2].note ==
              vault::HistoryNote{
                  "audited", "ops:chief",
                  "history of agent anna of " + base::iso_date(lab.now().utc_ms).substr(0, 10)}));
  BOOST_TEST((all.back().note == vault::HistoryNote{"audited", "ops:chief", "history"}));
  const auto own = good(care.audit("chief", {std::nullopt, "", std::nullopt}, lab.now()));
  BOOST_TEST((own.front().record == vault::kOwnHistory));
  BOOST_TEST(!care.note_verified("chief", 0, lab.now()));
  BOOST_TEST(std::holds_alternative<vault::CareFailure>(care.audit("", {}, lab.now())));
  BOOST_TEST(vault::verify_audit(*lab.store, *lab.keys)->empty());
}

// Whose lock has ended by itself has all attempts again, and is told so before he types a key.
BOOST_AUTO_TEST_CASE(attempts_when_a_timed_lock_is_over) {
  lab.policy.lock = vault::LockMode::timed;
  lab.cards = std::make_unique<vault::CardService>(lab.policy, *lab.keys, lab.log, lab.counters);
  const auto told = [&] {
    bip::Fields fields;
    fields.iccid = card.card.iccid.to_ef();
    return int{card.ask(bip::Ins::status, std::move(fields)).fields.attempts_left.value_or(255)};
  };
  for (int i = 0; i < 3; ++i) card.fetch_begin(wrong_key(card.key));
  BOOST_TEST(told() == 0);
  lab.time_passes(lab.policy.lock_minutes, "the lock's time is over");
  BOOST_TEST(told() == 3);
  auto care = lab.care();
  const auto view = good(care.show(lab.call(), kCard, lab.now()));
  BOOST_TEST((view.state == vault::RecordState::held));
  BOOST_TEST(view.attempts_left == 3);
  BOOST_TEST(view.advice.find("3 attempts are left") != std::string::npos, view.advice);
}

// The key is forgotten: care resets it, the next session is given a fresh one.
BOOST_AUTO_TEST_CASE(key_reset) {
  const std::string forgotten = card.key;
  auto care = lab.care();
  good(care.unlock(lab.call(), kCard, true, lab.now()));
  BOOST_TEST((card.restore() == image));
  BOOST_TEST(card.key != forgotten);
  BOOST_TEST((card.confirm(card.key, 0).result == CardResult::no_such_transaction));
  BOOST_TEST((card.fetch_begin(card.key).result == CardResult::done), "typed, so it had arrived");
  BOOST_TEST((card.fetch_begin(forgotten).result == CardResult::wrong_key));
}

BOOST_AUTO_TEST_CASE(key_reset_unused_leaves_the_old_key) {
  auto care = lab.care();
  good(care.unlock(lab.call(), kCard, true, lab.now()));
  lab.time_passes(base::kDayMs, "the reset has lapsed");
  BOOST_TEST((card.fetch_begin().result == CardResult::key_required));
  BOOST_TEST((card.restore(card.key) == image));
}

// Who must be named, and how often one may call.
BOOST_AUTO_TEST_CASE(care_calls_are_complete_and_limited) {
  auto incomplete = lab.call();
  incomplete.reason.clear();
  auto care = lab.care();
  auto refused = care.unlock(incomplete, kCard, false, lab.now());
  BOOST_TEST((std::get<vault::CareFailure>(refused).error == vault::CareError::bad_call));
  lab.policy.agent_daily_limit = 2;
  auto limited = lab.care();
  good(limited.show(lab.call(), kCard, lab.now()));
  good(limited.show(lab.call(), kCard, lab.now()));
  auto third = limited.show(lab.call(), kCard, lab.now());
  BOOST_TEST((std::get<vault::CareFailure>(third).error == vault::CareError::limit));
  lab.time_passes(base::kDayMs, "the next day");
  good(limited.show(lab.call(), kCard, lab.now()));
}

// The permission lives ten minutes longer than the channel.
BOOST_AUTO_TEST_CASE(fetch_goes_on_after_a_cut) {
  Answer begin = card.fetch_begin(card.key);
  const std::uint32_t transaction = *begin.fields.transaction;
  BOOST_TEST((transaction & 0x80000000U) != 0u);
  const auto fetch = [&](std::uint32_t offset) {
    bip::Fields fields;
    fields.transaction = transaction;
    fields.offset = offset;
    return card.ask(bip::Ins::fetch_data, std::move(fields));
  };
  const Answer one = fetch(0);
  card.hang_up();
  lab.time_passes(9 * base::kMinuteMs, "the link was gone for nine minutes");
  const Answer two = fetch(static_cast<std::uint32_t>(one.fields.data->size()));
  BOOST_TEST((two.result == CardResult::done));
  card.hang_up();
  lab.time_passes(10 * base::kMinuteMs, "... and for ten");
  BOOST_TEST((fetch(0).result == CardResult::no_such_transaction));
}

// A lock that comes while a fetch is under way keeps its last octets.
BOOST_AUTO_TEST_CASE(lock_ends_an_open_fetch) {
  Answer begin = card.fetch_begin(card.key);
  CardInHand copy(lab, kCard);
  copy.card.counter = card.card.counter + 1000;
  for (int i = 0; i < 3; ++i) copy.fetch_begin(wrong_key(card.key));
  card.card.counter = copy.card.counter;
  bip::Fields fields;
  fields.transaction = *begin.fields.transaction;
  fields.offset = *begin.fields.total - 1;
  BOOST_TEST((card.ask(bip::Ins::fetch_data, std::move(fields)).result ==
              CardResult::no_such_transaction));
}

// One open fetch per record: a newer one ends the older.
BOOST_AUTO_TEST_CASE(newer_fetch_ends_the_older) {
  const Answer older = card.fetch_begin(card.key);
  const Answer newer = card.fetch_begin(card.key);
  const auto last_octet = [&](const Answer& begin) {
    bip::Fields fields;
    fields.transaction = *begin.fields.transaction;
    fields.offset = *begin.fields.total - 1;
    return card.ask(bip::Ins::fetch_data, std::move(fields)).result;
  };
  BOOST_TEST((last_octet(older) == CardResult::no_such_transaction));
  BOOST_TEST((last_octet(newer) == CardResult::done));
}

BOOST_AUTO_TEST_CASE(what_did_not_fit_is_kept) {
  Answer begin = card.fetch_begin(card.key);
  bip::Fields fields;
  fields.transaction = *begin.fields.transaction;
  fields.counts = {{50, 10}};
  BOOST_TEST((card.ask(bip::Ins::fetch_report, std::move(fields)).result == CardResult::done));
  auto care = lab.care();
  const auto entries = good(care.audit("chief", {kCard, "", std::nullopt}, lab.now()));
  BOOST_TEST(entries[entries.size() - 2].note.detail == "50 entries written, 10 did not fit");
}

BOOST_AUTO_TEST_SUITE_END()
