// A card whose ICCID is written out, when other spellings of it (check digit added or cut, nibbles
// swapped) are cards of their own: the one that is written is meant, and each can be named.
#include "tests/contract/fixture.h"
#include "vault/care_service.h"

using namespace contract;
using vault::CareError;
using vault::CareService;
using vault::Record;
using vault::RecordTx;

namespace {

vault::Iccid card(const char* digits) { return *vault::Iccid::from_digits(digits); }

const vault::Iccid kLong = card("8986003141592653589");  // its last digit is the check digit
const vault::Iccid kShort = card("898600314159265358");
const vault::Iccid kSwapped = card("986800131495623585");  // kShort, nibbles swapped
const vault::Iccid kOther = card("8986003141592653596");

struct Spellings : Fixture {
  void import(const std::vector<vault::Iccid>& cards) {
    std::vector<vault::ImportLine> lines;
    for (const vault::Iccid& one : cards) lines.push_back({one, std::nullopt, "", ""});
    BOOST_REQUIRE(store->import(now, lines, "ops:test").ok());
  }
  CareService care() { return {policy, keys(), *store, log}; }
  static vault::CareCall call() {
    return {"anna", "a reason", "passport", base::Secret(base::as_bytes("X1234567"))};
  }
  // The card that is shown for what was typed; else what the refusal says.
  std::string shown(const std::string& typed) {
    const auto result = care().show(call(), typed, now);
    const auto* view = std::get_if<vault::CareView>(&result);
    return view != nullptr ? view->record.iccid.digits()
                           : std::get<vault::CareFailure>(result).text;
  }

  vault::Policy policy;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(care_spelling, Spellings)

BOOST_AUTO_TEST_CASE(the_one_that_is_written) {
  import({kLong, kShort, kSwapped});
  for (const vault::Iccid& one : {kLong, kShort, kSwapped}) {
    BOOST_TEST(shown(one.digits()) == one.digits());
  }
  BOOST_TEST(shown("8986 0031 4159 2653 589") == kLong.digits());
  BOOST_TEST(shown(kShort.digits() + "FF") == kShort.digits());
  const auto ended = care().set_ended("prov", kShort.digits(), true, now);
  BOOST_TEST(std::get<CareService::Ended>(ended).iccid.digits() == kShort.digits());
  BOOST_TEST(!read(kLong)->ended);
}

// Whatever is listed can be named; what was typed is not among it.
BOOST_AUTO_TEST_CASE(candidates_when_none_is_written) {
  import({kLong, kSwapped});
  const auto result = care().show(call(), kShort.digits(), now);
  const auto* failure = std::get_if<vault::CareFailure>(&result);
  BOOST_REQUIRE(failure != nullptr);
  BOOST_TEST((failure->error == CareError::ambiguous));
  BOOST_TEST(failure->candidates.size() == 2u);
  for (const std::string& one : failure->candidates) BOOST_TEST(shown(one) == one);
}

// An order that is repeated finds the record that it has moved, and takes none of another spelling.
BOOST_AUTO_TEST_CASE(order_by_written_cards) {
  import({kLong, kShort, kOther});
  const auto id = read(kLong)->id;
  for (const char* how : {"moved", "moved before"}) {
    const auto moved = care().swap("prov", kLong.digits(), kOther.digits(), now);
    BOOST_REQUIRE(std::get_if<CareService::Moved>(&moved) != nullptr);
    BOOST_TEST(std::get<CareService::Moved>(moved).old_iccid.digits() == kLong.digits());
    BOOST_TEST(std::get<CareService::Moved>(moved).how == how);
  }
  BOOST_TEST((read(kOther)->id == id));
  BOOST_TEST(read(kShort).has_value());
  BOOST_TEST((care().suspend(call(), kLong.digits(), now).index() == 1u));
  BOOST_TEST(read(kShort)->suspended_at == 0);
}

// One spelling becomes the other: the same card, as far as anybody can tell.
BOOST_AUTO_TEST_CASE(moved_to_its_other_spelling) {
  import({kLong, kShort});
  const auto moved = care().swap("prov", kShort.digits(), kLong.digits(), now);
  BOOST_REQUIRE(std::get_if<CareService::Moved>(&moved) != nullptr);
  BOOST_TEST(!read(kShort).has_value());
  BOOST_TEST(shown(kShort.digits()) == kLong.digits());
  BOOST_TEST(shown(kLong.digits()) == kLong.digits());
}

BOOST_AUTO_TEST_SUITE_END()
