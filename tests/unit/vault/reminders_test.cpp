// Proves figure 5: who is reminded when and how often, what an answer does, and what is never done.
#include <boost/test/unit_test.hpp>

#include "tests/unit/vault/reminder_world.h"

using namespace test;
using base::kDayMs;
using base::kHourMs;

namespace {

struct Reminded : ReminderWorld {
  Reminded() : record(add(kCard)), instance(start()) {}
  vault::ReminderService& service() { return instance->service; }
  void day_by_day(int days) {
    for (int i = 0; i < days; ++i) {
      work(service());
      pass(kDayMs);
    }
  }
  vault::Record& now_stored() {
    vault::Record& r = data.state.records.at(id);
    return r;
  }
  const vault::Record record;  // as it was at first
  const vault::RecordId id = record.id;
  std::unique_ptr<Instance> instance;
};

std::int64_t utc(int year, int month, int day, int hour = 0) {
  return base::from_civil({year, month, day, hour, 0, 0});
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(reminders, Reminded)

// 24 November 16:00 UTC and two months: due on 24 January 16:00, not a day before.
BOOST_AUTO_TEST_CASE(due_after_two_calendar_months) {
  day_by_day(60);
  BOOST_TEST(texts() == 0u);
  day_by_day(2);
  BOOST_REQUIRE(texts() == 1u);
  const auto& sms = out.at_smsc.front();
  BOOST_TEST(sms.to.digits() == "491721234567");
  BOOST_TEST(sms.text.find("2025-11-24") != std::string::npos);
  BOOST_TEST(sms.text.find('{') == std::string::npos);
  BOOST_TEST(sms.validity_ms > 0);
  BOOST_TEST(reminder(record).due_at == utc(2026, 1, 24, 16));
  BOOST_TEST(noted("reminder") == 1u);
  BOOST_TEST(noted("reminder_sent") == 1u);
}

// No answer: again after seven days, twice; then one interval after the first due date.
BOOST_AUTO_TEST_CASE(repeats_and_next_cycle) {
  pass(kTwoMonths);
  day_by_day(7);
  BOOST_TEST(texts() == 1u);
  day_by_day(1);
  BOOST_TEST(texts() == 2u);
  day_by_day(7);
  BOOST_TEST(texts() == 3u);
  day_by_day(40);
  BOOST_TEST(texts() == 3u);
  BOOST_TEST(reminder(record).due_at == utc(2026, 3, 24, 16));
  BOOST_TEST(!reminder(record).open);
  day_by_day(10);
  BOOST_TEST(texts() == 4u);
}

// A store in between begins the count anew, without anybody having told the reminder.
BOOST_AUTO_TEST_CASE(a_store_ends_the_cycle) {
  pass(kTwoMonths);
  day_by_day(3);
  now_stored().updated_at = now().utc_ms;
  const std::int64_t stored_at = now().utc_ms;
  day_by_day(58);
  BOOST_TEST(texts() == 1u);
  say(service(), "Y");
  day_by_day(1);
  BOOST_TEST(wakes() == 0u, "nothing is awaited any more");
  day_by_day(6);
  BOOST_TEST(texts() == 2u);
  BOOST_TEST(reminder(record).based_on == stored_at);
}

// Only inside the hours of the zone; the run begins once a day.
BOOST_AUTO_TEST_CASE(allowed_hours) {
  settings.time_zone = "Asia/Shanghai";
  instance = start();
  pass(kTwoMonths);  // 16:00 UTC is midnight there
  work(service());
  BOOST_TEST(texts() == 0u);
  pass(9 * kHourMs - base::kMinuteMs);
  work(service());
  BOOST_TEST(texts() == 0u);
  pass(base::kMinuteMs);
  work(service());
  BOOST_TEST(texts() == 1u);
  BOOST_TEST(counters.get("vault.reminder_runs") == 1);
  // What comes due during the day is the next day's.
  add("8944351002100001249", "+491721234568").updated_at = now().utc_ms - kTwoMonths + kHourMs;
  pass(2 * kHourMs);
  work(service());
  BOOST_TEST(texts() == 1u);
  pass(22 * kHourMs);
  work(service());
  BOOST_TEST(texts() == 2u);
}

// A run that begins after the present date, since the clock was set back: what is due by the run
// and not by the clock waits, and nothing spins meanwhile.
BOOST_AUTO_TEST_CASE(date_set_back) {
  pass(kTwoMonths + kHourMs);
  out.free = 0;
  work(service());
  out.free = 10;
  BOOST_TEST(reminder(record).next_at == utc(2026, 1, 24, 16));
  clock.set_date_by(-2 * kHourMs);
  BOOST_TEST(service().work(now()) > now().mono_ms);
  BOOST_TEST(texts() == 0u);
  pass(kHourMs);
  work(service());
  BOOST_TEST(texts() == 1u);
}

BOOST_AUTO_TEST_CASE(claimed_but_the_hours_are_over) {
  pass(kTwoMonths + 3 * kHourMs + 59 * base::kMinuteMs);  // 19:59
  out.answer = vault::SmsOut::Taken::busy;
  work(service());
  out.answer = vault::SmsOut::Taken::yes;
  pass(2 * base::kMinuteMs);
  work(service());
  BOOST_TEST(texts() == 0u);
  pass(13 * kHourMs);
  work(service());
  BOOST_TEST(texts() == 1u);
}

// Nothing leaves any more for whom the service has ended, or who is locked, since it was claimed.
BOOST_AUTO_TEST_CASE(claimed_but_not_served_any_more) {
  const std::pair<std::string, std::function<void(vault::Record&)>> obstacles[] = {
      {"the service has ended", [&](vault::Record& one) { one.suspended_at = now().utc_ms; }},
      {"nothing is stored", [](vault::Record& one) { one.image.reset(); }},
      {"locked", [&](vault::Record& one) { one.locked_at = now().utc_ms; }}};
  for (const auto& [why, happens] : obstacles) {
    Reminded world;
    world.pass(kTwoMonths);
    world.out.answer = vault::SmsOut::Taken::busy;
    world.work(world.service());
    happens(world.now_stored());
    world.out.answer = vault::SmsOut::Taken::yes;
    world.pass(kHourMs);
    world.work(world.service());
    BOOST_TEST(world.texts() == 0u);
    const vault::HistoryNote& last = world.data.state.history.back().second;
    BOOST_TEST(last.kind == "reminder_given_up");
    BOOST_TEST(last.detail.ends_with(", attempt 1: " + why));
  }
}

// Step 506.
BOOST_AUTO_TEST_CASE(no_means_no_update_needed) {
  pass(kTwoMonths);
  work(service());
  BOOST_TEST(say(service(), " No. "));
  work(service());
  BOOST_TEST(now_stored().updated_at == now().utc_ms);
  BOOST_TEST(noted("answered_no") == 1u);
  BOOST_TEST(wakes() == 0u);
  day_by_day(58);
  BOOST_TEST(texts() == 1u);
  day_by_day(3);
  BOOST_TEST(texts() == 2u);
}

// Step 507: the card is woken; the store that follows ends it.
BOOST_AUTO_TEST_CASE(yes_wakes_the_card) {
  pass(kTwoMonths);
  work(service());
  say(service(), "ｙ");
  work(service());
  BOOST_TEST(noted("answered_yes") == 1u);
  BOOST_REQUIRE(wakes() == 1u);
  BOOST_TEST((out.at_smsc.back().packet == base::Bytes{0x57, 0x01, 0x01}));
  BOOST_TEST(!reminder(record).open);
  say(service(), "Y");
  work(service());
  BOOST_TEST(wakes() == 1u, "one answer, one wake-up at a time");
  day_by_day(20);
  BOOST_TEST(texts() == 1u, "who has answered is not asked again");
}

BOOST_AUTO_TEST_CASE(stop_and_start) {
  pass(kTwoMonths);
  work(service());
  say(service(), "stop");
  day_by_day(200);
  BOOST_TEST(texts() == 1u);
  BOOST_TEST(noted("opted_out") == 1u);
  say(service(), "START");
  work(service());
  BOOST_TEST(noted("opted_in") == 1u);
  day_by_day(70);
  BOOST_TEST(texts() >= 2u);
}

// One help text for each reminder, and no change.
BOOST_AUTO_TEST_CASE(unknown_words) {
  pass(kTwoMonths);
  work(service());
  for (int i = 0; i < 3; ++i) say(service(), "what is this?");
  work(service());
  BOOST_TEST(sent(vault::SmsKind::help) == 1u);
  BOOST_TEST(reminder(record).open);
  say(service(), "Y");
  work(service());
  BOOST_TEST(wakes() == 1u);
}

// Strangers, the number of before, and answers to nothing.
BOOST_AUTO_TEST_CASE(answers_that_do_not_count) {
  say(service(), "Y");
  work(service());
  BOOST_TEST(wakes() == 0u);
  pass(kTwoMonths);
  work(service());
  say(service(), "N", "+491729999999");
  work(service());
  BOOST_TEST(counters.get("vault.answers_of_nobody") == 1);
  now_stored().msisdn_provisioned = vault::Msisdn::from_text("+491720000001");
  say(service(), "Y");
  say(service(), "STOP");
  work(service());
  BOOST_TEST(wakes() == 0u);
  BOOST_TEST(noted("opted_out") == 0u);
}

// The same message delivered twice counts once.
BOOST_AUTO_TEST_CASE(repeated_delivery) {
  pass(kTwoMonths);
  work(service());
  vault::IncomingSms sms;
  sms.mark = base::sha256(base::as_bytes("mark"));
  sms.from = record.msisdn_provisioned;
  sms.text = "hm";
  BOOST_TEST(service().keep({sms}, now()));
  BOOST_TEST(service().keep({sms}, now()));
  work(service());
  BOOST_TEST(data.state.incoming.size() == 1u);
}

// Not kept is not acknowledged.
BOOST_AUTO_TEST_CASE(the_store_is_away_when_an_answer_comes) {
  pass(kTwoMonths);
  work(service());
  data.fail(1, support::CommitFault::before);
  BOOST_TEST(!say(service(), "N"));
  BOOST_TEST(say(service(), "N"));
  data.fail(1, support::CommitFault::after);
  work(service());
  work(service());
  BOOST_TEST(noted("answered_no") == 1u);
}

BOOST_AUTO_TEST_CASE(answer_in_parts) {
  pass(kTwoMonths);
  work(service());
  const auto part = [&](int number, const std::string& text) {
    vault::IncomingSms sms;
    sms.mark = base::sha256(base::as_bytes("part" + std::to_string(number)));
    sms.from = record.msisdn_provisioned;
    sms.text = text;
    sms.reference = 7;
    sms.parts = 2;
    sms.part = number;
    return service().keep({sms}, now());
  };
  part(2, "ES");
  work(service());
  BOOST_TEST(wakes() == 0u);
  part(1, "Y");
  work(service());
  BOOST_TEST(wakes() == 1u);
}

// A final receipt: the number is not reachable; that is no "no answer", and another number is.
BOOST_AUTO_TEST_CASE(unreachable_number) {
  pass(kTwoMonths);
  work(service());
  const vault::SmsReceipt failed{"smsc", "id0", 0, {}, vault::SmsReceipt::Kind::failed, ""};
  BOOST_TEST(service().keep({failed, failed}, now()));
  BOOST_TEST(noted("number_unreachable") == 1u);
  day_by_day(30);
  BOOST_TEST(texts() == 1u);
  now_stored().msisdn_provisioned = vault::Msisdn::from_text("+491720000001");
  day_by_day(32);
  BOOST_TEST(texts() >= 2u);
  BOOST_TEST(out.at_smsc.back().to.digits() == "491720000001");
}

// The receipt is there before the submit's answer, and finds its message by the number.
BOOST_AUTO_TEST_CASE(receipt_before_the_answer) {
  accepting = false;
  pass(kTwoMonths);
  work(service());
  service().keep({vault::SmsReceipt{"other", "17", 0, record.msisdn_provisioned,
                                    vault::SmsReceipt::Kind::delivered, ""}},
                 now());
  service().outcome(out.outcome());
  work(service());
  BOOST_TEST((data.state.sms.begin()->second.step == vault::SmsStep::delivered));
  BOOST_TEST(noted("reminder_uncertain") == 0u);
}

// Nothing within swap_hold, to no number, to a reported number that is not allowed, to a locked,
// suspended, ended or empty record.
BOOST_AUTO_TEST_CASE(who_is_not_written_to) {
  const auto with = [](const std::function<void(vault::Record&)>& change) {
    ReminderWorld world;
    vault::Record& changed = world.add(kCard);
    world.pass(kTwoMonths);
    change(changed);
    const auto one = world.start();
    world.work(one->service);
    return world.texts();
  };
  BOOST_TEST(with([](vault::Record&) {}) == 1u);
  BOOST_TEST(with([&](vault::Record& r) { r.moved_at = now().utc_ms + kTwoMonths - kHourMs; }) ==
             0u);
  BOOST_TEST(with([&](vault::Record& r) { r.moved_at = now().utc_ms + kTwoMonths - kDayMs; }) ==
             1u);
  BOOST_TEST(with([](vault::Record& r) { r.msisdn_provisioned.reset(); }) == 0u);
  BOOST_TEST(with([](vault::Record& r) { std::swap(r.msisdn_provisioned, r.msisdn_reported); }) ==
             1u);
  BOOST_TEST(with([](vault::Record& r) {
               r.msisdn_provisioned.reset();
               r.msisdn_reported = vault::Msisdn::from_text("+8613800000000");
             }) == 0u);
  BOOST_TEST(with([](vault::Record& r) { r.locked_at = 1; }) == 0u);
  BOOST_TEST(with([](vault::Record& r) { r.suspended_at = 1; }) == 0u);
  BOOST_TEST(with([](vault::Record& r) { r.ended = true; }) == 0u);
  BOOST_TEST(with([](vault::Record& r) { r.image.reset(); }) == 0u);
}

// The image before was pinned because the last one had shrunk: the reminder says so.
BOOST_AUTO_TEST_CASE(shrunk_image_is_told) {
  pass(kTwoMonths);
  vault::ImageInfo pinned;
  pinned.id[0] = 9;
  pinned.pinned_until = now().utc_ms + kDayMs;
  data.state.images[id] = {*record.image, pinned};
  work(service());
  BOOST_TEST(out.at_smsc.front().text.find("fewer entries") != std::string::npos);
}

// Many instances, many records: each is written to once.
BOOST_AUTO_TEST_CASE(instances_share_the_work) {
  for (int i = 0; i < 200; ++i) {
    add("894435100210001" + std::to_string(1000 + i), "+49172" + std::to_string(2000000 + i));
  }
  pass(kTwoMonths);
  std::vector<std::unique_ptr<Instance>> instances;
  for (const char* name : {"a", "b", "c"}) instances.push_back(start(name));
  for (int round = 0; round < 60; ++round) {
    for (const auto& one : instances) {
      const std::size_t before = out.at_smsc.size();
      one->service.work(now());
      for (std::size_t i = before; i < out.at_smsc.size(); ++i) {
        one->service.outcome({out.at_smsc[i].ref, 1, 1, vault::SmsOutcome::Kind::accepted, "s",
                              std::to_string(i), 0, false});
      }
    }
  }
  BOOST_TEST(texts() == 201u);
  BOOST_TEST(noted("reminder_sent") == 201u);
}

BOOST_AUTO_TEST_CASE(preview_changes_nothing) {
  pass(kTwoMonths);
  support::MemoryStore store(data);
  const auto preview = vault::ReminderService::preview(settings, policy, store, 1000, now());
  BOOST_REQUIRE(preview.ok());
  BOOST_TEST(preview->due == 1u);
  BOOST_TEST(preview->to_write == 1u);
  BOOST_TEST(preview->inside_hours);
  BOOST_TEST(data.commits == 0);
}

// What tools ask for: done once, with a result; outside the hours a run is refused.
BOOST_AUTO_TEST_CASE(requests) {
  const auto ask = [&](vault::OutboxItem item) {
    support::MemoryTx tx(data.state, data);
    vault::OutboxItem& row = tx.add_outbox();
    item.id = row.id;
    item.created_at = now().utc_ms;
    item.expires_at = now().utc_ms + kDayMs;
    row = item;
    return item.id;
  };
  using Kind = vault::OutboxItem::Kind;
  using State = vault::OutboxItem::State;
  vault::OutboxItem item;
  item.kind = Kind::wake;
  item.record = id;
  item.detail = "identity";
  item.asked_by = "ops:max";
  const auto wake_id = ask(item);
  item.kind = Kind::notice;
  item.number = record.msisdn_provisioned;
  item.text = "unlocked";
  const auto notice = ask(item);
  item.kind = Kind::run_reminders;
  const auto run = ask(item);
  item.kind = Kind::test_sms;
  item.detail = "second";
  item.text = "test";
  const auto test_id = ask(item);
  work(service());
  BOOST_TEST((data.state.outbox[wake_id].state == State::done));
  BOOST_TEST(wakes() == 1u);
  BOOST_TEST((data.state.outbox[notice].state == State::done));
  BOOST_TEST(data.state.outbox[notice].result.find("accepted by smsc") != std::string::npos);
  BOOST_TEST((data.state.outbox[run].state == State::done));
  BOOST_TEST((data.state.outbox[test_id].state == State::done));
  BOOST_TEST(noted("wake_up_asked") == 1u);
  pass(12 * kHourMs);
  item.kind = Kind::run_reminders;
  const auto night = ask(item);
  item.expires_at = 0;
  work(service());
  BOOST_TEST((data.state.outbox[night].state == State::failed));
  // What a later version has put there is left undone, not taken for something else.
  item = {};
  item.kind = static_cast<Kind>(99);
  const auto later = ask(item);
  work(service());
  BOOST_TEST((data.state.outbox[later].state == State::failed));
  BOOST_TEST(data.state.outbox[later].result == "this instance knows no such work");
}

// A run under a date that was years ahead is not taken for each day's until that date.
BOOST_AUTO_TEST_CASE(date_was_ahead) {
  constexpr std::int64_t kTenYears = 3650 * kDayMs;
  clock.set_date_by(kTenYears);
  work(service());
  BOOST_TEST(counters.get("vault.reminder_runs") == 1);
  clock.set_date_by(-kTenYears);
  pass(kDayMs);
  work(service());
  BOOST_TEST(counters.get("vault.reminder_runs") == 2);
}

BOOST_AUTO_TEST_CASE(settings_are_checked) {
  BOOST_TEST(vault::faults_of(settings).empty());
  settings.time_zone = "Mars/Base";
  settings.text["de"] = "{nobody}";
  settings.words.no["de"] = {"y"};
  settings.words.yes["de"] = {"Y"};
  BOOST_TEST(vault::faults_of(settings).size() == 3u);
}

BOOST_AUTO_TEST_SUITE_END()
