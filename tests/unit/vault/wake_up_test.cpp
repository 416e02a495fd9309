// Proves the wake-ups: one at a time per card, a counter that is never used twice, the table of
// statuses (TS 102 225), and when the next one may leave.
#include <boost/test/unit_test.hpp>

#include "tests/unit/vault/reminder_world.h"

using namespace test;
using base::kDayMs;
using State = vault::WakeUpRow::State;

namespace {

struct Woken : ReminderWorld {
  Woken() : record(add(kCard)), instance(start()) { pass(base::kHourMs); }
  vault::ReminderService& service() { return instance->service; }
  void want(vault::WakeReason reason = vault::WakeReason::update) {
    support::MemoryTx tx(data.state, data);
    why = vault::ask_for_wake_up(tx, stored(), reason, "ops:test", settings.wake_up, now());
  }
  vault::WakeUpRow& row() { return card(record); }
  vault::Record& stored() { return data.state.records.at(record.id); }
  void days(int count) {
    for (int i = 0; i < count; ++i) {
      pass(kDayMs);
      work(service());
    }
  }
  std::string why;
  const vault::Record record;  // as it was at first
  std::unique_ptr<Instance> instance;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(wake_up, Woken)

BOOST_AUTO_TEST_CASE(one_at_a_time) {
  want();
  work(service());
  want();
  want(vault::WakeReason::identity);
  work(service());
  BOOST_TEST(wakes() == 1u);
  BOOST_TEST((row().state == State::waiting));
  BOOST_TEST((row().reason == vault::WakeReason::update));
  BOOST_TEST(por(service(), 0));
  work(service());
  BOOST_TEST((row().state == State::idle));
  BOOST_TEST(noted("wake_up_answered") == 1u);
  want();
  work(service());
  BOOST_TEST(wakes() == 2u);
}

// The counter is committed before the packet is built: whatever is lost, none is used again.
BOOST_AUTO_TEST_CASE(counter_is_never_used_twice) {
  for (int commit = 1; commit <= 3; ++commit) {
    want();
    data.fail(commit, support::CommitFault::die_after);
    try {
      instance->service.work(now());
      instance->service.work(now());
    } catch (const support::Killed&) {
    }
    data.fail(0, support::CommitFault::none);
    instance = start("after " + std::to_string(commit));
    days(2);
    por(service(), 0);
    work(service());
  }
  auto used = wake.built;
  BOOST_TEST(used.size() >= 3u);
  std::sort(used.begin(), used.end());
  BOOST_TEST((std::adjacent_find(used.begin(), used.end()) == used.end()));
}

// A counter at its end wakes nobody any more, and somebody must see to it.
BOOST_AUTO_TEST_CASE(the_counter_is_used_up) {
  data.state.downlink[{record.iccid, 1}] = vault::kCounterMax - 1;
  want();
  work(service());
  BOOST_TEST(wakes() == 0u);
  BOOST_TEST((row().state == State::idle));
  BOOST_TEST(counters.get("vault.downlinks_exhausted") == 1);
  BOOST_TEST(log.count("is used up") == 1u);
  wake.keys = 2;  // another key set has a counter of its own
  want();
  work(service());
  BOOST_TEST(wakes() == 1u);
}

// What left under one key set is answered under it, whatever is configured meanwhile.
BOOST_AUTO_TEST_CASE(the_key_set_of_the_packet_under_way) {
  want();
  work(service());
  BOOST_TEST(row().key_set == 1);
  wake.keys = 2;
  por(service(), 0);
  work(service());
  BOOST_TEST(wake.asked_for == 1);
  BOOST_TEST((row().state == State::idle));
  want();
  work(service());
  BOOST_TEST(row().key_set == 2);
  por(service(), 0);
  work(service());
  BOOST_TEST(wake.asked_for == 2);
}

BOOST_AUTO_TEST_CASE(platform_counts) {
  wake.platform = true;
  want();
  work(service());
  BOOST_TEST(row().counter == 9000u);
  BOOST_TEST((data.state.downlink[{record.iccid, 1}]) == 0u);
  por(service(), 0);
  work(service());
  BOOST_TEST((row().state == State::idle));
}

// What each status does, proven by its CC and not.
BOOST_AUTO_TEST_CASE(status_table) {
  enum class After { done, waits, again_at_once, a_day_later, no_applet };
  const struct {
    std::uint8_t status;
    After proven;
    After clear;
  } table[] = {
      {0x00, After::done, After::waits},
      {0x01, After::a_day_later, After::a_day_later},
      {0x02, After::again_at_once, After::again_at_once},
      {0x03, After::a_day_later, After::a_day_later},
      {0x04, After::done, After::a_day_later},
      {0x05, After::a_day_later, After::a_day_later},
      {0x06, After::a_day_later, After::a_day_later},
      {0x07, After::a_day_later, After::a_day_later},
      {0x08, After::waits, After::waits},
      {0x09, After::no_applet, After::a_day_later},
      {0x0A, After::done, After::a_day_later},
      {0x0B, After::waits, After::waits},
      {0x0C, After::waits, After::waits},
      {0x7F, After::a_day_later, After::a_day_later},
  };
  for (const auto& line : table) {
    for (const bool proven : {true, false}) {
      Woken world;
      world.want();
      world.work(world.service());
      world.por(world.service(), line.status, proven);
      world.work(world.service());
      const After after = proven ? line.proven : line.clear;
      BOOST_TEST_CONTEXT("status " << int{line.status} << (proven ? " proven" : " clear")) {
        const vault::WakeUpRow& row = world.row();
        BOOST_TEST(row.last_status == int{line.status});
        BOOST_TEST(world.wakes() == (after == After::again_at_once ? 2u : 1u));
        const bool idle = after == After::done || after == After::no_applet;
        BOOST_TEST((row.state == State::idle) == idle);
        BOOST_TEST((row.without_applet_until != 0) == (after == After::no_applet));
        BOOST_TEST((row.not_before > world.now().utc_ms) == (after == After::a_day_later));
      }
    }
  }
}

// "Counter low" is repeated once, 256 higher; the second time a day later.
BOOST_AUTO_TEST_CASE(counter_low) {
  want();
  work(service());
  por(service(), 2);
  work(service());
  BOOST_REQUIRE(wake.built.size() == 2u);
  BOOST_TEST(wake.built[1] == wake.built[0] + 256);
  por(service(), 2);
  work(service());
  BOOST_TEST(wakes() == 2u);
  days(1);
  BOOST_TEST(wakes() == 3u);
}

// A proof that names another packet, of somebody else's number, or of no form, does nothing.
BOOST_AUTO_TEST_CASE(proofs_that_do_not_count) {
  want();
  work(service());
  vault::IncomingSms sms;
  sms.binary = true;
  sms.from = vault::Msisdn::from_text("+491729999999");
  sms.user_data = {0x71, 0x09, static_cast<std::uint8_t>(wake.built.back()), 1};
  service().keep({sms}, now());
  sms.mark[0] = 1;
  sms.from = record.msisdn_provisioned;
  sms.user_data[2] = 0xEE;
  service().keep({sms}, now());
  sms.mark[0] = 2;
  sms.user_data = {1, 2, 3};
  service().keep({sms}, now());
  work(service());
  BOOST_TEST((row().state == State::waiting));
  BOOST_TEST(row().last_status == -1);
  BOOST_TEST(counters.get("vault.answers_of_nobody") == 3);
}

// The store is away for a moment: whose the proof is will be asked again, not at once.
BOOST_AUTO_TEST_CASE(proof_while_the_store_is_away) {
  want();
  work(service());
  data.numbers_away = true;
  por(service(), 0);
  BOOST_TEST(service().work(now()) > now().mono_ms);
  BOOST_TEST((row().state == State::waiting));
  BOOST_TEST(counters.get("vault.answers_of_nobody") == 0);
  data.numbers_away = false;
  work(service());
  BOOST_TEST((row().state == State::idle));
  BOOST_TEST(counters.get("vault.pors") == 1);
}

// The keys are away: the proof waits for them, nobody else does; and not for ever.
BOOST_AUTO_TEST_CASE(proof_while_the_keys_are_away) {
  want();
  work(service());
  wake.away = true;
  por(service(), 0);
  say(service(), "Y", "+491729999999");
  BOOST_TEST(service().work(now()) > now().mono_ms);
  BOOST_TEST(counters.get("vault.answers_of_nobody") == 1, "the other one's");
  pass(base::kHourMs);
  wake.away = false;
  work(service());
  BOOST_TEST((row().state == State::idle));
  BOOST_TEST(counters.get("vault.pors") == 1);
  want();
  work(service());
  wake.away = true;
  por(service(), 0);
  work(service());
  days(2);
  BOOST_TEST(counters.get("vault.answers_of_nobody") == 2);
}

// A card that could not decipher the packet refuses it without its counter; with the counter that
// was in it only who has read it agrees, or finds it too low.
BOOST_AUTO_TEST_CASE(refusals_without_a_counter) {
  for (const int status : {0x00, 0x02, 0x01, 0x05, 0x06, 0x09, 0x0A}) {
    for (const bool authentic : {true, false}) {
      Woken world;
      world.want();
      world.work(world.service());
      vault::IncomingSms sms;
      sms.binary = true;
      sms.from = world.record.msisdn_provisioned;
      sms.user_data = {0x71, static_cast<std::uint8_t>(status), 0, authentic};
      world.service().keep({sms}, world.now());
      world.work(world.service());
      const bool counts = !authentic && status != 0x00 && status != 0x02;
      BOOST_TEST(world.row().last_status == (counts ? status : -1));
    }
  }
}

// A proof in two messages is read as one: the second one's header is not part of it.
BOOST_AUTO_TEST_CASE(proof_in_parts) {
  want();
  work(service());
  vault::IncomingSms sms;
  sms.binary = true;
  sms.from = record.msisdn_provisioned;
  sms.reference = 7;
  sms.parts = 2;
  sms.part = 2;
  sms.user_data = {0x03, 0xAA, 0xBB, 0xCC, static_cast<std::uint8_t>(wake.built.back()), 1};
  service().keep({sms}, now());
  sms.mark[0] = 1;
  sms.part = 1;
  sms.user_data = {0x71, 0x00};
  service().keep({sms}, now());
  work(service());
  BOOST_TEST((row().state == State::idle));
  BOOST_TEST(row().last_authentic);
}

// "Without applet" ends after 30 days, or when the card calls.
BOOST_AUTO_TEST_CASE(without_applet) {
  want();
  work(service());
  por(service(), 9);
  work(service());
  want();
  BOOST_TEST(!why.empty());
  pass(29 * kDayMs);
  want();
  BOOST_TEST(!why.empty());
  stored().identity_at = now().utc_ms;
  want();
  BOOST_TEST(why.empty());
}

// Nobody answers: three tries, a day apart at least, then the wish is over.
BOOST_AUTO_TEST_CASE(nobody_answers) {
  want();
  work(service());
  days(6);
  BOOST_TEST(wakes() == 3u);
  BOOST_TEST((row().state == State::idle));
  BOOST_TEST(noted("wake_up_ended") == 1u);
}

// The phone is back: what found nobody is repeated at once, but not every second.
BOOST_AUTO_TEST_CASE(phone_back) {
  want();
  work(service());
  service().subscriber_back(*record.msisdn_provisioned, now());
  work(service());
  BOOST_TEST(wakes() == 1u, "it has only just been sent");
  pass(base::kHourMs);
  service().subscriber_back(*vault::Msisdn::from_text("+491729999999"), now());
  work(service());
  BOOST_TEST(wakes() == 1u);
  service().subscriber_back(*record.msisdn_provisioned, now());
  work(service());
  BOOST_TEST(wakes() == 2u);
}

// The card has called in the meantime; no keys; the key service is away; within swap_hold.
BOOST_AUTO_TEST_CASE(wishes_that_end_or_wait) {
  wake.kind = vault::WakeBuilt::Kind::try_later;
  want();
  work(service());
  BOOST_TEST(wakes() == 0u);
  BOOST_TEST((row().state == State::wanted));
  wake.kind = vault::WakeBuilt::Kind::no_keys;
  pass(base::kHourMs);
  work(service());
  BOOST_TEST((row().state == State::idle));
  wake.kind = vault::WakeBuilt::Kind::done;
  stored().moved_at = now().utc_ms;
  want();
  work(service());
  BOOST_TEST(wakes() == 0u);
  days(1);
  BOOST_TEST(wakes() == 1u);
  stored().updated_at = now().utc_ms;
  days(1);
  BOOST_TEST((row().state == State::idle));
  BOOST_TEST(wakes() == 1u);
}

// The campaign: the oldest first, at its rate, over all instances; who has not reported is asked
// again later.
BOOST_AUTO_TEST_CASE(identity_refresh) {
  settings.wake_up.identity_max_age = 180 * kDayMs;
  settings.wake_up.identity_rate = 60;
  settings.enabled = false;
  out.free = 1000;
  for (int i = 0; i < 30; ++i) {
    add("894435100210001" + std::to_string(1000 + i), "+49172" + std::to_string(2000000 + i))
        .identity_at = now().utc_ms - 10 * kDayMs + i;
  }
  pass(175 * kDayMs);
  instance = start();
  const auto other = start("b");
  for (int minute = 0; minute < 10; ++minute) {
    for (int i = 0; i < 12; ++i) {
      work(service());
      work(other->service);
      pass(5 * base::kSecondMs);
    }
  }
  BOOST_TEST(wakes() >= 9u);
  BOOST_TEST(wakes() <= 11u);
  for (int i = 0; i < 300; ++i) {
    work(service());
    pass(base::kMinuteMs);
  }
  std::set<std::string> woken;
  for (const auto& sms : out.at_smsc) {
    BOOST_TEST(int{sms.packet.back()} == 2);
    woken.insert(sms.to.digits());
  }
  BOOST_TEST(woken.size() == 30u);
}

BOOST_AUTO_TEST_SUITE_END()
