#include "vault/reminder_rules.h"

#include <algorithm>

#include "base/log.h"

namespace vault {

namespace {

bool of_this_cycle(const Record& record, const Reminder& reminder) {
  return reminder.based_on != 0 && reminder.based_on == record.updated_at;
}

void begin_cycle(Reminder& reminder, std::int64_t due_at) {
  reminder.due_at = due_at;
  reminder.next_at = due_at;
  reminder.sent = 0;
  reminder.open = false;
  reminder.help_sent = false;
}

bool answered(const Reminder& reminder) {
  return reminder.answered_at != 0 && reminder.answered_at >= reminder.due_at;
}

// One interval after the first due date, or as many as have passed meanwhile.
void next_cycle(Reminder& reminder, const ReminderContext& context, base::Now now) {
  std::int64_t due_at = reminder.due_at;
  do {
    due_at = context.calendar.add(due_at, context.settings.interval);
  } while (due_at <= now.utc_ms);
  begin_cycle(reminder, due_at);
}

bool unreachable(const Reminder& reminder, const Msisdn& number) {
  return reminder.unreachable == number && reminder.unreachable_at >= reminder.due_at;
}

// Nobody is to be reminded of this record until it is stored again.
bool out_of_question(const Record& record, const Reminder& reminder) {
  return !record.image || record.suspended_at != 0 || record.ended || record.updated_at == 0 ||
         reminder.opted_out_at != 0;
}

SmsSegment& segment_of(Sms& sms, int number) {
  const auto found = std::find_if(sms.segments.begin(), sms.segments.end(),
                                  [&](const SmsSegment& s) { return s.number == number; });
  if (found != sms.segments.end()) return *found;
  SmsSegment segment;
  segment.number = number;
  return *sms.segments.insert(sms.segments.end(), segment);
}

bool final_step(SmsStep step) { return step == SmsStep::delivered || step == SmsStep::failed; }

bool all_are(const Sms& sms, auto&& is) {
  return sms.segment_count > 0 &&
         sms.segments.size() >= static_cast<std::size_t>(sms.segment_count) &&
         std::all_of(sms.segments.begin(), sms.segments.end(), is);
}
bool any_is(const Sms& sms, SmsStep step) {
  return std::any_of(sms.segments.begin(), sms.segments.end(),
                     [&](const SmsSegment& s) { return s.step == step; });
}

// The message's step from those of its segments, once each has one.
void sum_up(Sms& sms) {
  if (!all_are(sms, [](const SmsSegment& s) { return s.step != SmsStep::submitting; })) return;
  if (any_is(sms, SmsStep::failed)) {
    sms.step = SmsStep::failed;
  } else if (any_is(sms, SmsStep::refused)) {
    sms.step = SmsStep::refused;
  } else if (any_is(sms, SmsStep::claimed)) {
    sms.step = SmsStep::claimed;  // only what no SMSC has is handed out again
    sms.lease_until = 0;
  } else if (any_is(sms, SmsStep::uncertain)) {
    sms.step = SmsStep::uncertain;
  } else if (all_are(sms, [](const SmsSegment& s) { return s.step == SmsStep::delivered; })) {
    sms.step = SmsStep::delivered;
  } else {
    sms.step = SmsStep::sent;
  }
}

// Twice is what `resend` may cost, not more.
SmsStep after_silence(const Sms& sms, OnTimeout on_timeout) {
  const bool again = on_timeout == OnTimeout::resend && sms.tries < 2;
  return again ? SmsStep::claimed : SmsStep::uncertain;
}

}  // namespace

std::string tail_of(const Msisdn& number) {
  constexpr std::size_t kShown = 4;
  return "..." + number.digits().substr(number.digits().size() - kShown);
}

std::optional<Msisdn> number_of(const Record& record, const ReminderSettings& settings) {
  if (record.msisdn_provisioned) return record.msisdn_provisioned;
  if (!record.msisdn_reported) return std::nullopt;
  const std::string& digits = record.msisdn_reported->digits();
  const bool allowed = std::any_of(
      settings.msisdn_allow.begin(), settings.msisdn_allow.end(),
      [&](const std::string& prefix) { return !prefix.empty() && digits.starts_with(prefix); });
  return allowed ? record.msisdn_reported : std::nullopt;
}

bool answer_awaited(const Record& record, const Reminder& reminder) {
  return reminder.open && of_this_cycle(record, reminder);
}

ReminderDecision decide_reminder(const Record& record, const Reminder& reminder,
                                 const ReminderContext& context, base::Now now) {
  ReminderDecision decision{reminder, std::nullopt};
  Reminder& after = decision.after;
  if (out_of_question(record, reminder)) {
    after.open = false;
    after.next_at = 0;
    return decision;
  }
  if (!of_this_cycle(record, reminder)) {
    after.based_on = record.updated_at;
    begin_cycle(after, context.calendar.add(record.updated_at, context.settings.interval));
  }
  const std::int64_t repeat_at = after.last_sent_at + context.settings.repeat_after;
  if (after.due_at > now.utc_ms) {
    after.next_at = after.due_at;
  } else if (moved_lately(record, context.policy, now)) {
    after.next_at = record.moved_at + context.policy.swap_hold;
  } else if (state_of(record, now) == RecordState::locked) {
    after.next_at = now.utc_ms + context.settings.repeat_after;  // no use while nothing is taken
  } else if (after.sent > 0 && now.utc_ms < repeat_at) {
    after.next_at = repeat_at;
  } else if (after.sent > context.settings.repeat_times || answered(after)) {
    next_cycle(after, context, now);
  } else {
    decision.to = number_of(record, context.settings);
    if (!decision.to || unreachable(after, *decision.to)) {
      decision.to.reset();
      next_cycle(after, context, now);
      return decision;
    }
    after.sent += 1;
    after.open = true;
    after.help_sent = false;
    after.number = decision.to;
    after.last_sent_at = now.utc_ms;
    after.next_at = now.utc_ms + context.settings.repeat_after;
  }
  return decision;
}

std::string reminder_obstacle(const Record& record, const Reminder& reminder, const Sms& sms,
                              const ReminderContext& context, base::Now now) {
  if (reminder.opted_out_at != 0) return "opted out";
  if (!record.image) return "nothing is stored";
  if (out_of_question(record, reminder)) return "the service has ended";
  if (state_of(record, now) == RecordState::locked) return "locked";
  if (now.utc_ms >= sms.expires_at) return "too late";
  if (!of_this_cycle(record, reminder)) return "stored meanwhile";
  if (reminder.last_ref != sms.ref) return "a later one was claimed";
  if (moved_lately(record, context.policy, now)) return "the card has just been changed";
  if (number_of(record, context.settings) != sms.to) return "the number has changed";
  return {};
}

AnswerDecision decide_answer(const Record& record, const Reminder& reminder, Word word, bool waits,
                             const ReminderContext& context, base::Now now) {
  AnswerDecision decision{reminder, 0, false, false, std::nullopt};
  Reminder& after = decision.after;
  const auto note = [&](const char* what, const char* kind, const char* detail) {
    after.answer = what;
    after.answered_at = now.utc_ms;
    after.open = false;
    decision.note = HistoryNote{kind, "subscriber", detail};
  };
  switch (word) {
    case Word::stop:
      if (opt_out(after, "subscriber", now)) note("stop", "opted_out", "by short message");
      return decision;
    case Word::start:
      if (opt_in(after, record, now)) {
        decision.note = HistoryNote{"opted_in", "subscriber", "by short message"};
      }
      return decision;
    case Word::yes:
      if (!waits) return decision;
      note("yes", "answered_yes", "the card is to be woken");
      decision.wake = true;
      return decision;
    case Word::no:
      if (!waits) return decision;
      note("no", "answered_no", "no update needed");
      decision.updated_at = now.utc_ms;
      // The next cycle, by hand: the walk along the dates would find the record as well.
      after.based_on = now.utc_ms;
      begin_cycle(after, context.calendar.add(now.utc_ms, context.settings.interval));
      return decision;
    case Word::help:
    case Word::none:
      decision.help = waits && !after.help_sent;
      after.help_sent = after.help_sent || decision.help;
      return decision;
  }
  return decision;
}

bool opt_out(Reminder& reminder, const std::string& actor, base::Now now) {
  if (reminder.opted_out_at != 0) return false;
  reminder.opted_out_at = now.utc_ms;
  reminder.opted_out_by = actor;
  reminder.open = false;
  reminder.next_at = 0;
  return true;
}

bool opt_in(Reminder& reminder, const Record& record, base::Now now) {
  if (reminder.opted_out_at == 0) return false;
  reminder.opted_out_at = 0;
  reminder.opted_out_by.clear();
  look_again(reminder, record, now);
  return true;
}

void look_again(Reminder& reminder, const Record& record, base::Now now) {
  if (reminder.opted_out_at != 0) return;
  reminder.next_at = record.updated_at == 0 ? 0 : now.utc_ms;
}

void take_outcome(Sms& sms, const SmsOutcome& outcome, OnTimeout on_timeout) {
  sms.segment_count = std::max(sms.segment_count, outcome.segments);
  SmsSegment& segment = segment_of(sms, outcome.segment);
  segment.smsc = outcome.smsc;
  if (!outcome.message_id.empty()) segment.message_id = outcome.message_id;
  if (final_step(segment.step)) return sum_up(sms);  // its receipt was faster
  switch (outcome.kind) {
    case SmsOutcome::Kind::accepted:
      segment.step = SmsStep::sent;
      break;
    case SmsOutcome::Kind::refused:
      segment.step = SmsStep::refused;
      break;
    case SmsOutcome::Kind::uncertain:
      segment.step = after_silence(sms, on_timeout);
      break;
    case SmsOutcome::Kind::not_sent:
      segment.step = SmsStep::claimed;
      break;
  }
  sum_up(sms);
}

void take_interruption(Sms& sms, OnTimeout on_timeout) {
  const SmsStep step = after_silence(sms, on_timeout);
  for (SmsSegment& segment : sms.segments) {
    if (segment.step == SmsStep::submitting || segment.step == SmsStep::claimed) {
      segment.step = step;
    }
  }
  sms.step = step;
  sms.lease_until = 0;
}

void take_receipt(Sms& sms, int segment, SmsReceipt::Kind kind) {
  if (kind == SmsReceipt::Kind::interim) return;
  if (segment == 0) {
    // Which of them is not known: the first that has none.
    const auto open = std::find_if(sms.segments.begin(), sms.segments.end(),
                                   [](const SmsSegment& s) { return !final_step(s.step); });
    segment = open == sms.segments.end() ? static_cast<int>(sms.segments.size()) + 1 : open->number;
    if (sms.segment_count > 0 && segment > sms.segment_count) return;
  }
  SmsSegment& known = segment_of(sms, segment);
  if (final_step(known.step)) return;
  known.step = kind == SmsReceipt::Kind::delivered ? SmsStep::delivered : SmsStep::failed;
  sum_up(sms);
}

HistoryNote settle_reminder(Reminder& reminder, const Sms& sms, bool bad_number,
                            const std::string& obstacle, base::Now now) {
  const std::string to = sms.to ? tail_of(*sms.to) : std::string();
  const bool newest = reminder.last_ref == sms.ref;
  const std::string which = base::cat("to ", to, ", attempt ", sms.attempt);
  if (sms.step == SmsStep::failed || (sms.step == SmsStep::refused && bad_number)) {
    reminder.unreachable = sms.to;
    reminder.unreachable_at = now.utc_ms;
    if (newest) {
      reminder.open = false;
      reminder.next_at = now.utc_ms + base::kDayMs;  // the number may be another one by then
    }
    return {"number_unreachable", "vault", which};
  }
  if (sms.step == SmsStep::delivered && reminder.unreachable == sms.to) {
    reminder.unreachable.reset();
    reminder.unreachable_at = 0;
  }
  if (sms.step == SmsStep::given_up && newest) reminder.open = false;
  switch (sms.step) {
    case SmsStep::sent:
      return {"reminder_sent", "vault", which};
    case SmsStep::delivered:
      return {"reminder_delivered", "vault", which};
    case SmsStep::uncertain:
      return {"reminder_uncertain", "vault", which};
    case SmsStep::refused:
      return {"reminder_refused", "vault", which};
    default:
      return {"reminder_given_up", "vault", obstacle.empty() ? which : which + ": " + obstacle};
  }
}

}  // namespace vault
