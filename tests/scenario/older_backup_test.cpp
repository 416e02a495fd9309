// The back-up that emptied the copy: the one before is kept, customer care is told how the customer
// gets it back, and he does.
#include <boost/test/unit_test.hpp>

#include "tests/support/laboratory.h"

using namespace support;
using vault::CardResult;

namespace {

const std::string kCard = "8944351002100001231";

struct Fixture {
  Fixture() {
    lab.import(kCard);
    card.back_up(full);
    card.back_up(nearly_empty, card.key, 2);
  }
  std::string advice() { return good(lab.care().show(lab.call(), kCard, lab.now())).advice; }
  bool advised(const std::string& text) {
    const std::string all = advice();
    BOOST_TEST_INFO(all);
    return all.find(text) != std::string::npos;
  }

  Laboratory lab;
  CardInHand card{lab, kCard};
  const base::Bytes full = example_image(60, 'f');
  const base::Bytes nearly_empty = example_image(3, 'e');
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(older_backup, Fixture)

// show names the version, its entries and both ways; version 1 is that one, for the card as well.
BOOST_AUTO_TEST_CASE(told_and_brought_back) {
  BOOST_TEST(advised("Version 1 has more entries (60 instead of 3)"));
  BOOST_TEST(advised("\"Restore older\", then 1"));
  BOOST_TEST(advised("export --copy 1"));
  const auto taken = lab.care().export_content(lab.call(), kCard, "raw", 1, lab.now());
  const auto& exported = good(taken);
  BOOST_TEST((base::Bytes(exported.content.view().begin(), exported.content.view().end()) == full));
  BOOST_TEST((*card.fetch_begin(card.key, "", 1).fields.digest == base::sha256(full)));
  BOOST_TEST((card.fetch_begin(card.key, "", 2).result == CardResult::nothing_stored));
}

// Backed up again, the full one is the newest and there is nothing more to say; nor is there when
// its time is over.
BOOST_AUTO_TEST_CASE(told_as_long_as_it_helps) {
  lab.time_passes(89 * base::kDayMs, "89 days later");
  BOOST_TEST(advised("Restore older"));
  lab.time_passes(2 * base::kDayMs, "two days later");
  BOOST_TEST(!advised("Restore older"));
}

BOOST_AUTO_TEST_CASE(not_after_it_was_backed_up_again) {
  card.back_up(full, card.key, 3);
  BOOST_TEST(!advised("Restore older"));
}

// A locked record: first the lock, then the back-up. A service that has ended brings nothing back.
BOOST_AUTO_TEST_CASE(with_what_stands_in_the_way) {
  for (int i = 0; i < vault::kAttempts; ++i) card.fetch_begin(wrong_key(card.key));
  BOOST_TEST(advised("unlock"));
  BOOST_TEST(advised("Restore older"));
  good(lab.care().suspend(lab.call(), kCard, lab.now()));
  BOOST_TEST(!advised("Restore older"));
}

BOOST_AUTO_TEST_SUITE_END()
