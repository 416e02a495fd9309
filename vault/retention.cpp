#include "vault/retention.h"

#include "base/log.h"

namespace vault {

bool retention_over(const Record& record, const Policy& policy, base::Now now) {
  return record.suspended_at != 0 && record.suspended_at + policy.retention <= now.utc_ms;
}

base::Result<std::optional<ErasureReceipt>> erase_after_retention(Store& store, const KeyRing& keys,
                                                                  const Policy& policy,
                                                                  const RecordId& id,
                                                                  const std::string& actor,
                                                                  base::Now now) {
  std::optional<ErasureReceipt> receipt;
  const Outcome outcome = store.update(now, [&](RecordTx& tx) {
    receipt.reset();
    Record* const record = tx.find(id);
    if (record == nullptr || !retention_over(*record, policy, now)) return false;
    receipt = erase_content(tx, *record, keys, now);
    if (!receipt) return false;
    tx.note(*record, {"erased", actor,
                      base::cat("retention: suspended since ", base::iso_date(record->suspended_at),
                                "; ", receipt->versions, " versions, ", receipt->octets,
                                " octets, content ", base::to_hex(receipt->content))});
    return true;
  });
  if (outcome == Outcome::unavailable) {
    return base::Error{"the store cannot be reached; repeating is safe"};
  }
  if (outcome != Outcome::committed) receipt.reset();
  return receipt;
}

}  // namespace vault
