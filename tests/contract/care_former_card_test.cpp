// A card whose record was moved away: its number still finds the record for whoever looks, and
// changes nothing for whoever means the old card.
#include "tests/contract/fixture.h"
#include "vault/care_service.h"

using namespace contract;
using vault::CareAction;
using vault::CareError;
using vault::CareFailure;
using vault::CareService;
using vault::Record;
using vault::RecordTx;

namespace {

constexpr std::int64_t kMoved = 1'764'000'000'000 - 40 * base::kDayMs;

// Card 1 is the card of before, card 2 has its record, card 3 is somebody else's.
struct FormerCard : Fixture {
  FormerCard() {
    std::vector<vault::ImportLine> lines{{iccid(2), msisdn(2), "C-1", ""},
                                         {iccid(3), msisdn(3), "C-3", ""}};
    BOOST_REQUIRE(store->import(now, lines, "ops:test").ok());
    commit([](RecordTx& tx) {
      Record& record = *tx.find(iccid(2));
      record.moved_from = iccid(1);
      record.moved_at = kMoved;
      record.moved_by_order = true;
      record.key_state = vault::KeyState::active;
      record.wrong_keys = 3;
      record.locked_at = kMoved;
    });
  }
  CareService care() { return {policy, keys(), *store, log}; }
  static vault::CareCall call() {
    return {"anna", "a reason", "passport", base::Secret(base::as_bytes("X1234567"))};
  }
  static std::string old_card() { return iccid(1).digits(); }
  static std::string new_card() { return iccid(2).digits(); }
  static std::string belongs() {
    return "the back-up of card " + old_card() + " belongs to card " + new_card() + " since " +
           base::iso_date(kMoved);
  }
  template <class T>
  void refused(const T& result, const std::string& before = "",
               const std::string& after = "; name that card if it is meant") {
    const auto* failure = std::get_if<CareFailure>(&result);
    BOOST_REQUIRE(failure != nullptr);
    BOOST_TEST((failure->error == CareError::ambiguous));
    BOOST_TEST(failure->text == before + belongs() + after);
    BOOST_TEST((failure->candidates == std::vector<std::string>{new_card()}));
  }
  std::vector<std::string> history(unsigned card) {
    vault::HistoryQuery query;
    query.record = read(iccid(card))->id;
    std::vector<std::string> list;
    for (const auto& entry : store->history(query).take()) list.push_back(entry.note.kind);
    return list;
  }

  vault::Policy policy;
};

const std::vector<std::string> kImported{"imported"};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(care_former_card, FormerCard)

// Every call that changes something is refused and names the present card; nothing has happened.
BOOST_AUTO_TEST_CASE(nothing_is_changed) {
  const auto before = read(iccid(2));
  for (const std::string& who : {old_card(), old_card() + "F"}) {
    refused(care().unlock(call(), who, false, now));
    refused(care().suspend(call(), who, now));
    refused(care().resume(call(), who, now));
    refused(care().erase(call(), who, now));
    refused(care().opt_out(call(), who, now));
    refused(care().opt_in(call(), who, now));
    refused(care().export_content(call(), who, "raw", 0, now));
    refused(care().confirm_move(call(), who, now));
    refused(care().reject_move(call(), who, now));
    refused(care().wake("desk", who, vault::WakeReason::update, now));
  }
  policy.two_person.on = true;
  refused(care().request(call(), old_card(), {CareAction::erase, false, "", 0}, now));
  refused(care().export_content(call(), old_card(), "raw", 0, now));
  BOOST_TEST((read(iccid(2)) == before));
  BOOST_TEST((history(2) == kImported));
  const auto waiting = store->messages().care_requests(nullptr, now.utc_ms, 10);
  BOOST_TEST((waiting.ok() && waiting->empty()));
}

// An order of provisioning that is late takes the record from nobody; one that was carried out
// already says so, as before.
BOOST_AUTO_TEST_CASE(late_order) {
  const auto before = read(iccid(2));
  refused(care().swap("prov", old_card(), iccid(3).digits(), now), "old card: ");
  refused(care().swap("prov", iccid(3).digits(), old_card(), now),
          "new card: ", "; import it first if it is in use again");
  refused(care().swap("prov", new_card(), old_card(), now),
          "new card: ", "; import it first if it is in use again");
  BOOST_TEST((read(iccid(2)) == before));
  BOOST_TEST((history(3) == kImported));
  const auto again = care().swap("prov", old_card(), new_card(), now);
  BOOST_REQUIRE(std::get_if<CareService::Moved>(&again) != nullptr);
  BOOST_TEST(std::get<CareService::Moved>(again).how == "moved before");
  BOOST_TEST((read(iccid(2)) == before));
  BOOST_TEST((history(2) == kImported));
}

// Of a move that a card has made on its own word: it is by order from then on, which is noted once.
BOOST_AUTO_TEST_CASE(order_after_a_move_without_one) {
  commit([](RecordTx& tx) { tx.find(iccid(2))->moved_by_order = false; });
  for (int i = 0; i < 2; ++i) {
    const auto again = care().swap("prov", old_card(), new_card(), now);
    BOOST_REQUIRE(std::get_if<CareService::Moved>(&again) != nullptr);
    BOOST_TEST(std::get<CareService::Moved>(again).how == "moved before");
    BOOST_TEST(read(iccid(2))->moved_by_order);
  }
  vault::HistoryQuery query;
  query.record = read(iccid(2))->id;
  const auto entries = store->history(query).take();
  BOOST_REQUIRE(entries.size() == 2u);
  BOOST_TEST(entries.back().note.kind == "move_ordered");
  BOOST_TEST(entries.back().note.actor == "ops:prov");
  BOOST_TEST(entries.back().note.detail ==
             old_card() + " to " + new_card() + ": order of provisioning");
}

// Looking finds it, and says that it was found so.
BOOST_AUTO_TEST_CASE(looking_finds_it) {
  const auto shown = care().show(call(), old_card(), now);
  const auto* view = std::get_if<vault::CareView>(&shown);
  BOOST_REQUIRE(view != nullptr);
  BOOST_TEST(view->record.iccid.digits() == new_card());
  BOOST_TEST((view->former_card == iccid(1)));
  CareService::AuditQuery query;
  query.who = old_card();
  BOOST_TEST(std::get<0>(care().audit("chief", query, now)).size() == 3u);
  for (const std::string& who : {new_card(), "+" + msisdn(2).digits()}) {
    const auto own = care().show(call(), who, now);
    BOOST_REQUIRE(std::get_if<vault::CareView>(&own) != nullptr);
    BOOST_TEST(!std::get<vault::CareView>(own).former_card.has_value());
  }
}

// By its own number, and by the subscriber's, all is done as ever.
BOOST_AUTO_TEST_CASE(by_its_own_name) {
  BOOST_TEST(
      std::get<CareService::Unlocked>(care().unlock(call(), new_card(), false, now)).was_locked);
  const auto suspended = care().suspend(call(), "+" + msisdn(2).digits(), now);
  BOOST_TEST(std::get<CareService::Service>(suspended).iccid.digits() == new_card());
}

// Imported anew, the old card is a card of its own again.
BOOST_AUTO_TEST_CASE(imported_anew) {
  BOOST_REQUIRE(store->import(now, {{iccid(1), msisdn(1), "", ""}}, "ops:test").ok());
  const auto suspended = care().suspend(call(), old_card(), now);
  BOOST_TEST(std::get<CareService::Service>(suspended).iccid.digits() == old_card());
  BOOST_TEST(read(iccid(2))->suspended_at == 0);
}

BOOST_AUTO_TEST_SUITE_END()
