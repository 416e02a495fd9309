// The calendar as a user of the vault: reminds people, takes their answers, wakes cards, carries
// notices, and does what tools have asked for through the outbox. Any number of instances work
// together on one store: what each does is claimed there first (vault/sms_sender.h has the table of
// what a killed instance leaves). One thread at a time per object, with a Store of its own; what an
// SmsOut reports is handed over to that thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "vault/sms_sender.h"
#include "vault/wake_up_service.h"

namespace vault {

// Something of an SMSC that must be kept before it is acknowledged.
using Arrival = std::variant<IncomingSms, SmsReceipt>;

class ReminderService {
 public:
  static constexpr char kReminderJob[] = "reminders";  // of JobRow

  // `instance` names this process among the others, for people; null `wake_up`: cards are not
  // woken. The time zone must exist (faults_of). All referenced objects outlive the service.
  ReminderService(const ReminderSettings& settings, const Policy& policy,
                  const std::string& instance, Store& store, SmsOut& out, WakeUp* wake_up,
                  base::Log& log, base::Counters& counters);

  // Does what is due, a portion of each kind. Returns the mono_ms at which to call again: now, when
  // there is more. To be called also after outcome(), keep(), and when the SmsOut has room again.
  std::int64_t work(base::Now now);

  void outcome(const SmsOutcome& outcome) { sender_.outcome(outcome); }
  // One transaction for all; true: durable, the SMSC may be told. What is there already is no
  // error. A receipt of nobody's message is kept as little as an unreadable one, and is true.
  bool keep(std::vector<Arrival> arrivals, base::Now now);
  void subscriber_back(const Msisdn& number, base::Now now);
  // Other rules from now on; what was claimed under the old ones is looked at again before it
  // leaves.
  void reconfigure(const ReminderSettings& settings, const Policy& policy);
  // Before a stop, when the SmsOut has told everything: keeps that, and frees for the others what
  // was claimed and not handed out.
  void finish(base::Now now);
  bool idle() const { return sender_.under_way() == 0; }  // for drain

  struct Preview {
    std::uint64_t due = 0;       // whose date has come; counted up to `limit`
    std::uint64_t to_write = 0;  // of them, whom the rules would write to now
    bool more = false;           // there are more than `limit`
    bool inside_hours = false;
    std::int64_t opens_at = 0;  // next moment inside the hours
  };
  // What work() would do, without doing it.
  static base::Result<Preview> preview(const ReminderSettings& settings, const Policy& policy,
                                       Store& store, std::size_t limit, base::Now now);

 private:
  bool remind(base::Now now);
  bool begin_run(base::Now now);
  bool walk(base::Now now);
  bool claim_due(base::Now now);
  std::int64_t due_until(base::Now now) const;
  bool claim_one(RecordTx& tx, const RecordId& id, base::Now now, SmsRef& claimed);
  Values values_of(const Record& record) const;
  std::string reminder_text(RecordTx& tx, const Record& record, base::Now now) const;

  bool purge(base::Now now);
  bool work_outbox(base::Now now);
  bool do_item(const OutboxItem& item, base::Now now);
  std::string start_item(RecordTx& tx, OutboxItem& item, base::Now now, SmsRef& claimed);

  bool work_incoming(base::Now now);
  bool take_incoming(const IncomingSms& sms, base::Now now);
  bool take_text(const IncomingSms& sms, const std::string& text,
                 const std::vector<std::uint64_t>& rows, base::Now now);
  std::string answer(RecordTx& tx, const std::vector<RecordId>& ids, const Msisdn& from,
                     const std::string& text, base::Now now, SmsRef& claimed);
  void apply_answer(RecordTx& tx, Record& record, const AnswerDecision& decision, base::Now now);
  bool end_incoming(const std::vector<std::uint64_t>& rows, const std::string& result,
                    base::Now now);

  ReminderSettings settings_;
  Policy policy_;
  const std::string instance_;
  const std::string owner_;
  std::int64_t next_purge_ = INT64_MIN;  // mono_ms
  std::int64_t run_at_ = 0;  // when the run under way began: what was due then is its work
  Calendar calendar_;
  SmsWorld world_;
  SmsSender sender_;
  WakeUpService wake_ups_;
};

}  // namespace vault
