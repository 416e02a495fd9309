// What an SMSC or a platform writes is of any octets: it is kept by every store, and found again.
#include "tests/contract/fixture.h"
#include "tests/support/scripted_sms.h"
#include "vault/outbox.h"
#include "vault/reminder_service.h"

using namespace contract;
using vault::Outcome;
using vault::RecordTx;

namespace {

using namespace std::string_literals;

const std::string kLatin = "A\xE9";  // no UTF-8
const std::string kControls = "a\0b\x01\x7F"s;

vault::SmsReceipt delivered(const std::string& id) {
  return {"smsc", id, 0, {}, vault::SmsReceipt::Kind::delivered, ""};
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(peer_text, Fixture)

// Proves that an id is stored as printable ASCII, and that a receipt with the same one finds it.
BOOST_AUTO_TEST_CASE(ids_of_messages) {
  const std::string longest(90, '\xFF');
  for (const std::string& id : {kLatin, kControls, longest, "plain 7~"s}) {
    vault::SmsRef ref = 0;
    commit([&](RecordTx& tx) {
      vault::Sms& sms = tx.messages().add_sms();
      ref = sms.ref;
      sms.submitted_at = 100;
      sms.segments = {{1, vault::SmsStep::sent, "smsc", id}};
    });
    const auto found = store->messages().segments_of(delivered(id), 0);
    BOOST_REQUIRE(found.ok());
    BOOST_REQUIRE(found->size() == 1u);
    BOOST_TEST((found->front() == std::pair{ref, 1}));
  }
  const auto stored = [&](const std::string& id) {
    return ask("SELECT COUNT(*) FROM sms_segments WHERE message_id = '" + id + "'");
  };
  BOOST_TEST(stored("A?") == "1");
  BOOST_TEST(stored("a?b??") == "1");
  BOOST_TEST(stored(std::string(80, '?')) == "1");
  BOOST_TEST(stored("plain 7~") == "1");
}

// Proves that an answer's id, whatever it is, keeps no other message from going out.
BOOST_AUTO_TEST_CASE(outcomes_of_messages) {
  const vault::ReminderSettings settings;
  support::ScriptedOut out;
  vault::ReminderService service(settings, {}, "a", *store, out, nullptr, log, counters);
  vault::OutboxItem item;
  item.kind = vault::OutboxItem::Kind::test_sms;
  item.number = msisdn(1);
  item.text = "Hello";
  const auto send = [&] {
    const auto id = vault::ask(*store, item, now);
    BOOST_REQUIRE(id.ok());
    for (int i = 0; i < 5; ++i) service.work(now);
    return *id;
  };
  const auto first = send();
  BOOST_REQUIRE(out.at_smsc.size() == 1u);
  service.outcome(
      {out.at_smsc[0].ref, 1, 1, vault::SmsOutcome::Kind::accepted, "smsc", kLatin, 0, false});
  send();
  BOOST_TEST(out.at_smsc.size() == 2u);
  BOOST_TEST((*vault::asked(*store, first, now))->result == "accepted by smsc as A?");
  BOOST_TEST(service.keep({delivered(kLatin)}, now));
  BOOST_TEST((*vault::asked(*store, first, now))->result == "delivered by smsc as A?");
}

// Proves that a message to a number of any octets is kept, with those that came beside it, and its
// parts find each other.
BOOST_AUTO_TEST_CASE(numbers_of_incoming_messages) {
  const vault::ReminderSettings settings;
  support::ScriptedOut out;
  vault::ReminderService service(settings, {}, "a", *store, out, nullptr, log, counters);
  std::vector<vault::Arrival> arrivals;
  for (std::uint8_t i = 1; i <= 3; ++i) {
    vault::IncomingSms sms;
    sms.mark[0] = i;
    sms.smsc = "smsc";
    sms.from = msisdn(1);
    sms.to = i == 3 ? "12345" : kLatin + kControls;
    sms.text = "Y";
    sms.reference = 7;
    sms.parts = i == 3 ? 1 : 2;
    sms.part = i == 3 ? 1 : i;
    arrivals.emplace_back(sms);
  }
  BOOST_TEST(service.keep(arrivals, now));
  const auto open = store->messages().open_incoming(now.utc_ms, 10);
  BOOST_REQUIRE(open.ok());
  BOOST_REQUIRE(open->size() == 3u);
  for (const vault::IncomingSms& sms : *open) {
    BOOST_TEST(sms.to == (sms.parts == 1 ? "12345" : "A?a?b??"));
    if (sms.parts == 2) BOOST_TEST(store->messages().parts_of(sms)->size() == 2u);
  }
}

BOOST_AUTO_TEST_SUITE_END()
