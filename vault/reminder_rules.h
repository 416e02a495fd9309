// The rules of figure 5: who is reminded when, what an answer does, what the outcome of a message
// means. Pure: no I/O, no clock, no randomness.
#pragma once

#include <optional>
#include <string>

#include "vault/policy.h"
#include "vault/record.h"
#include "vault/reminder_settings.h"
#include "vault/sms_ports.h"

namespace vault {

struct ReminderContext {
  const ReminderSettings& settings;
  const Policy& policy;
  const Calendar& calendar;
};

// The number that the record may be written to: the provisioned one, else the reported one if
// msisdn_allow has its beginning.
std::optional<Msisdn> number_of(const Record& record, const ReminderSettings& settings);

// A reminder was sent, nothing has been stored since, and no answer has come.
bool answer_awaited(const Record& record, const Reminder& reminder);

struct ReminderDecision {
  Reminder after;
  std::optional<Msisdn> to;  // set: the next message of the due date is claimed
};
// Looks at a reminder whose next_at has come (steps 501-503).
ReminderDecision decide_reminder(const Record& record, const Reminder& reminder,
                                 const ReminderContext& context, base::Now now);

// Why a claimed reminder must not leave any more; empty: it may.
std::string reminder_obstacle(const Record& record, const Reminder& reminder, const Sms& sms,
                              const ReminderContext& context, base::Now now);

struct AnswerDecision {
  Reminder after;
  std::int64_t updated_at = 0;  // of the record; 0: unchanged
  bool wake = false;
  bool help = false;
  std::optional<HistoryNote> note;
};
// Steps 505-507. `waits`: this record is the one whose answer is awaited; stop and start count
// without that.
AnswerDecision decide_answer(const Record& record, const Reminder& reminder, Word word, bool waits,
                             const ReminderContext& context, base::Now now);

// Customer care, or the subscriber: no reminders, or reminders again. False: it was so already.
bool opt_out(Reminder& reminder, const std::string& actor, base::Now now);
bool opt_in(Reminder& reminder, const Record& record, base::Now now);

// What kept the record from being reminded of is over: the rules are asked anew.
void look_again(Reminder& reminder, const Record& record, base::Now now);

// One segment's outcome. What the message has come to is its step afterwards: `claimed` if it is to
// be handed out again.
void take_outcome(Sms& sms, const SmsOutcome& outcome, OnTimeout on_timeout);
// A message found in `submitting` whose instance is gone.
void take_interruption(Sms& sms, OnTimeout on_timeout);
// A receipt for a segment, 0: one of them.
void take_receipt(Sms& sms, int segment, SmsReceipt::Kind kind);

// What a message that has ended does to its reminder: a number that cannot be reached is noted, and
// is no "no answer". Gives the entry for the history. `obstacle`: why it was given up, if known.
HistoryNote settle_reminder(Reminder& reminder, const Sms& sms, bool bad_number,
                            const std::string& obstacle, base::Now now);

std::string tail_of(const Msisdn& number);  // "...1234", for histories and logs

}  // namespace vault
