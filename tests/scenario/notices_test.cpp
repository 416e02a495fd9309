// What is done to a record is told to its subscriber, in the same transaction and on the number
// that provisioning knows: an unlock by customer care, a move however it came about, an erasure.
#include <boost/test/unit_test.hpp>

#include "tests/support/laboratory.h"
#include "tests/support/scripted_sms.h"
#include "vault/reminder_service.h"

using namespace support;

namespace {

const std::string kCard = "8944351002100001231";
const std::string kOther = "8944351002100001249";
const std::string kNumber = "+491721234567";

vault::Policy telling() {
  vault::Policy policy;
  policy.notices.unlock = policy.notices.move = policy.notices.erase = true;
  policy.notices.handed_over = true;
  return policy;
}

struct Told {
  explicit Told(const vault::Policy& policy = telling()) : lab(policy) {
    lab.import(kCard, kNumber);
    lab.import(kOther);
    card.back_up(image);
  }
  // Texts and numbers of the open notices.
  std::vector<std::pair<std::string, std::string>> notices() {
    std::vector<std::pair<std::string, std::string>> found;
    const auto open = lab.store->messages().open_outbox(lab.now().utc_ms, 100);
    BOOST_REQUIRE(open.ok());
    for (const vault::OutboxItem& item : *open) {
      if (item.kind != vault::OutboxItem::Kind::notice) continue;
      found.emplace_back(item.number ? item.number->digits() : "", item.text);
    }
    return found;
  }
  bool told(const std::string& part) {
    const auto found = notices();
    for (const auto& [number, text] : found) lab.tell("to +" + number + ": " + text);
    return found.size() == 1 && found[0].first == kNumber.substr(1) &&
           found[0].second.find(part) != std::string::npos;
  }

  base::Bytes image = example_image(5, 'a');
  Laboratory lab;
  CardInHand card{lab, kCard};
  CardInHand other{lab, kOther};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(notices)

BOOST_AUTO_TEST_CASE(an_unlock_is_told) {
  Told world;
  auto care = world.lab.care();
  const auto refused = care.unlock(world.lab.call(), kCard, false, world.lab.now());
  BOOST_TEST(std::holds_alternative<vault::CareFailure>(refused));
  BOOST_TEST(world.notices().empty());
  world.card.begin(world.image, wrong_key(world.card.key), 2);
  good(care.unlock(world.lab.call(), kCard, false, world.lab.now()));
  BOOST_TEST(world.told("opened the lock"));
}

BOOST_AUTO_TEST_CASE(a_move_is_told_to_the_old_number) {
  Told world;
  world.lab.import(kOther, "+491720000009");
  auto care = world.lab.care();
  good(care.swap("provisioning", kCard, kOther, world.lab.now()));
  BOOST_TEST(world.told("ends in 1249"));
}

BOOST_AUTO_TEST_CASE(a_move_by_key_is_told) {
  Told world;
  BOOST_TEST((world.other.restore(world.card.key, kCard) == world.image));
  BOOST_TEST(world.told("ends in 1249"));
}

BOOST_AUTO_TEST_CASE(an_erasure_is_told_in_the_subscribers_language) {
  Told world;
  auto lines = std::vector<vault::ImportLine>{
      {*vault::Iccid::from_digits(kCard), vault::Msisdn::from_text(kNumber), "", "zh-CN"}};
  BOOST_REQUIRE(world.lab.store->import(world.lab.now(), lines, "ops:test").ok());
  bip::Fields fields;
  fields.iccid = vault::Iccid::from_digits(kCard)->to_ef();
  fields.key = base::Secret(base::as_bytes(world.card.key));
  BOOST_TEST(
      (world.card.ask(bip::Ins::erase, std::move(fields)).result == vault::CardResult::done));
  BOOST_TEST(world.told("已被删除"));
}

BOOST_AUTO_TEST_CASE(an_erasure_by_customer_care_is_told) {
  Told world;
  good(world.lab.care().erase(world.lab.call(), kCard, world.lab.now()));
  BOOST_TEST(world.told("was erased"));
}

BOOST_AUTO_TEST_CASE(an_export_is_told) {
  Told world;
  auto care = world.lab.care();
  const auto none = care.export_content(world.lab.call(), kCard, "raw", 7, world.lab.now());
  BOOST_TEST(std::holds_alternative<vault::CareFailure>(none));
  BOOST_TEST(world.notices().empty());
  const auto given = care.export_content(world.lab.call(), kCard, "raw", 0, world.lab.now());
  BOOST_TEST(std::holds_alternative<vault::CareService::Exported>(given));
  BOOST_TEST(world.told("handed over"));
}

BOOST_AUTO_TEST_CASE(who_has_no_number_or_is_not_to_be_told) {
  vault::Policy policy = telling();
  policy.notices.move = false;
  Told world(policy);
  auto care = world.lab.care();
  good(care.swap("provisioning", kCard, kOther, world.lab.now()));
  BOOST_TEST(world.notices().empty());
  world.other.begin(world.image, wrong_key(world.card.key), 2);
  good(care.unlock(world.lab.call(), kOther, true, world.lab.now()));
  BOOST_TEST(world.notices().size() == 1u, "the number came with the record");

  Told silent;
  CardInHand numberless{silent.lab, kOther};
  numberless.back_up(silent.image);
  numberless.begin(silent.image, wrong_key(numberless.key), 2);
  good(silent.lab.care().unlock(silent.lab.call(), kOther, false, silent.lab.now()));
  BOOST_TEST(silent.notices().empty());
}

// The notice leaves as a message of its own, and its request learns what became of it.
BOOST_AUTO_TEST_CASE(an_instance_sends_it) {
  Told world;
  good(world.lab.care().swap("provisioning", kCard, kOther, world.lab.now()));
  ScriptedOut out;
  const vault::ReminderSettings settings;
  vault::ReminderService service(settings, telling(), "one", *world.lab.store, out, nullptr,
                                 world.lab.log, world.lab.counters);
  while (service.work(world.lab.now()) <= world.lab.now().mono_ms) {
  }
  BOOST_REQUIRE_EQUAL(out.at_smsc.size(), 1u);
  BOOST_TEST(out.at_smsc[0].to.digits() == kNumber.substr(1));
  BOOST_TEST((out.at_smsc[0].kind == vault::SmsKind::notice));
  service.outcome(out.outcome());
  service.work(world.lab.now());
  BOOST_TEST(world.notices().empty());
}

BOOST_AUTO_TEST_SUITE_END()
