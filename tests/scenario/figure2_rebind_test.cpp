// Figure 2 under each `rebind`: on whose word a record follows to a new card without its key.
#include <boost/test/unit_test.hpp>

#include "tests/scenario/two_cards.h"

using namespace support;
using scenario::kNew;
using scenario::kOld;
using vault::CardResult;
using vault::Rebind;

namespace {

const std::string kNumber = "+491721234567";
const std::string kOtherNumber = "+491721234568";

vault::Policy rebind(Rebind how) {
  vault::Policy policy;
  policy.rebind = how;
  return policy;
}

// The old card has stored; the new one has that number, if any.
struct World : scenario::TwoCards {
  World(Rebind how, const std::string& new_number) : TwoCards(rebind(how)) {
    lab.import(kOld, kNumber);
    lab.import(kNew, new_number);
    old_card_stores();
  }
  bool moved(const Answer& answer) {
    const bool here = lab.record(kNew).image.has_value();
    BOOST_TEST((answer.result == (here ? CardResult::done : CardResult::move_pending)));
    BOOST_TEST(lab.known(kOld) == !here);
    return here;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(figure_2_rebind)

// trusting: the patent's letter.
BOOST_AUTO_TEST_CASE(trusting_moves_on_anyones_word) {
  World world(Rebind::trusting, "");
  BOOST_TEST(world.moved(world.new_card.report(kOld)));
  BOOST_TEST((world.new_card.fetch_begin().result == CardResult::key_required),
             "but gives nothing away");
  BOOST_TEST((world.new_card.restore(world.key) == world.image));
}

// number: provisioning has given both cards the same one. What moved so can be undone by the old
// card, and gives nothing away without the key.
BOOST_AUTO_TEST_CASE(the_same_number_is_proof) {
  World world(Rebind::number, kNumber);
  BOOST_TEST(world.moved(world.new_card.report(kOld)));
  const vault::Record record = world.lab.record(kNew);
  BOOST_TEST(record.moved_from->digits() == kOld);
  BOOST_TEST(!record.moved_by_order);
  BOOST_TEST((world.new_card.fetch_begin().result == CardResult::key_required));
  BOOST_TEST((world.new_card.restore(world.key) == world.image));
  BOOST_TEST((world.old_card.restore(world.key) == world.image), "the old card has objected");
  BOOST_TEST(world.lab.known(kOld));
}

// The same two cards under the default, proven: the number alone proves nothing.
BOOST_AUTO_TEST_CASE(not_where_proof_is_asked_for) {
  World world(Rebind::proven, kNumber);
  BOOST_TEST(!world.moved(world.new_card.report(kOld)));
  BOOST_TEST((world.old_card.restore(world.key) == world.image));
}

// No number, another one, or one that only the card itself tells: the move waits.
BOOST_AUTO_TEST_CASE(another_number_is_no_proof) {
  for (const std::string& number : {std::string(), kOtherNumber}) {
    World world(Rebind::number, number);
    BOOST_TEST(!world.moved(world.new_card.report(kOld)));
    bip::Fields fields;
    fields.iccid = vault::Iccid::from_digits(kNew)->to_ef();
    fields.previous = vault::Iccid::from_digits(kOld)->to_ef();
    fields.number = vault::Msisdn::from_text(kNumber)->to_bcd();
    BOOST_TEST(!world.moved(world.new_card.ask(bip::Ins::report, std::move(fields))));
    BOOST_TEST(world.lab.record(kNew).msisdn_reported->digits() == kNumber.substr(1));
    BOOST_TEST((world.old_card.restore(world.key) == world.image));
  }
}

// Two cards of which no number is known do not have the same one.
BOOST_AUTO_TEST_CASE(no_number_is_no_number) {
  World world(Rebind::number, "");
  auto tx = [](vault::RecordTx& t) {
    t.find(*vault::Iccid::from_digits(kOld))->msisdn_provisioned.reset();
    return true;
  };
  BOOST_REQUIRE((world.lab.store->update(world.lab.now(), tx) == vault::Outcome::committed));
  BOOST_TEST(!world.moved(world.new_card.report(kOld)));
}

// A locked record waits for customer care, whatever the number says.
BOOST_AUTO_TEST_CASE(the_number_moves_no_locked_record) {
  World world(Rebind::number, kNumber);
  for (int i = 0; i < vault::kAttempts; ++i) world.old_card.fetch_begin(wrong_key(world.key));
  BOOST_REQUIRE(world.lab.record(kOld).locked_at != 0);
  BOOST_TEST(!world.moved(world.new_card.report(kOld)));
}

BOOST_AUTO_TEST_SUITE_END()
