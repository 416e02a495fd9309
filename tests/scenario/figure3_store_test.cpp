// Figure 3: a card stores its content. First store, key, update with the key, wrong keys, lock;
// cuts, resumption, repeated ends, shrinking images.
#include <boost/test/unit_test.hpp>

#include "tests/support/laboratory.h"

using namespace support;
using vault::CardResult;
using vault::KeyState;

namespace {

const std::string kCard = "8944351002100001231";

struct Fixture {
  Fixture() { lab.import(kCard, "+491721234567"); }

  Laboratory lab;
  CardInHand card{lab, kCard};
  const base::Bytes first = example_image(40, 'a');
  const base::Bytes second = example_image(41, 'b');
};

}  // namespace

// Uploads that find no room, in memory or in the store: told to the card, counted and logged.
BOOST_AUTO_TEST_CASE(no_room_for_uploads) {
  vault::Policy narrow;
  narrow.staging_bytes = 20'000;
  narrow.staging_disk = 500;
  Laboratory lab(narrow);
  lab.import(kCard);
  CardInHand card(lab, kCard);
  const base::Bytes image = example_image(80, 'c');
  card.begin(image);
  card.send_data(image, 0, 700);
  card.hang_up();
  BOOST_TEST(lab.counters.get("vault.staging_disk_full") == 1);
  BOOST_TEST(lab.log.count(base::cat("staging_disk used up: an upload that is cut has to begin "
                                     "anew: card ",
                                     kCard, ", 700 octets wanted")) == 1u);
  card.open_channel();
  BOOST_TEST(*card.begin(image).fields.offset == 0u);
  card.send_data(image, 0, image.size());
  BOOST_TEST((card.end().result == CardResult::done));
  const base::Bytes large(20'001, 1);
  BOOST_TEST((card.begin(large, "", 2).result == CardResult::try_later));
  BOOST_TEST(lab.counters.get("vault.staging_full") == 1);
  BOOST_TEST(lab.log.count(base::cat("staging_bytes used up: answered `try later`: card ", kCard,
                                     ", 20001 octets wanted")) == 1u);
}

BOOST_FIXTURE_TEST_SUITE(figure_3, Fixture)

// Steps 301-305: the first store needs no key and brings one back.
BOOST_AUTO_TEST_CASE(first_store_issues_a_key) {
  Answer end = card.back_up(first);
  BOOST_TEST((end.result == CardResult::done));
  BOOST_TEST(card.key.size() == 9u);
  BOOST_TEST((base::from_bcd_date(*end.fields.date) == lab.now().utc_ms));
  const vault::Record record = lab.record(kCard);
  BOOST_TEST((record.key_state == KeyState::active));
  BOOST_TEST((record.image->digest == base::sha256(first)));
  BOOST_TEST(record.image->entries == 40u);
  BOOST_TEST(record.first_stored_at == lab.now().utc_ms);
  BOOST_TEST(!lab.log.count(card.key) > 0);
}

// Steps 306-308: an update is asked for the key; a slip costs nothing; the right key replaces.
BOOST_AUTO_TEST_CASE(update_wants_the_key) {
  card.back_up(first);
  lab.time_passes(base::kDayMs, "a day later");
  card.open_channel();
  BOOST_TEST((card.begin(second, "", 2).result == CardResult::key_required));
  Answer slip = card.begin(second, mistyped_key(card.key), 2);
  BOOST_TEST((slip.result == CardResult::mistyped_key));
  BOOST_TEST(int{*slip.fields.attempts_left} == 3);
  BOOST_TEST((card.back_up(second, card.key, 2).result == CardResult::done));
  const vault::Record record = lab.record(kCard);
  BOOST_TEST((record.image->digest == base::sha256(second)));
  BOOST_TEST(record.updated_at == lab.now().utc_ms);
  BOOST_TEST(record.first_stored_at == lab.now().utc_ms - base::kDayMs);
  BOOST_TEST((card.restore(card.key) == second));
}

// Steps 309-310: three wrong keys over several channels lock, also against the right one.
BOOST_AUTO_TEST_CASE(three_wrong_keys_lock) {
  card.back_up(first);
  const std::string wrong = wrong_key(card.key);
  Answer answer = card.begin(second, wrong, 2);
  BOOST_TEST((answer.result == CardResult::wrong_key));
  BOOST_TEST(int{*answer.fields.attempts_left} == 2);
  card.open_channel();
  answer = card.begin(second, wrong, 3);
  BOOST_TEST(int{*answer.fields.attempts_left} == 1);
  card.open_channel();
  BOOST_TEST((card.begin(second, wrong, 4).result == CardResult::locked));
  BOOST_TEST((card.begin(second, card.key, 5).result == CardResult::locked));
  BOOST_TEST((card.fetch_begin(card.key).result == CardResult::locked));
  BOOST_TEST((lab.record(kCard).image->digest == base::sha256(first)));
}

// A lock ends what began before it: an upload under way cannot end.
BOOST_AUTO_TEST_CASE(lock_ends_an_open_upload) {
  card.back_up(first);
  BOOST_TEST((card.begin(second, card.key, 2).result == CardResult::done));
  card.send_data(second, 0, second.size(), 2);
  for (int i = 0; i < 3; ++i) card.fetch_begin(wrong_key(card.key));
  BOOST_TEST((card.end(2).result == CardResult::locked));
  BOOST_TEST((lab.record(kCard).image->digest == base::sha256(first)));
}

// The channel breaks in the middle: the old image stays, the next session goes on without key.
BOOST_AUTO_TEST_CASE(cut_and_resumed) {
  card.back_up(first);
  card.begin(second, card.key, 7);
  card.send_data(second, 0, 700, 7);
  card.hang_up();
  lab.tell("-- the link drops");
  BOOST_TEST(lab.record(kCard).last_error.ends_with("upload cut at 700 of " +
                                                    std::to_string(second.size()) + " octets"));
  BOOST_TEST(lab.counters.get("vault.upload_cut") == 1);
  BOOST_TEST(lab.log.count(base::cat("channel ended within an upload: card ", kCard, ", 700 of ",
                                     second.size(), " octets")) == 1u);
  BOOST_TEST((lab.record(kCard).image->digest == base::sha256(first)));
  card.open_channel();
  Answer again = card.begin(second, "", 7);
  BOOST_TEST((again.result == CardResult::done));
  BOOST_TEST(*again.fields.offset == 700u);
  BOOST_TEST((card.send_data(second, 700, second.size(), 7).result == CardResult::done));
  BOOST_TEST((card.end(7).result == CardResult::done));
  BOOST_TEST((card.restore(card.key) == second));
  card.hang_up();
  BOOST_TEST(lab.counters.get("vault.upload_cut") == 1, "this one has ended");
}

// ... on whichever instance it comes to, and the one that it left serves what the other has stored.
BOOST_AUTO_TEST_CASE(cut_and_resumed_on_another_instance) {
  card.back_up(first);
  card.begin(second, card.key, 7);
  card.send_data(second, 0, 700, 7);
  card.hang_up();
  lab.other_instance_serves();
  Answer again = card.begin(second, "", 7);
  BOOST_TEST((again.result == CardResult::done));
  BOOST_TEST(*again.fields.offset == 700u);
  BOOST_TEST((card.send_data(second, 700, second.size(), 7).result == CardResult::done));
  BOOST_TEST((card.end(7).result == CardResult::done));
  card.hang_up();
  lab.other_instance_serves();
  BOOST_TEST((card.restore(card.key) == second));
}

// The first instance has not heard of the cut: what it has committed on the way is what the other
// one knows. Its own end of the upload, much later, takes nothing back.
BOOST_AUTO_TEST_CASE(resumed_while_the_first_instance_still_waits) {
  const base::Bytes large = example_image(2000, 'L');
  card.back_up(first);
  card.begin(large, card.key, 9);
  card.send_data(large, 0, 70'000, 9);
  const std::uint32_t committed = lab.record(kCard).upload->staged;
  BOOST_TEST(committed >= 64u * 1024);
  BOOST_TEST(committed < 70'000u);
  lab.other_instance_serves();
  CardInHand moved(lab, kCard);
  moved.card.counter = card.card.counter;
  Answer again = moved.begin(large, "", 9);
  BOOST_TEST((again.result == CardResult::done));
  BOOST_TEST(*again.fields.offset == committed);
  moved.send_data(large, committed, large.size(), 9);
  BOOST_TEST((moved.end(9).result == CardResult::done));
  moved.hang_up();
  lab.other_instance_serves();
  card.hang_up();
  lab.tell("-- the first instance notices that the link has dropped");
  moved.open_channel();
  BOOST_TEST((moved.restore(card.key) == large));
}

BOOST_AUTO_TEST_CASE(too_late_to_resume) {
  card.back_up(first);
  card.begin(second, card.key, 7);
  card.send_data(second, 0, 700, 7);
  card.hang_up();
  lab.time_passes(lab.policy.resume_window, "the window to resume is over");
  BOOST_TEST((card.begin(second, "", 7).result == CardResult::key_required));
}

// An upload beyond 64 KiB is committed on the way and put together at the end.
BOOST_AUTO_TEST_CASE(large_image_staged_on_the_way) {
  const base::Bytes large = example_image(2000, 'L');
  BOOST_TEST(large.size() > 70'000u);
  card.begin(large, "", 9);
  card.send_data(large, 0, 70'000, 9);
  BOOST_TEST(lab.record(kCard).upload->staged >= 64u * 1024);
  card.hang_up();
  Answer again = card.begin(large, "", 9);
  BOOST_TEST(*again.fields.offset == 70'000u);
  card.send_data(large, 70'000, large.size(), 9);
  BOOST_TEST((card.end(9).result == CardResult::done));
  card.confirm(card.key, 9);
  BOOST_TEST((card.restore(card.key) == large));
}

// The answer to END was lost: the same END again, a fresh key, and only that one is good.
BOOST_AUTO_TEST_CASE(repeated_end_gives_a_fresh_key) {
  card.begin(first);
  card.send_data(first, 0, first.size());
  card.end();
  const std::string lost = card.key;
  card.hang_up();
  Answer again = card.end();
  BOOST_TEST((again.result == CardResult::done));
  BOOST_REQUIRE(again.fields.key);
  BOOST_TEST(card.key != lost);
  BOOST_TEST((card.confirm(lost).result == CardResult::wrong_key));
  BOOST_TEST(lab.record(kCard).wrong_keys == 0);
  BOOST_TEST((card.confirm(card.key).result == CardResult::done));
  BOOST_TEST((card.confirm(card.key).result == CardResult::done), "a repeated one is answered");
  BOOST_TEST((card.confirm(lost).result == CardResult::done), "... without looking at the key");
  BOOST_TEST((card.fetch_begin(lost).result == CardResult::wrong_key));
}

// A transaction number used again for another image is another transaction.
BOOST_AUTO_TEST_CASE(number_used_again) {
  card.back_up(first, "", 1);
  BOOST_TEST((card.back_up(second, card.key, 1).result == CardResult::done));
  BOOST_TEST((lab.record(kCard).image->digest == base::sha256(second)));
}

// Locked: not even the key that was issued is looked at.
BOOST_AUTO_TEST_CASE(no_confirmation_while_locked) {
  card.back_up(first);
  for (int i = 0; i < 3; ++i) card.fetch_begin(wrong_key(card.key));
  BOOST_TEST((card.confirm(card.key, 1).result == CardResult::locked));
}

// A key never confirmed is never asked for; each store issues a fresh one.
BOOST_AUTO_TEST_CASE(unconfirmed_key_locks_nobody_out) {
  card.begin(first);
  card.send_data(first, 0, first.size());
  card.end();
  lab.time_passes(40 * base::kDayMs, "the user never saw the key");
  Answer end = card.back_up(second, "", 2);
  BOOST_TEST((end.result == CardResult::done));
  BOOST_TEST(end.fields.key.has_value());
  BOOST_TEST((lab.record(kCard).key_state == KeyState::active));
}

// The same image again: the vault has it all, no new version, the date moves.
BOOST_AUTO_TEST_CASE(same_image_again) {
  card.back_up(first);
  lab.time_passes(base::kDayMs, "a day later, nothing has changed");
  Answer begin = card.begin(first, card.key, 2);
  BOOST_TEST(*begin.fields.offset == first.size());
  BOOST_TEST((card.end(2).result == CardResult::done));
  BOOST_TEST(lab.record(kCard).updated_at == lab.now().utc_ms);
  BOOST_TEST((card.fetch_begin(card.key, "", 1).result == CardResult::nothing_stored));
}

// The sync that emptied the book: the good image is pinned, said so, and comes back by version.
BOOST_AUTO_TEST_CASE(shrinking_image_pins_the_one_before) {
  card.back_up(example_image(100, 'x'));
  const base::Bytes good = example_image(100, 'x');
  Answer end = card.back_up(example_image(49, 'y'), card.key, 2);
  BOOST_TEST(int{*end.fields.flags} == int{vault::kFlagPinned});
  for (std::uint32_t i = 3; i < 9; ++i) {
    card.back_up(example_image(49, static_cast<char>('A' + i)), card.key, i);
  }
  Answer fetch = card.fetch_begin(card.key, "", 3);
  BOOST_TEST((fetch.result == CardResult::done));
  BOOST_TEST((*fetch.fields.digest == base::sha256(good)));
  lab.time_passes(lab.policy.pin, "90 days later the pin has ended");
  card.back_up(example_image(50, 'z'), card.key, 20);
  BOOST_TEST((card.fetch_begin(card.key, "", 3).result == CardResult::nothing_stored));
}

// A book that comes and goes: the fullest ones are kept, and not without end.
BOOST_AUTO_TEST_CASE(pins_have_a_limit) {
  card.back_up(example_image(90, 'f'));
  std::uint32_t transaction = 1;
  const auto next = [&](int entries, char fill) {
    lab.time_passes(base::kMinuteMs, "a minute");
    return card.back_up(example_image(entries, fill), card.key, ++transaction);
  };
  BOOST_TEST(int{*next(3, 'e').fields.flags} == int{vault::kFlagPinned});
  for (int i = 0; i < 15; ++i) {
    next(60, static_cast<char>('A' + i));
    BOOST_TEST(int{*next(3, static_cast<char>('a' + i)).fields.flags} == int{vault::kFlagPinned});
  }
  next(20, 'g');
  BOOST_TEST(int{*next(3, 'h').fields.flags} == 0, "nothing fuller goes for it");
  const auto view = lab.care().show(lab.call(), kCard, lab.now());
  std::vector<std::uint32_t> pinned;
  for (const vault::ImageInfo& one : good(view).versions) {
    if (one.pinned_until > lab.now().utc_ms) pinned.push_back(one.entries);
  }
  const std::vector<std::uint32_t> expected{60, 60, 60, 60, 60, 60, 60, 60, 60, 90};
  BOOST_TEST(pinned == expected, boost::test_tools::per_element());
  BOOST_TEST(good(view).versions.size() == expected.size() + 3);
}

BOOST_AUTO_TEST_CASE(half_is_not_a_shrink) {
  card.back_up(example_image(100, 'x'));
  Answer end = card.back_up(example_image(50, 'y'), card.key, 2);
  BOOST_TEST(int{*end.fields.flags} == 0);
}

// Octets that do not match the digest never become an image.
BOOST_AUTO_TEST_CASE(digest_must_match) {
  card.back_up(first);
  card.begin(second, card.key, 2);
  base::Bytes changed = second;
  changed[100] ^= 1;
  card.send_data(changed, 0, changed.size(), 2);
  BOOST_TEST((card.end(2).result == CardResult::digest_mismatch));
  BOOST_TEST((card.end(2).result == CardResult::no_such_transaction));
  BOOST_TEST((lab.record(kCard).image->digest == base::sha256(first)));
  BOOST_TEST(lab.log.count(base::cat("another digest than was announced: nothing stored: card ",
                                     kCard, ", ", second.size(), " octets")) == 1u);
}

BOOST_AUTO_TEST_CASE(offsets) {
  const base::Bytes image = example_image(80, 'c');
  card.begin(image);
  card.send_data(image, 0, 700);
  Answer gap = card.send_data(image, 1400, 2100);
  BOOST_TEST((gap.result == CardResult::wrong_offset));
  BOOST_TEST(*gap.fields.offset == 700u);
  BOOST_TEST((card.send_data(image, 1400, 2100).result == CardResult::wrong_offset));
  BOOST_TEST(lab.counters.get("vault.offset_gaps") == 2);
  BOOST_TEST(lab.log.count(base::cat("a piece of an upload is missing: card ", kCard,
                                     ", offset 1400, expected 700")) == 1u);
  Answer repeat = card.send_data(image, 0, 700);
  BOOST_TEST((repeat.result == CardResult::done));
  BOOST_TEST(*repeat.fields.offset == 700u);
  BOOST_TEST(lab.counters.get("vault.offset_repeats") == 1);
  BOOST_TEST(lab.log.count(base::cat("octets of an upload came again, ignored: card ", kCard,
                                     ", offset 0, expected 700")) == 1u);
  Answer early = card.end();
  BOOST_TEST((early.result == CardResult::wrong_offset));
  BOOST_TEST(*early.fields.offset == 700u);
  card.send_data(image, 350, image.size());
  BOOST_TEST(lab.counters.get("vault.offset_repeats") == 2);
  BOOST_TEST((card.end().result == CardResult::done));
  card.confirm(card.key);
  BOOST_TEST((card.restore(card.key) == image));
}

BOOST_AUTO_TEST_CASE(too_large_says_the_limit) {
  const base::Bytes huge(lab.policy.max_image_bytes + 1, 1);
  Answer answer = card.begin(huge);
  BOOST_TEST((answer.result == CardResult::too_large));
  BOOST_TEST(*answer.fields.total == lab.policy.max_image_bytes);
  BOOST_TEST(lab.counters.get("vault.too_large") == 1);
  BOOST_TEST(lab.log.count(base::cat("upload over max_image_bytes refused: card ", kCard)) == 1u);
}

BOOST_AUTO_TEST_CASE(unknown_card_creates_nothing) {
  CardInHand stranger(lab, "8944351002100009999");
  BOOST_TEST((stranger.begin(first).result == CardResult::unknown_card));
  BOOST_TEST(!lab.known("8944351002100009999"));
  BOOST_TEST(lab.counters.get("vault.unknown_card") == 1);
  BOOST_TEST(lab.log.count("no record of a proven card: not imported: card 8944351002100009999") ==
             1u);
  bip::Fields fields;
  fields.iccid = vault::Iccid::from_digits("8944351002100009999")->to_ef();
  BOOST_TEST(
      (stranger.ask(bip::Ins::status, std::move(fields)).result == CardResult::unknown_card));
  BOOST_TEST(lab.counters.get("vault.unknown_card") == 2);
}

BOOST_AUTO_TEST_CASE(erase_needs_the_key_and_starts_anew) {
  card.back_up(first);
  bip::Fields none;
  none.iccid = vault::Iccid::from_digits(kCard)->to_ef();
  BOOST_TEST((card.ask(bip::Ins::erase, std::move(none)).result == CardResult::key_required));
  bip::Fields with;
  with.iccid = vault::Iccid::from_digits(kCard)->to_ef();
  with.key = base::Secret(base::as_bytes(card.key));
  BOOST_TEST((card.ask(bip::Ins::erase, std::move(with)).result == CardResult::done));
  BOOST_TEST((card.fetch_begin(card.key).result == CardResult::nothing_stored));
  const std::string old_key = card.key;
  BOOST_TEST((card.back_up(second, "", 2).result == CardResult::done));
  BOOST_TEST(card.key != old_key);
}

BOOST_AUTO_TEST_SUITE_END()
