// Hands claimed messages to the SmsOut and keeps what becomes of them. One thread at a time.
//
// A message goes through committed steps: `claimed` (with a lease), `submitting` (committed before
// it is handed to the SmsOut), then what the SMSC says. Exactly once does not exist: a process that
// dies leaves one of these, and another instance goes on from it.
//
//   killed                        the row says        then                          SMS at the SMSC
//   before the claim's commit     nothing             claimed by whoever is next    1
//   after the claim's commit      claimed             taken over after its lease    1
//   after `submitting`, before    submitting          assume_sent: uncertain        0
//     the SMSC was written to                         resend: handed out again      1
//   after the write, before the   submitting          assume_sent: uncertain        1
//     answer                                          resend: handed out again      2
//   after the answer, before its  submitting          assume_sent: uncertain        1
//     commit                                          resend: handed out again      2
//   after the outcome's commit    sent                nothing                       1
//
// Uncertain ones count as sent for their due date. resend does it once. With several segments the
// table holds for each: those that an SMSC has accepted and that were committed are not repeated.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "base/counters.h"
#include "base/log.h"
#include "vault/ports.h"
#include "vault/reminder_rules.h"

namespace vault {

// What the services of reminders share. All referenced objects outlive them.
struct SmsWorld {
  const ReminderSettings& settings;
  const Policy& policy;
  const Calendar& calendar;
  const std::string& owner;  // this process, of this start
  Store& store;
  SmsOut& out;
  WakeUp* wake_up;  // null: cards are not woken
  base::Log& log;
  base::Counters& counters;

  ReminderContext context() const { return {settings, policy, calendar}; }
};

// A new row of ours, claimed. To be called inside an update.
Sms& claim_sms(RecordTx& tx, const SmsWorld& world, SmsKind kind, const Msisdn& to,
               std::int64_t validity_ms, base::Now now);

// Inside an update: what came in is dealt with, unless it was already.
void end_incoming(MessageTx& messages, const std::vector<std::uint64_t>& rows,
                  const std::string& result);

class SmsSender {
 public:
  explicit SmsSender(const SmsWorld& world) : world_(world) {}

  // Rows in `claimed` of this owner that have been committed.
  void ready(SmsRef ref) { ready_.push_back(ref); }
  void outcome(const SmsOutcome& outcome) { outcomes_.push_back(outcome); }
  // A wake-up: its row is in `submitting` already.
  SmsOut::Taken submit_now(const OutgoingSms& sms, base::Now now);

  // Each does what it can and says whether something is left to do at once.
  bool settle(base::Now now);   // commits outcomes
  bool recover(base::Now now);  // takes over what others, or an earlier start, have left behind
  bool submit(base::Now now);   // hands out what is ready, as far as there is room
  void renew(base::Now now);    // leases of what the SmsOut still has
  // Before a stop: what was not handed out is free for the others at once.
  void release(base::Now now);

  bool receipts(const std::vector<SmsReceipt>& receipts, RecordTx& tx,
                const std::vector<std::vector<std::pair<SmsRef, int>>>& meant, base::Now now);
  std::size_t waiting() const { return ready_.size(); }
  std::size_t under_way() const { return under_way_.size(); }

 private:
  enum class Adopted : std::uint8_t { no, yes };

  bool mark(const std::vector<SmsRef>& refs, std::vector<OutgoingSms>& outgoing, base::Now now);
  void refused(const OutgoingSms& sms);
  void put_back(const std::vector<SmsRef>& refs, base::Now now);
  void adopt_claimed(const std::vector<SmsRef>& refs, base::Now now);
  bool is_ready(SmsRef ref) const;
  void end_interrupted(const std::vector<SmsRef>& refs, base::Now now);
  // `obstacle`: why it was given up, empty if there is none.
  void changed(RecordTx& tx, Sms& sms, SmsStep before, bool bad_number, base::Now now,
               const std::string& obstacle = {});
  void settle_wake_up(RecordTx& tx, Sms& sms, base::Now now);
  OnTimeout on_timeout(const std::string& smsc) const;
  bool still_counts(const Sms& sms, const SmsOutcome& outcome) const;

  const SmsWorld& world_;
  std::deque<SmsRef> ready_;
  std::deque<SmsOutcome> outcomes_;
  std::map<SmsRef, std::int64_t> under_way_;  // renewed next at (utc_ms)
};

}  // namespace vault
