// A key was sent, and nobody ever confirmed it: whoever holds the card may go on storing, but what
// was stored before is given without that key only for as long as an answer may have been lost.
#include <boost/test/unit_test.hpp>

#include "tests/support/laboratory.h"

using namespace support;
using vault::CardResult;

namespace {

const std::string kCard = "8944351002100001231";

struct Fixture {
  Fixture() {
    lab.import(kCard);
    store(early);
    issued = card.key;
    lab.time_passes(lab.policy.issue_window, "the key was never confirmed");
  }
  // The answer comes, but nobody looks at the key.
  Answer store(base::View image, const std::string& key = "", std::uint32_t transaction = 1) {
    Answer begun = card.begin(image, key, transaction);
    if (begun.result != CardResult::done) return begun;
    card.send_data(image, 0, image.size(), transaction);
    return card.end(transaction);
  }
  CardResult version(std::uint16_t number) { return card.fetch_begin(card.key, "", number).result; }
  std::string advice() { return good(lab.care().show(lab.call(), kCard, lab.now())).advice; }

  Laboratory lab;
  CardInHand card{lab, kCard};
  const base::Bytes early = example_image(60, 'e');
  const base::Bytes late = example_image(59, 'l');
  std::string issued;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(unconfirmed_key, Fixture)

// A store gives a key, but that key opens only what came after it.
BOOST_AUTO_TEST_CASE(a_store_does_not_open_what_was_there) {
  BOOST_TEST((store(late, "", 2).result == CardResult::done));
  BOOST_TEST((card.confirm(card.key, 2).result == CardResult::done));
  BOOST_TEST((card.restore(card.key) == late));
  BOOST_TEST((version(1) == CardResult::nothing_stored));
  card.back_up(example_image(58, 'm'), card.key, 3);
  BOOST_TEST((version(1) == CardResult::done), "stored under a key in use");
  BOOST_TEST((version(2) == CardResult::nothing_stored));
  BOOST_TEST(lab.record(kCard).wrong_keys == 0);
}

// Nor a second store, nor one that is asked for its end again.
BOOST_AUTO_TEST_CASE(nor_do_several_stores) {
  store(late, "", 2);
  card.end(2);
  store(example_image(58, 'm'), "", 3);
  card.confirm(card.key, 3);
  BOOST_TEST((version(1) == CardResult::nothing_stored));
  BOOST_TEST((version(2) == CardResult::nothing_stored));
}

// Customer care has looked at who wants it.
BOOST_AUTO_TEST_CASE(care_opens_it) {
  store(late, "", 2);
  card.confirm(card.key, 2);
  BOOST_TEST(advice().find("unlock --reset-key") != std::string::npos, advice());
  good(lab.care().unlock(lab.call(), kCard, true, lab.now()));
  BOOST_TEST((version(1) == CardResult::done));
  BOOST_TEST(advice().find("unlock --reset-key") == std::string::npos, advice());
  lab.time_passes(2 * base::kDayMs, "what care has opened stays open");
  BOOST_TEST((version(1) == CardResult::done));
}

// Also when the answer with the key that care has granted is lost, or nobody looks at that one.
BOOST_AUTO_TEST_CASE(what_care_has_opened_is_not_closed_by_a_lost_answer) {
  good(lab.care().unlock(lab.call(), kCard, true, lab.now()));
  store(late, "", 2);
  card.end(2);
  store(example_image(58, 'm'), "", 3);
  card.confirm(card.key, 3);
  BOOST_TEST((version(1) == CardResult::done));
  BOOST_TEST((version(2) == CardResult::done));
}

BOOST_AUTO_TEST_CASE(nor_is_the_way_to_fetch) {
  good(lab.care().unlock(lab.call(), kCard, true, lab.now()));
  BOOST_TEST((card.fetch_begin().result == CardResult::done));
  BOOST_TEST((card.fetch_begin().result == CardResult::done), "the key did not come through");
}

// Who has kept the key has lost nothing.
BOOST_AUTO_TEST_CASE(who_knows_the_key_has_all) {
  BOOST_TEST((card.fetch_begin(issued).result == CardResult::done));
  card.back_up(late, issued, 2);
  card.key = issued;
  BOOST_TEST((version(1) == CardResult::done));
}

// What a card holds already it may be given back.
BOOST_AUTO_TEST_CASE(the_same_again_stays_open) {
  store(early, "", 2);
  card.confirm(card.key, 2);
  BOOST_TEST((card.restore(card.key) == early));
}

// A key given with a store is not looked at: the answers to a right and a wrong one are the same.
BOOST_AUTO_TEST_CASE(a_store_tells_nothing_of_the_key) {
  for (const bool right : {false, true}) {
    const std::string before = card.key;
    BOOST_TEST((store(late, right ? before : wrong_key(before), 2).result == CardResult::done));
    BOOST_TEST(card.key != before, "a fresh one has come");
    BOOST_TEST((lab.record(kCard).key_state == vault::KeyState::issued));
    BOOST_TEST(lab.record(kCard).wrong_keys == 0);
  }
}

// A confirmation is a guess as well: it is counted.
BOOST_AUTO_TEST_CASE(confirmations_are_counted) {
  BOOST_TEST((card.confirm(mistyped_key(issued)).result == CardResult::mistyped_key));
  BOOST_TEST((card.confirm(wrong_key(issued)).result == CardResult::wrong_key));
  BOOST_TEST(lab.record(kCard).wrong_keys == 1);
  BOOST_TEST((card.confirm(wrong_key(issued)).result == CardResult::wrong_key));
  BOOST_TEST((card.confirm(wrong_key(issued)).result == CardResult::locked));
  BOOST_TEST((card.confirm(issued).result == CardResult::locked));
}

BOOST_AUTO_TEST_CASE(a_late_confirmation_is_good) {
  BOOST_TEST((card.confirm(issued).result == CardResult::done));
  BOOST_TEST((card.restore(issued) == early));
}

// Nor does another card's ICCID beside it make a guess free.
BOOST_AUTO_TEST_CASE(a_claim_tells_nothing_of_the_key) {
  const std::string unknown = "8944351002100009999";
  for (const std::string& guess : {wrong_key(issued), issued}) {
    BOOST_TEST((card.fetch_begin(guess, unknown).result == CardResult::move_pending));
    BOOST_TEST((lab.record(kCard).key_state == vault::KeyState::issued));
  }
}

BOOST_AUTO_TEST_SUITE_END()
