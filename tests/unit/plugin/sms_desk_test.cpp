// Proves the desk on a real store against an SMSC on a loopback port: a reminder leaves and its
// outcome is kept, an answer is acknowledged only when it is in the store, a stop commits what the
// SMSC has said and frees what was not sent, within its deadline.
#include "plugin/sms_desk.h"

#include <boost/test/unit_test.hpp>

#include "db/stores.h"
#include "tests/support/test_vault.h"
#include "tests/support/until.h"
#include "tests/unit/smsc/fake_smsc.h"
#include "vault/outbox.h"

namespace {

using scripted::FakeSmsc;
using support::until;

constexpr std::int64_t kTwoMonths = 62 * base::kDayMs;
constexpr char kNumber[] = "+491721234567";

// Stores can be taken away.
struct Stores : vault::StoreFactory {
  explicit Stores(support::TestVault& vault) : vault_(vault) {}
  std::unique_ptr<vault::Store> open() override { return vault_.stores->open(); }
  support::TestVault& vault_;
};

struct World {
  support::TestVault vault;
  vault::Iccid card = *vault::Iccid::from_digits("8944351002100001231");
  Stores stores{vault};
  base::Guarded<std::vector<std::string>> answers;  // to deliver_sm: hex of the status
  std::atomic<bool> silent{false};
  FakeSmsc smsc{[this](FakeSmsc::Client& client, const smsc::Frame& frame) {
    if (frame.header.command == (smsc::command::kDeliverSm | smsc::command::kResponse)) {
      return answers.with([&](auto& all) { all.push_back(std::to_string(frame.header.status)); });
    }
    if (silent && frame.header.command == smsc::command::kSubmitSm) return;
    FakeSmsc::behave(client, frame);
  }};
  std::unique_ptr<plugin::SmsDesk> desk;

  World() {
    // Inside the hours of the settings' zone, whatever the time of the day is.
    settings.reminder.hours = {0, 0};
    settings.reminder.enabled = true;
    settings.instance = "one";
    smsc::Settings one;
    one.name = "main";
    one.port = smsc.port();
    one.system_id = "bv";
    one.source = "12345";
    one.reconnect_min = 50;
    settings.smscs = {one};
    vault::ImportLine line{card, vault::Msisdn::from_text(kNumber), "", "en"};
    BOOST_REQUIRE(open()->import(vault.clock.now(), {line}, "ops:test").ok());
    BOOST_REQUIRE(open()->update(vault.clock.now(), [&](vault::RecordTx& tx) {
      vault::Record& record = *tx.find(card);
      vault::ImageInfo image;
      image.id[0] = 1;
      image.stored_at = vault.clock.now().utc_ms;
      const std::string content = "content";
      image.bytes = static_cast<std::uint32_t>(content.size());
      image.digest = base::sha256(base::as_bytes(content));
      image.bound_record = record.id;
      tx.add_image(record, image, base::as_bytes(content));
      record.image = image;
      record.first_stored_at = record.updated_at = image.stored_at;
      return true;
    }) == vault::Outcome::committed);
  }

  std::unique_ptr<vault::Store> open() { return vault.stores->open(); }
  void start() {
    desk = std::make_unique<plugin::SmsDesk>(
        settings,
        plugin::SmsDesk::Parts{stores, nullptr, vault.clock, vault.log, vault.counters, {}});
    BOOST_REQUIRE(desk->start().ok());
    BOOST_REQUIRE(until([&] { return desk->state()[0].bound; }));
  }
  // The one message of the store, if there is one.
  std::optional<vault::Sms> sms() {
    std::optional<vault::Sms> found;
    const auto store = open();
    store->update(vault.clock.now(), [&](vault::RecordTx& tx) {
      const vault::Reminder& reminder = tx.messages().reminder(tx.find(card)->id);
      const vault::Sms* const sms = tx.messages().sms(reminder.last_ref);
      if (sms != nullptr) found = *sms;
      return false;
    });
    return found;
  }
  // It has gone through all its work since this was called: it has ended two requests that nobody
  // can fulfil, one after the other.
  bool has_looked() {
    for (int i = 0; i < 2; ++i) {
      const auto store = open();
      const auto id = vault::ask(*store, vault::OutboxItem(), vault.clock.now());
      if (!id || !until([&] {
            vault.clock.advance(base::kSecondMs);  // it looks by this clock
            const auto item = vault::asked(*store, *id, vault.clock.now());
            return item && *item && (*item)->state != vault::OutboxItem::State::open;
          })) {
        return false;
      }
    }
    return true;
  }
  bool step_is(vault::SmsStep step) {
    return until([&] {
      const auto found = sms();
      return found && found->step == step;
    });
  }
  void say(std::string_view text) {
    std::string body(
        "\0\1\1"
        "491721234567\0"
        "\0\1"
        "12345\0",
        24);
    body.append(9, '\0');
    body.push_back(static_cast<char>(text.size()));
    body += text;
    smsc.each(
        [body](FakeSmsc::Client& client) { client.say(smsc::command::kDeliverSm, 0, 77, body); });
  }
  bool answered(const std::string& status) {
    return until([&] {
      return answers.with([&](auto& all) { return !all.empty() && all.back() == status; });
    });
  }
  plugin::SmsDesk::Settings settings;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(sms_desk)

BOOST_AUTO_TEST_CASE(a_reminder_leaves_and_its_answer_is_kept) {
  World world;
  world.start();
  world.vault.clock.advance(kTwoMonths);
  BOOST_REQUIRE(world.step_is(vault::SmsStep::sent));
  const std::int64_t before = world.vault.record(world.card).updated_at;
  world.say("n");
  BOOST_TEST(world.answered("0"));
  BOOST_TEST(until([&] { return world.vault.record(world.card).updated_at > before; }));
  BOOST_TEST(world.desk->stop(10'000));
}

// What the SMSC has not answered at the stop counts as written; it is in the store before stop
// returns, and nothing is left to another instance that would send it twice.
BOOST_AUTO_TEST_CASE(a_stop_keeps_what_became_of_messages) {
  World world;
  world.silent = true;
  world.start();
  world.vault.clock.advance(kTwoMonths);
  BOOST_REQUIRE(until([&] { return world.desk->state()[0].in_flight == 1; }));
  BOOST_TEST(until([&] { return world.desk->stop(300); }));  // false: call again
  BOOST_REQUIRE(world.sms().has_value());
  BOOST_TEST((world.sms()->step == vault::SmsStep::uncertain));
}

BOOST_AUTO_TEST_CASE(a_drain_waits_for_answers_and_claims_nothing) {
  World world;
  world.start();
  world.desk->drain();
  BOOST_REQUIRE(until([&] { return !world.desk->state()[0].bound; }));
  world.vault.clock.advance(kTwoMonths);
  BOOST_REQUIRE(world.has_looked());
  BOOST_TEST(!world.sms().has_value());
  BOOST_TEST(world.desk->stop(10'000));
}

// Proves that other rules hold without a restart.
BOOST_AUTO_TEST_CASE(reminders_can_be_switched_on) {
  World world;
  world.settings.reminder.enabled = false;
  world.start();
  world.vault.clock.advance(kTwoMonths);
  BOOST_REQUIRE(world.has_looked());
  BOOST_TEST(!world.sms().has_value());
  world.settings.reminder.enabled = true;
  world.desk->reconfigure(world.settings.reminder, world.settings.policy);
  BOOST_TEST(world.step_is(vault::SmsStep::sent));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(sms_inbox)

// Proves that what does not fit stays with the SMSC, and that nothing is answered by the way.
BOOST_AUTO_TEST_CASE(arrivals_are_bounded) {
  plugin::SmsInbox inbox(2);
  std::vector<std::string> answers;
  for (int i = 0; i < 3; ++i) {
    inbox.incoming({}, [&answers, i](bool kept) {
      answers.push_back(std::to_string(i) + (kept ? " kept" : " not kept"));
    });
  }
  BOOST_TEST(answers == std::vector<std::string>{"2 not kept"}, boost::test_tools::per_element());
  const auto contents = inbox.take(std::chrono::milliseconds(0));
  BOOST_TEST(contents.arrivals.size() == 2u);
  BOOST_TEST(contents.kept.size() == 2u);
  BOOST_TEST(inbox.take(std::chrono::milliseconds(0)).empty());
}

BOOST_AUTO_TEST_CASE(phones_that_are_back_are_bounded) {
  plugin::SmsInbox inbox(1);
  for (int i = 0; i < 5'000; ++i) inbox.subscriber_back(*vault::Msisdn::from_text(kNumber));
  BOOST_TEST(inbox.take(std::chrono::milliseconds(0)).back.size() == 1'000u);
}

BOOST_AUTO_TEST_SUITE_END()
