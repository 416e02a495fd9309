// Reminders as customer care sees them: off, and on again.
#include "vault/care_call.h"
#include "vault/reminder_rules.h"

namespace vault {

CareResult<CareService::Reminders> CareService::opt_out(const CareCall& call, const Who& who,
                                                        base::Now now) {
  return set_reminders(call, who, false, now);
}

CareResult<CareService::Reminders> CareService::opt_in(const CareCall& call, const Who& who,
                                                       base::Now now) {
  return set_reminders(call, who, true, now);
}

CareResult<CareService::Reminders> CareService::set_reminders(const CareCall& call, const Who& who,
                                                              bool on, base::Now now) {
  Call care(*this, now);
  std::optional<Reminders> done;
  const auto failure =
      care.by_agent(call, who, [&](RecordTx& tx, Record& record) -> std::optional<CareFailure> {
        const std::string actor = "agent:" + call.agent;
        Reminder& reminder = tx.messages().reminder(record.id);
        const bool changed =
            on ? vault::opt_in(reminder, record, now) : vault::opt_out(reminder, actor, now);
        if (!changed) {
          return fail(CareError::wrong_state,
                      on ? "reminders are on already" : "reminders are off already");
        }
        tx.note(record, {on ? "opted_in" : "opted_out", actor, care.detail(call, "")});
        done = Reminders{record.iccid, on};
        return std::nullopt;
      });
  if (failure) return *failure;
  return *done;
}

}  // namespace vault
