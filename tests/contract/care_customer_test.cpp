// Cards by the operator's reference of a customer: what the store finds, and what customer care
// makes of one card and of several.
#include "tests/contract/fixture.h"
#include "vault/care_service.h"

using namespace contract;
using vault::CareError;
using vault::CareService;
using vault::Record;
using vault::RecordTx;
using vault::Who;

namespace {

struct Customers : Fixture {
  // So many cards of a customer, with the ICCIDs from `first` on.
  void import(const std::string& customer, unsigned first, unsigned count) {
    std::vector<vault::ImportLine> lines;
    for (unsigned i = first; i < first + count; ++i) {
      lines.push_back({iccid(i), msisdn(i), customer, ""});
    }
    BOOST_REQUIRE(store->import(now, lines, "ops:test").ok());
  }
  std::size_t found(const std::string& customer, std::size_t limit = 100) {
    const auto records = store->find_customer(customer, limit);
    BOOST_REQUIRE_MESSAGE(records.ok(), (records.ok() ? "" : records.error()));
    for (const Record& record : *records) BOOST_TEST(record.customer == customer);
    return records->size();
  }
  CareService care() { return {policy, keys(), *store, log}; }
  static vault::CareCall call() {
    return {"anna", "a reason", "passport", base::Secret(base::as_bytes("X1234567"))};
  }
  template <class T>
  static CareError error_of(const T& result) {
    const auto* failure = std::get_if<vault::CareFailure>(&result);
    BOOST_REQUIRE(failure != nullptr);
    return failure->error;
  }
  std::vector<std::string> kinds(unsigned card) {
    vault::HistoryQuery query;
    query.record = read(iccid(card))->id;
    std::vector<std::string> list;
    for (const auto& entry : store->history(query).take()) list.push_back(entry.note.kind);
    return list;
  }
  bool history_whole() {
    const auto faults = vault::verify_audit(*store, keys());
    return faults.ok() && faults->empty();
  }

  vault::Policy policy;
};

const std::vector<std::string> kImported{"imported"};
const std::vector<std::string> kListed{"imported", "listed"};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(care_customer, Customers)

// Exactly the reference, nothing that begins with it or looks like it.
BOOST_AUTO_TEST_CASE(found_exactly) {
  import("C-1", 1, 3);
  import("C-10", 10, 1);
  import("c-1", 11, 1);
  import("", 20, 2);
  commit([](RecordTx& tx) { tx.find(iccid(11))->customer = "C-1 "; });
  BOOST_TEST(found("C-1") == 3u);
  BOOST_TEST(found("C-1", 2) == 2u);
  BOOST_TEST(found("C-1 ") == 1u, "a blank at the end is one");
  BOOST_TEST(found("c-1") == 0u);
  BOOST_TEST(found("C-10") == 1u);
  BOOST_TEST(found("C-") == 0u);
  BOOST_TEST(found("C-%") == 0u);
  BOOST_TEST(found("+10000000001") == 0u);
}

// Along the index: no record of others is looked at.
BOOST_AUTO_TEST_CASE(along_the_index) {
  import("C-1", 1, 3);
  import("C-2", 10, 200);
  const std::string query = "SELECT * FROM records WHERE customer = 'C-1' LIMIT 50";
  std::string plan;
  const auto connection = connect(database.settings());
  if (on_sqlite()) {
    connection->query("EXPLAIN QUERY PLAN " + query, {},
                      [&](const db::Row& row) { plan += row.text(3) + "\n"; });
  } else {
    connection->query("EXPLAIN " + query, {}, [&](const db::Row& row) {
      plan += row.text(5) + "\n";  // key
    });
  }
  BOOST_TEST(plan.find("records_customer") != std::string::npos, plan);
}

// The only card of a customer is shown as by its ICCID.
BOOST_AUTO_TEST_CASE(one_card) {
  import("C-1", 1, 1);
  import("C-2", 2, 1);
  const auto shown = care().show_customer(call(), "C-1", now);
  const auto* view = std::get_if<vault::CareView>(&shown);
  BOOST_REQUIRE(view != nullptr);
  BOOST_TEST(view->record.iccid.digits() == iccid(1).digits());
  BOOST_TEST(kinds(1).back() == "shown");
  BOOST_TEST((kinds(2) == kImported));
  BOOST_TEST((error_of(care().show_customer(call(), "C-3", now)) == CareError::not_found));
  BOOST_TEST((error_of(care().show_customer(call(), "", now)) == CareError::bad_call));
  vault::CareCall nobody = call();
  nobody.document_number = base::Secret();
  BOOST_TEST((error_of(care().show_customer(nobody, "C-1", now)) == CareError::bad_call));
}

// Several cards are a list: a line and an entry in the history for each, and one call.
BOOST_AUTO_TEST_CASE(several_cards) {
  import("C-1", 1, 3);
  import("C-2", 9, 1);
  commit([&](RecordTx& tx) {
    tx.find(iccid(2))->suspended_at = now.utc_ms;
    tx.find(iccid(3))->ended = true;
    tx.find(iccid(3))->updated_at = now.utc_ms - 5;
  });
  policy.agent_daily_limit = 2;
  for (int i = 0; i < 2; ++i) {
    const auto shown = care().show_customer(call(), "C-1", now);
    const auto* listed = std::get_if<CareService::CustomerCards>(&shown);
    BOOST_REQUIRE(listed != nullptr);
    BOOST_TEST(!listed->more);
    BOOST_REQUIRE(listed->cards.size() == 3u);
    for (const auto& card : listed->cards) {
      const bool second = card.iccid == iccid(2);
      const bool third = card.iccid == iccid(3);
      BOOST_TEST(card.number.has_value());
      BOOST_TEST((card.state == vault::RecordState::suspended) == second);
      BOOST_TEST(card.ended == third);
      BOOST_TEST(card.updated_at == (third ? now.utc_ms - 5 : 0));
    }
  }
  BOOST_TEST((error_of(care().show_customer(call(), "C-1", now)) == CareError::limit));
  BOOST_TEST((kinds(1) == std::vector<std::string>{"imported", "listed", "listed"}));
  BOOST_TEST((kinds(9) == kImported));
  BOOST_TEST(history_whole());
}

// More than a list holds: the rest is left out, is not noted, and the list says so.
BOOST_AUTO_TEST_CASE(more_than_a_list) {
  constexpr unsigned kMost = CareService::kMostListed;
  import("C-1", 1, kMost + 2);
  const auto shown = care().show_customer(call(), "C-1", now);
  const auto* listed = std::get_if<CareService::CustomerCards>(&shown);
  BOOST_REQUIRE(listed != nullptr);
  BOOST_TEST(listed->more);
  BOOST_TEST(listed->cards.size() == kMost);
  unsigned noted = 0;
  for (unsigned i = 1; i <= kMost + 2; ++i) noted += kinds(i) == kListed ? 1 : 0;
  BOOST_TEST(noted == kMost);
  BOOST_TEST(history_whole());
}

// What changes something is for one card; a customer with several is refused, and nothing is told.
BOOST_AUTO_TEST_CASE(changes_need_one_card) {
  import("C-1", 1, 1);
  import("C-2", 2, 2);
  const Who one = Who::of_customer("C-1");
  const Who several = Who::of_customer("C-2");
  BOOST_TEST(std::get<CareService::Service>(care().suspend(call(), one, now)).iccid.digits() ==
             iccid(1).digits());
  const auto refused = care().suspend(call(), several, now);
  BOOST_TEST((error_of(refused) == CareError::ambiguous));
  const auto& failure = std::get<vault::CareFailure>(refused);
  BOOST_TEST(failure.candidates.empty(), "a list is counted and kept; this is not");
  BOOST_TEST(failure.text.find("ICCID") != std::string::npos);
  BOOST_TEST((error_of(care().erase(call(), several, now)) == CareError::ambiguous));
  BOOST_TEST((error_of(care().unlock(call(), several, false, now)) == CareError::ambiguous));
  BOOST_TEST((error_of(care().show(call(), several, now)) == CareError::ambiguous));
  BOOST_TEST((kinds(2) == kImported));
  CareService::AuditQuery query;
  query.who = one;
  BOOST_TEST(std::get<0>(care().audit("chief", query, now)).size() == 3u);
  BOOST_TEST((error_of(care().unlock(call(), "C-1", false, now)) == CareError::not_found),
             "a reference is none of a card's names");
}

// Erased is erased: the card is no longer that customer's.
BOOST_AUTO_TEST_CASE(not_after_an_erasure) {
  import("C-1", 1, 1);
  BOOST_TEST(std::get<CareService::Erased>(care().erase(call(), Who::of_customer("C-1"), now))
                 .iccid.digits() == iccid(1).digits());
  BOOST_TEST(found("C-1") == 0u);
  BOOST_TEST((error_of(care().show_customer(call(), "C-1", now)) == CareError::not_found));
}

BOOST_AUTO_TEST_SUITE_END()
