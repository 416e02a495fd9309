// Import: creates what is new, completes what provisioning knows, and can be repeated.
#include <algorithm>
#include <thread>

#include "tests/contract/fixture.h"

using namespace contract;
using vault::ImportLine;
using vault::Record;

BOOST_FIXTURE_TEST_SUITE(import, Fixture)

// New lines become EMPTY records with one chained entry; the same lines again change nothing.
BOOST_AUTO_TEST_CASE(twice) {
  std::vector<ImportLine> lines;
  for (unsigned i = 0; i < 1234; ++i) {
    lines.push_back({iccid(i), msisdn(i), "customer " + std::to_string(i), "de"});
  }
  auto result = store->import(now, lines, "ops:test");
  BOOST_REQUIRE(result.ok());
  BOOST_TEST(result->created == 1234u);
  BOOST_TEST(result->updated == 0u);
  const Record record = *read(iccid(1233));
  BOOST_TEST((record.msisdn_provisioned == msisdn(1233)));
  BOOST_TEST(record.customer == "customer 1233");
  BOOST_TEST(record.language == "de");
  BOOST_TEST((vault::state_of(record, now) == vault::RecordState::empty));
  const auto entries = store->history({record.id, "", 0, INT64_MAX, 10});
  BOOST_REQUIRE(entries->size() == 1u);
  BOOST_TEST((*entries)[0].note.kind == "imported");
  BOOST_TEST((*entries)[0].note.actor == "ops:test");
  result = store->import(now, lines, "ops:test");
  BOOST_REQUIRE(result.ok());
  BOOST_TEST(result->created == 0u);
  BOOST_TEST(result->unchanged == 1234u);
  BOOST_TEST((*read(iccid(1233)) == record));
  BOOST_TEST(vault::verify_audit(*store, keys())->empty());
}

// A line changes what it names and leaves the rest: number, customer, language, and all that the
// card has stored.
BOOST_AUTO_TEST_CASE(changed_fields) {
  BOOST_REQUIRE(store->import(now, {{iccid(1), msisdn(1), "c1", "de"}}, "ops:test").ok());
  commit([&](vault::RecordTx& tx) { tx.find(iccid(1))->epoch = 7; });
  auto result = store->import(
      now, {{iccid(1), msisdn(2), "", ""}, {iccid(2), std::nullopt, "c2", ""}}, "ops:test");
  BOOST_REQUIRE(result.ok());
  BOOST_TEST(result->updated == 1u);
  BOOST_TEST(result->created == 1u);
  const Record record = *read(iccid(1));
  BOOST_TEST((record.msisdn_provisioned == msisdn(2)));
  BOOST_TEST(record.customer == "c1");
  BOOST_TEST(record.language == "de");
  BOOST_TEST(record.epoch == 7u);
  BOOST_TEST(record.history_count == 2u);
}

// Which of many there are: for cards whose check digit the file has left out.
BOOST_AUTO_TEST_CASE(known_cards) {
  std::vector<ImportLine> lines;
  std::vector<vault::Iccid> asked;
  for (unsigned i = 0; i < 120; ++i) {
    asked.push_back(iccid(i));
    if (i % 3 == 0) lines.push_back({iccid(i), std::nullopt, "", ""});
  }
  BOOST_REQUIRE(store->import(now, lines, "ops:test").ok());
  auto found = store->known(asked);
  BOOST_REQUIRE(found.ok());
  BOOST_REQUIRE(found->size() == lines.size());
  for (const ImportLine& line : lines) {
    BOOST_TEST(std::count(found->begin(), found->end(), line.iccid) == 1);
  }
  BOOST_TEST(store->known({})->empty());
}

// The same card twice in one batch is one record; the last line wins.
BOOST_AUTO_TEST_CASE(same_card_twice_in_a_batch) {
  const auto result = store->import(
      now, {{iccid(1), std::nullopt, "a", ""}, {iccid(1), std::nullopt, "b", ""}}, "ops:test");
  BOOST_REQUIRE(result.ok());
  BOOST_TEST(result->created == 1u);
  BOOST_TEST(read(iccid(1))->customer == "b");
  BOOST_TEST(vault::verify_audit(*store, keys())->empty());
}

// A line that does not fit its column fails the whole batch, on either engine.
BOOST_AUTO_TEST_CASE(too_long_a_line) {
  const auto result = store->import(
      now,
      {{iccid(1), std::nullopt, "good", ""}, {iccid(2), std::nullopt, std::string(300, 'x'), ""}},
      "ops:test");
  BOOST_REQUIRE(!result.ok());
  BOOST_TEST(result.error().find(iccid(2).digits()) != std::string::npos);
  BOOST_TEST(!read(iccid(1)).has_value());
}

BOOST_AUTO_TEST_CASE(empty_batch) {
  const auto result = store->import(now, {}, "ops:test");
  BOOST_REQUIRE(result.ok());
  BOOST_TEST(result->created == 0u);
}

// Two operators import the same cards at the same time: each card once.
BOOST_AUTO_TEST_CASE(two_at_once) {
  std::vector<ImportLine> lines;
  for (unsigned i = 0; i < 500; ++i) lines.push_back({iccid(i), msisdn(i), "", ""});
  std::uint64_t created[2] = {};
  std::vector<std::thread> threads;
  for (std::uint64_t& mine : created) {
    threads.emplace_back([&] {
      const auto result = open()->import(now, lines, "ops:test");
      mine = result.ok() ? result->created : 100'000;
    });
  }
  for (std::thread& thread : threads) thread.join();
  BOOST_TEST(created[0] + created[1] == 500u);
  BOOST_TEST(vault::verify_audit(*store, keys())->empty());
}

BOOST_AUTO_TEST_SUITE_END()
