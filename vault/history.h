// How a record's history is chained: used by the stores when they write and by audit verify.
#pragma once

#include "vault/ports.h"

namespace vault {

// mac over (previous mac | record id | seq | at | op | kind | actor | detail), each text with its
// length before it, under the audit key.
base::Sha256 chain_mac(const KeyRing& keys, const base::Sha256& previous,
                       const HistoryEntry& entry);

struct AuditFault {
  RecordId record{};
  std::string iccid;  // empty: the record is gone, or kOwnHistory
  std::uint64_t seq = 0;
  std::string what;  // "entry changed", "entry missing", "entries cut off at the end"
};

// The links of chains, entry after entry in the order (record, seq). One thread.
class ChainLinks {
 public:
  // What is wrong is added to `faults`. Both outlive the object.
  ChainLinks(const KeyRing& keys, std::vector<AuditFault>& faults) : keys_(keys), faults_(faults) {}

  void next(const HistoryEntry& entry);
  // Of the entry before: where its chain ends so far.
  std::uint64_t seq() const { return seq_; }
  const base::Sha256& mac() const { return mac_; }

 private:
  const KeyRing& keys_;
  std::vector<AuditFault>& faults_;
  bool started_ = false;
  RecordId record_{};
  std::uint64_t seq_ = 0;
  base::Sha256 mac_{};
};

// Walks every chain of the store and compares it with its head.
base::Result<std::vector<AuditFault>> verify_audit(Store& store, const KeyRing& keys);

}  // namespace vault
