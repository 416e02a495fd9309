// Proves the key rule as a table: what may go on, what it costs, what is answered.
#include <boost/test/unit_test.hpp>

#include "vault/record.h"

using namespace vault;

namespace {

constexpr base::Now kNow{1'000'000, 1'700'000'000'000};

base::Now later(std::int64_t ms) { return {kNow.mono_ms + ms, kNow.utc_ms + ms}; }

Record empty_record() {
  Record record(*Iccid::from_digits("8944351002100001231"));
  record.id[0] = 1;
  return record;
}

Record held_record() {
  Record record = empty_record();
  record.image = ImageInfo{};
  record.image->bytes = 100;
  record.key_state = KeyState::active;
  return record;
}

Decision ask(const Record& record, Use use, KeyCheck key, const Policy& policy = {},
             base::Now now = kNow) {
  return decide(record, {use, key}, policy, now);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(record)

BOOST_AUTO_TEST_CASE(empty_takes_a_store_and_issues_a_key) {
  const Decision decision = ask(empty_record(), Use::store, KeyCheck::absent);
  BOOST_TEST((decision.result == CardResult::done));
  BOOST_TEST(decision.fresh_key);
  BOOST_TEST(
      (ask(empty_record(), Use::fetch, KeyCheck::absent).result == CardResult::nothing_stored));
  BOOST_TEST(
      (ask(empty_record(), Use::erase, KeyCheck::absent).result == CardResult::nothing_stored));
}

BOOST_AUTO_TEST_CASE(held_wants_the_key_for_everything) {
  for (const Use use : {Use::store, Use::fetch, Use::erase}) {
    const Record record = held_record();
    const Decision none = ask(record, use, KeyCheck::absent);
    BOOST_TEST((none.result == CardResult::key_required));
    BOOST_TEST((none.after == record), "asking costs nothing");
    const Decision slip = ask(record, use, KeyCheck::mistyped);
    BOOST_TEST((slip.result == CardResult::mistyped_key));
    BOOST_TEST((slip.after == record), "a typing slip costs nothing");
    const Decision right = ask(record, use, KeyCheck::right);
    BOOST_TEST((right.result == CardResult::done));
    BOOST_TEST(!right.fresh_key);
  }
}

BOOST_AUTO_TEST_CASE(third_wrong_key_locks_and_says_so) {
  Record record = held_record();
  Decision decision = ask(record, Use::store, KeyCheck::wrong);
  BOOST_TEST((decision.result == CardResult::wrong_key));
  BOOST_TEST(attempts_left(decision.after, kNow) == 2);
  decision = ask(decision.after, Use::fetch, KeyCheck::wrong);
  BOOST_TEST((decision.result == CardResult::wrong_key));
  BOOST_TEST(attempts_left(decision.after, kNow) == 1);
  decision = ask(decision.after, Use::erase, KeyCheck::wrong);
  BOOST_TEST((decision.result == CardResult::locked));
  BOOST_TEST((state_of(decision.after, kNow) == RecordState::locked));
  BOOST_TEST(decision.after.epoch == record.epoch + 1);
  for (const Use use : {Use::store, Use::fetch, Use::erase}) {
    for (const KeyCheck key : {KeyCheck::absent, KeyCheck::wrong, KeyCheck::right}) {
      const Decision again = ask(decision.after, use, key, {}, later(365 * base::kDayMs));
      BOOST_TEST((again.result == CardResult::locked));
      BOOST_TEST((again.after == decision.after), "a locked record does not change");
    }
  }
}

// A pepper that operations lost is no wrong key.
BOOST_AUTO_TEST_CASE(a_key_that_cannot_be_checked_costs_nothing) {
  const Record record = held_record();
  const Decision decision = ask(record, Use::fetch, KeyCheck::unknowable);
  BOOST_TEST((decision.result == CardResult::try_later));
  BOOST_TEST((decision.after == record));
}

BOOST_AUTO_TEST_CASE(right_key_forgives_earlier_wrong_ones) {
  Decision decision = ask(held_record(), Use::fetch, KeyCheck::wrong);
  decision = ask(decision.after, Use::fetch, KeyCheck::wrong);
  decision = ask(decision.after, Use::fetch, KeyCheck::right);
  BOOST_TEST((decision.result == CardResult::done));
  BOOST_TEST(attempts_left(decision.after, kNow) == 3);
}

// A key that may not have arrived never locks anyone out.
BOOST_AUTO_TEST_CASE(issued_key_is_not_asked_for) {
  Record record = held_record();
  record.key_state = KeyState::issued;
  record.key_issued_at = kNow.utc_ms;
  const Policy policy;
  Decision decision =
      ask(record, Use::store, KeyCheck::absent, policy, later(policy.issue_window * 3));
  BOOST_TEST((decision.result == CardResult::done));
  BOOST_TEST(decision.fresh_key);
  decision = ask(record, Use::fetch, KeyCheck::wrong, policy, later(policy.issue_window - 1));
  BOOST_TEST((decision.result == CardResult::done));
  BOOST_TEST(decision.fresh_key);
  BOOST_TEST(decision.after.wrong_keys == 0);
  decision = ask(record, Use::fetch, KeyCheck::absent, policy, later(policy.issue_window));
  BOOST_TEST((decision.result == CardResult::key_required));
  decision = ask(record, Use::fetch, KeyCheck::right, policy, later(policy.issue_window));
  BOOST_TEST((decision.after.key_state == KeyState::active), "who types it has received it");
  BOOST_TEST_REQUIRE(decision.notes.size() == 1u);
  BOOST_TEST((decision.notes[0] == HistoryNote{"key_confirmed", "card", "by its use"}));
  BOOST_TEST(ask(decision.after, Use::fetch, KeyCheck::right).notes.empty());
}

BOOST_AUTO_TEST_CASE(care_reset_lets_the_next_session_in) {
  Record record = held_record();
  record.reset_until = kNow.utc_ms + base::kDayMs;
  BOOST_TEST(ask(record, Use::fetch, KeyCheck::absent).fresh_key);
  const Decision late = ask(record, Use::fetch, KeyCheck::absent, {}, later(base::kDayMs));
  BOOST_TEST((late.result == CardResult::key_required));
}

BOOST_AUTO_TEST_CASE(timed_lock_opens_once) {
  Policy policy;
  policy.lock = LockMode::timed;
  Record record = held_record();
  for (int i = 0; i < 3; ++i) record = ask(record, Use::fetch, KeyCheck::wrong, policy).after;
  BOOST_TEST((state_of(record, kNow) == RecordState::locked));
  const base::Now opened = later(policy.lock_minutes);
  BOOST_TEST((state_of(record, opened) == RecordState::held));
  BOOST_TEST(attempts_left(record, kNow) == 0);
  BOOST_TEST(attempts_left(record, opened) == 3);
  Decision decision = ask(record, Use::fetch, KeyCheck::wrong, policy, opened);
  BOOST_TEST((decision.result == CardResult::wrong_key));
  BOOST_TEST_REQUIRE(decision.notes.size() == 2u);
  BOOST_TEST((decision.notes[0] == HistoryNote{"unlocked", "vault", "the lock's time was over"}));
  BOOST_TEST(decision.notes[1].kind == "wrong_key");
  decision = ask(decision.after, Use::fetch, KeyCheck::wrong, policy, opened);
  decision = ask(decision.after, Use::fetch, KeyCheck::wrong, policy, opened);
  BOOST_TEST((decision.result == CardResult::locked));
  BOOST_TEST((state_of(decision.after, later(100 * base::kDayMs)) == RecordState::locked),
             "the second time only customer care opens it");
}

// A day after a move nothing goes without a key - unless care has reset it since.
BOOST_AUTO_TEST_CASE(hold_after_a_move) {
  Record record = held_record();
  record.key_state = KeyState::issued;
  record.key_issued_at = kNow.utc_ms;
  record.moved_at = kNow.utc_ms;
  for (const Use use : {Use::store, Use::fetch}) {
    BOOST_TEST((ask(record, use, KeyCheck::absent).result == CardResult::key_required));
    BOOST_TEST((ask(record, use, KeyCheck::right).result == CardResult::done));
  }
  BOOST_TEST((ask(record, Use::store, KeyCheck::absent, {}, later(base::kDayMs)).result ==
              CardResult::done));
  record.reset_until = kNow.utc_ms + base::kDayMs;
  BOOST_TEST((ask(record, Use::fetch, KeyCheck::absent).result == CardResult::done));
  record.reset_until = 0;
  record.key_issued_at += 1;
  BOOST_TEST((ask(record, Use::fetch, KeyCheck::absent).result == CardResult::done),
             "given upon that, and nobody has confirmed it");
}

// What a clock that was ahead has dated gives nothing away until that date: nobody knows when it
// was. What only waits for it does not wait for years.
BOOST_AUTO_TEST_CASE(dates_ahead) {
  constexpr std::int64_t kYear = 365 * base::kDayMs;
  Record record = held_record();
  record.reset_until = kNow.utc_ms + kYear;
  BOOST_TEST((ask(record, Use::fetch, KeyCheck::absent).result == CardResult::key_required));
  record.reset_until = 0;
  record.key_state = KeyState::issued;
  record.key_issued_at = kNow.utc_ms + kYear;
  BOOST_TEST((ask(record, Use::fetch, KeyCheck::absent).result == CardResult::key_required));
  BOOST_TEST((ask(record, Use::store, KeyCheck::absent).result == CardResult::done));
  record.key_issued_at = kNow.utc_ms;
  record.moved_at = kNow.utc_ms + kYear;
  BOOST_TEST(!moved_lately(record, {}, kNow));
  record.moved_at = kNow.utc_ms + base::kMinuteMs;
  BOOST_TEST(moved_lately(record, {}, kNow), "another instance's clock");
  for (const std::int64_t ahead : {base::kMinuteMs, 2 * base::kHourMs, kYear}) {
    record.moved_at = kNow.utc_ms + ahead;
    for (const Use use : {Use::store, Use::fetch}) {
      BOOST_TEST((ask(record, use, KeyCheck::absent).result == CardResult::key_required));
    }
  }
}

BOOST_AUTO_TEST_CASE(suspended_answers_suspended) {
  Record record = held_record();
  record.suspended_at = kNow.utc_ms;
  BOOST_TEST((ask(record, Use::store, KeyCheck::right).result == CardResult::suspended));
}

BOOST_AUTO_TEST_CASE(epoch_ends_what_began_before) {
  Record record = held_record();
  record.upload = Upload{};
  record.fetch = FetchPermit{};
  record.ended_store = EndedStore{};
  record.upload->epoch = record.epoch;
  raise_epoch(record);
  BOOST_TEST(record.upload->epoch != record.epoch);
  BOOST_TEST(!record.fetch);
  BOOST_TEST(!record.ended_store);
}

BOOST_AUTO_TEST_CASE(erase_keeps_only_who_it_was_and_that_it_happened) {
  Record record = held_record();
  record.msisdn_provisioned = Msisdn::from_text("+491721234567");
  record.history_count = 7;
  record.version = 9;
  record.foreign_wrong = 2;
  Record expected(record.iccid);
  expected.foreign_wrong = 2;
  expected.id = record.id;
  expected.version = 9;
  expected.epoch = record.epoch + 1;
  expected.history_count = 7;
  erase(record);
  BOOST_TEST((record == expected));
}

BOOST_AUTO_TEST_SUITE_END()
