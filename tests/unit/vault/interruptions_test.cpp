// Proves the table of vault/sms_sender.h: an instance is killed at each step of a reminder, another
// one goes on, and the number of messages at the SMSC is the one that is written there.
#include <boost/test/unit_test.hpp>

#include "tests/unit/vault/reminder_world.h"

using namespace test;
using support::CommitFault;
using vault::OnTimeout;

namespace {

enum class Kill { at_claim, claimed, marked, written, at_answer, settled };

// Commits of the first work(): the run begins, the walk, the claim, the mark; then the outcome.
constexpr int kClaim = 3;
constexpr int kMark = 4;

std::size_t messages_after(Kill kill, OnTimeout on_timeout) {
  ReminderWorld world;
  world.settings.on_timeout = on_timeout;
  world.add(kCard);
  world.pass(kTwoMonths);
  {
    const auto first = world.start("first");
    if (kill == Kill::at_claim) world.data.fail(kClaim, CommitFault::die_before);
    if (kill == Kill::claimed) world.data.fail(kClaim, CommitFault::die_after);
    if (kill == Kill::marked) world.data.fail(kMark, CommitFault::die_after);
    if (kill == Kill::written) world.out.after_write = [](const auto&) { throw support::Killed(); };
    bool died = false;
    try {
      first->service.work(world.now());
      first->service.outcome(world.out.outcome());
      world.data.fail(1,
                      kill == Kill::at_answer ? CommitFault::die_before : CommitFault::die_after);
      first->service.work(world.now());
    } catch (const support::Killed&) {
      died = true;
    }
    BOOST_REQUIRE(died);
  }
  world.out.after_write = nullptr;
  world.told = world.out.at_smsc.size();  // whoever would have heard of it is dead
  const auto second = world.start("second");
  for (int i = 0; i < 10; ++i) {
    world.work(second->service);
    world.pass(world.settings.lease);
  }
  BOOST_TEST(world.data.state.reminders.begin()->second.sent == 1, "counted once");
  BOOST_TEST(world.data.state.sms.size() == 1u, "one message, one reference");
  return world.out.at_smsc.size();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(interruptions)

BOOST_AUTO_TEST_CASE(killed_at_each_step) {
  const struct {
    Kill kill;
    std::size_t assume_sent;
    std::size_t resend;
  } table[] = {{Kill::at_claim, 1, 1}, {Kill::claimed, 1, 1},   {Kill::marked, 0, 1},
               {Kill::written, 1, 2},  {Kill::at_answer, 1, 2}, {Kill::settled, 1, 1}};
  for (const auto& row : table) {
    BOOST_TEST_CONTEXT("killed at step " << static_cast<int>(row.kill)) {
      BOOST_TEST(messages_after(row.kill, OnTimeout::assume_sent) == row.assume_sent);
      BOOST_TEST(messages_after(row.kill, OnTimeout::resend) == row.resend);
    }
  }
}

// Nobody takes over what is only slow: an instance renews its leases while the SMSC is silent.
BOOST_AUTO_TEST_CASE(leases_are_renewed) {
  ReminderWorld world;
  world.accepting = false;
  world.add(kCard);
  world.pass(kTwoMonths);
  const auto slow = world.start("slow");
  const auto other = world.start("other");
  for (int i = 0; i < 40; ++i) {
    world.work(slow->service);
    world.work(other->service);
    world.pass(base::kMinuteMs);
  }
  BOOST_TEST(world.out.at_smsc.size() == 1u);
  BOOST_TEST((world.data.state.sms.begin()->second.step == vault::SmsStep::submitting));
  slow->service.outcome(world.out.outcome());
  world.work(slow->service);
  BOOST_TEST(world.noted("reminder_sent") == 1u);
}

// A commit whose outcome stays unknown, at each of the commits: never two messages, and one in the
// end.
BOOST_AUTO_TEST_CASE(unknown_commits) {
  for (int commit = 1; commit <= 6; ++commit) {
    for (const CommitFault fault : {CommitFault::before, CommitFault::after}) {
      ReminderWorld world;
      world.add(kCard);
      world.pass(kTwoMonths);
      const auto one = world.start();
      world.data.fail(commit, fault);
      for (int i = 0; i < 8; ++i) {
        world.work(one->service);
        world.pass(base::kMinuteMs * 2);
      }
      BOOST_TEST(world.out.at_smsc.size() == 1u, commit);
      BOOST_TEST(world.noted("reminder_sent") == 1u, commit);
    }
  }
}

// Found by the simulation: an instance does not know that what it was told is kept already, tells
// it once more, and meanwhile another one has taken the message over and sent it.
BOOST_AUTO_TEST_CASE(an_old_outcome_undoes_nothing) {
  using Kind = vault::SmsOutcome::Kind;
  for (const Kind told : {Kind::not_sent, Kind::refused, Kind::uncertain}) {
    ReminderWorld world;
    if (told == Kind::uncertain) world.settings.on_timeout = OnTimeout::resend;
    world.accepting = false;
    world.add(kCard);
    world.pass(kTwoMonths);
    const auto first = world.start("first");
    const auto second = world.start("second");
    first->service.work(world.now());
    BOOST_REQUIRE(world.out.at_smsc.size() == 1u);
    first->service.outcome(world.out.outcome(Kind::not_sent));
    world.data.fail(1, CommitFault::after);
    first->service.work(world.now());
    world.pass(2 * world.settings.lease);
    second->service.work(world.now());
    BOOST_REQUIRE(world.out.at_smsc.size() == 2u);
    second->service.outcome(world.out.outcome());
    second->service.work(world.now());
    BOOST_REQUIRE((world.data.state.sms.begin()->second.step == vault::SmsStep::sent));
    vault::SmsOutcome old = world.out.outcome(told);
    old.message_id.clear();
    first->service.outcome(old);
    for (int i = 0; i < 4; ++i) {
      first->service.work(world.now());
      second->service.work(world.now());
      world.pass(world.settings.lease);
    }
    BOOST_TEST((world.data.state.sms.begin()->second.step == vault::SmsStep::sent));
    BOOST_TEST(world.out.at_smsc.size() == 2u);
    BOOST_TEST(world.noted("reminder_sent") == 1u);
  }
}

// `uncertain` from the SMSC itself, per SMSC's setting; a resend happens once.
BOOST_AUTO_TEST_CASE(uncertain_outcomes) {
  for (const bool resend : {false, true}) {
    ReminderWorld world;
    world.accepting = false;
    if (resend) world.settings.on_timeout_of["smsc"] = OnTimeout::resend;
    world.add(kCard);
    world.pass(kTwoMonths);
    const auto one = world.start();
    for (int i = 0; i < 5; ++i) {
      const std::size_t before = world.out.at_smsc.size();
      world.work(one->service);
      if (world.out.at_smsc.size() > before) {
        one->service.outcome(world.out.outcome(vault::SmsOutcome::Kind::uncertain));
      }
      world.pass(world.settings.lease);
    }
    BOOST_TEST(world.out.at_smsc.size() == (resend ? 2u : 1u));
    BOOST_TEST(world.noted("reminder_uncertain") == 1u);
  }
}

// Of several segments only those that no SMSC has are handed out again, under the same reference.
BOOST_AUTO_TEST_CASE(segments) {
  ReminderWorld world;
  world.accepting = false;
  world.add(kCard);
  world.pass(kTwoMonths);
  const auto one = world.start();
  world.work(one->service);
  const vault::SmsRef ref = world.out.at_smsc.front().ref;
  using Kind = vault::SmsOutcome::Kind;
  one->service.outcome({ref, 1, 3, Kind::accepted, "smsc", "x", 0, false});
  one->service.outcome({ref, 3, 3, Kind::accepted, "smsc", "y", 0, false});
  one->service.outcome({ref, 2, 3, Kind::not_sent, "", "", 0, false});
  world.work(one->service);
  world.work(one->service);
  BOOST_REQUIRE(world.out.at_smsc.size() == 2u);
  BOOST_TEST(world.out.at_smsc[1].ref == ref);
  BOOST_TEST(world.out.at_smsc[1].accepted_segments == 5u);
  BOOST_TEST(world.out.at_smsc[1].accepted_of == 3);
  BOOST_TEST(world.out.at_smsc[1].smsc == "smsc");  // by another one the cut may be another
  one->service.outcome({ref, 2, 3, Kind::accepted, "smsc", "z", 0, false});
  world.work(one->service);
  BOOST_TEST(world.noted("reminder_sent") == 1u);
}

// The rest of a message waits for the SMSC that has its beginning, and holds up nobody; when the
// text is cut otherwise by then, what is left of it is refused.
BOOST_AUTO_TEST_CASE(a_part_that_waits_for_its_smsc) {
  using Kind = vault::SmsOutcome::Kind;
  for (const bool impossible : {false, true}) {
    ReminderWorld world;
    world.accepting = false;
    world.add(kCard);
    world.add("8944351002100001249", "+491721234568");
    world.pass(kTwoMonths);
    const auto one = world.start();
    world.work(one->service);
    BOOST_REQUIRE(world.out.at_smsc.size() == 2u);
    const vault::SmsRef first = world.out.at_smsc[0].ref, second = world.out.at_smsc[1].ref;
    world.out.away = "smsc";
    world.out.free = 1;
    one->service.outcome({first, 1, 2, Kind::accepted, "smsc", "x", 0, false});
    one->service.outcome({first, 2, 2, Kind::not_sent, "", "", 0, false});
    one->service.outcome({second, 1, 1, Kind::not_sent, "", "", 0, false});
    world.work(one->service);
    world.work(one->service);
    BOOST_REQUIRE(world.out.at_smsc.size() == 3u);
    BOOST_TEST(world.out.at_smsc[2].ref == second);
    one->service.outcome({second, 1, 1, Kind::accepted, "other", "y", 0, false});
    world.work(one->service);
    BOOST_TEST(world.noted("reminder_sent") == 1u);
    world.out.away.clear();
    if (impossible) {
      world.out.answer = vault::SmsOut::Taken::impossible;
      world.work(one->service);
      world.work(one->service);
      BOOST_TEST(world.noted("reminder_refused") == 1u);
    } else {
      world.work(one->service);
      BOOST_REQUIRE(world.out.at_smsc.size() == 4u);
      BOOST_TEST(world.out.at_smsc[3].ref == first);
    }
  }
}

// No room at the SMSC: nothing is lost, nothing is sent twice, and a stop frees what was claimed.
BOOST_AUTO_TEST_CASE(no_room) {
  ReminderWorld world;
  world.add(kCard);
  world.pass(kTwoMonths);
  world.out.answer = vault::SmsOut::Taken::busy;
  const auto one = world.start("one");
  world.work(one->service);
  BOOST_TEST(world.out.at_smsc.empty());
  BOOST_TEST((world.data.state.sms.begin()->second.step == vault::SmsStep::claimed));
  one->service.finish(world.now());
  world.out.answer = vault::SmsOut::Taken::yes;
  const auto two = world.start("two");
  world.work(two->service);
  world.work(one->service);
  BOOST_TEST(world.out.at_smsc.size() == 1u);
}

// Nor when the store is away just when it is to learn that there was no room: what was not handed
// out is not taken for a message of which nobody knows, by this instance, nor by the next.
BOOST_AUTO_TEST_CASE(no_room_while_the_store_is_away) {
  for (const bool stopped : {false, true}) {
    ReminderWorld world;
    world.add(kCard);
    world.pass(kTwoMonths);
    world.out.answer = vault::SmsOut::Taken::busy;
    world.out.before_write = [&](const vault::OutgoingSms&) {
      world.data.fail(1, CommitFault::before);
      world.out.free = 0;
      world.out.before_write = nullptr;
    };
    const auto one = world.start("one");
    world.work(one->service);
    BOOST_REQUIRE((world.data.state.sms.begin()->second.step == vault::SmsStep::submitting));
    if (stopped) one->service.finish(world.now());
    const auto two = world.start("two");
    for (int i = 0; i < 4; ++i) {
      world.pass(world.settings.lease / 2 + base::kSecondMs);
      if (!stopped) world.work(one->service);
      if (stopped) world.work(two->service);
    }
    world.out.answer = vault::SmsOut::Taken::yes;
    world.out.free = 10;
    world.work(stopped ? two->service : one->service);
    BOOST_TEST(world.out.at_smsc.size() == 1u);
    BOOST_TEST(world.noted("reminder_uncertain") == 0u);
    BOOST_TEST(world.noted("reminder_sent") == 1u);
  }
}

BOOST_AUTO_TEST_SUITE_END()
