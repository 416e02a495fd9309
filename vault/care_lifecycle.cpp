// The end of a service, its return, and the end of everything that is stored.
#include "vault/care_call.h"
#include "vault/erasure.h"
#include "vault/move.h"
#include "vault/reminder_rules.h"

namespace vault {

CareResult<CareService::Service> CareService::suspend(const CareCall& call, const Who& who,
                                                      base::Now now) {
  return set_suspended(call, who, true, now);
}

CareResult<CareService::Service> CareService::resume(const CareCall& call, const Who& who,
                                                     base::Now now) {
  return set_suspended(call, who, false, now);
}

CareResult<CareService::Service> CareService::set_suspended(const CareCall& call, const Who& who,
                                                            bool suspended, base::Now now) {
  Call care(*this, now);
  std::optional<Service> done;
  const auto failure =
      care.by_agent(call, who, [&](RecordTx& tx, Record& record) -> std::optional<CareFailure> {
        if ((record.suspended_at != 0) == suspended) {
          return fail(CareError::wrong_state,
                      suspended ? "the service is suspended already" : "the service is on already");
        }
        record.suspended_at = suspended ? now.utc_ms : 0;
        raise_epoch(record);
        Reminder& reminder = tx.messages().reminder(record.id);
        // A record without a row is found by the daily run.
        if (!suspended && reminder.version != 0) look_again(reminder, record, now);
        tx.note(record, {suspended ? "suspended" : "resumed", "agent:" + call.agent,
                         care.detail(call, "")});
        done = Service{record.iccid, suspended, suspended ? now.utc_ms + policy_.retention : 0};
        return std::nullopt;
      });
  if (failure) return *failure;
  log_.info("vault.service_changed",
            base::cat("service of card ", done->iccid.digits(),
                      suspended ? " suspended" : " resumed", " by agent ", call.agent));
  return *done;
}

CareResult<CareService::Erased> CareService::erase(const CareCall& call, const Who& who,
                                                   base::Now now) {
  Call care(*this, now);
  if (auto missing = care.approval_missing(CareAction::erase)) return *missing;
  std::optional<Erased> done;
  const auto failure = care.by_agent(call, who, [&](RecordTx& tx, Record& record) {
    return care.erase(tx, record, care.grounds(call), done);
  });
  if (failure) return *failure;
  log_.info("vault.erased",
            base::cat("card ", done->iccid.digits(), " erased by agent ", call.agent));
  return *done;
}

namespace {

// The entry that the erasure has left: by moment and keyed digest, since the card may belong to
// another record by now.
base::Result<std::optional<HistoryEntry>> entry_of(Store& store, const ErasureReceipt& receipt) {
  HistoryQuery query;
  query.from = receipt.at;
  query.until = receipt.at + base::kSecondMs;
  const std::string mark = "content " + base::to_hex(receipt.content);
  for (;;) {
    const auto page = store.history(query);
    if (!page) return base::Error{page.error()};
    for (const HistoryEntry& entry : *page) {
      if (entry.note.kind == "erased" && entry.note.detail.ends_with(mark)) return {entry};
    }
    if (page->size() < query.limit) return {std::nullopt};
    query.after = {page->back().record, page->back().seq};
  }
}

// Versions that the erased record still has from before. They would be a fault of the vault.
std::size_t left_of(RecordTx& tx, const RecordId& id, std::int64_t before) {
  std::size_t left = 0;
  if (const Record* record = tx.find(id)) {
    for (const ImageInfo& image : versions_of(tx, *record)) {
      if (image.bound_record == id && image.stored_at < before) ++left;
    }
  }
  return left;
}

}  // namespace

CareResult<CareService::ReceiptCheck> CareService::check_receipt(const std::string& operator_name,
                                                                 const std::string& line,
                                                                 base::Now now) {
  if (auto fault = operator_fault(operator_name)) return *fault;
  const auto receipt = read_receipt(keys_, line);
  if (!receipt) {
    return fail(CareError::bad_call, "this is no receipt that was made with this audit key");
  }
  ReceiptCheck check{receipt->iccid, receipt->at, receipt->versions, receipt->octets, "", ""};
  const auto entry = entry_of(store_, *receipt);
  if (!entry) return fail(CareError::unavailable, entry.error());
  if (!*entry) check.fault = "the history has no entry of this erasure";
  std::size_t left = 0;
  const Outcome outcome = store_.update(now, [&](RecordTx& tx) {
    left = *entry ? left_of(tx, (*entry)->record, receipt->at) : 0;
    const std::string& fault = left > 0 ? "content from before is still there" : check.fault;
    tx.note_own({"erasure_verified", "ops:" + operator_name,
                 receipt->iccid.digits() + " of " + base::iso_date(receipt->at) + ": " +
                     (fault.empty() ? "holds" : fault)});
    return true;
  });
  if (outcome != Outcome::committed) {
    return fail(CareError::unavailable, "the store cannot be reached; repeating is safe");
  }
  if (left > 0) check.fault = base::cat(left, " versions from before are still there");
  if (*entry) check.actor = (*entry)->note.actor;
  return check;
}

}  // namespace vault
