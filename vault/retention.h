// The end of what is kept of a suspended card: Policy::retention after its service has ended its
// content goes for good, as by customer care's erase, but with nobody told: the number may have
// another owner by now. The card stays suspended.
#pragma once

#include <optional>
#include <string>

#include "vault/erasure.h"
#include "vault/policy.h"
#include "vault/ports.h"

namespace vault {

// Whether it is over, and something may be left of it.
bool retention_over(const Record& record, const Policy& policy, base::Now now);

// One transaction, with its entry in the record's history. Nothing: the record is on again, gone,
// kept longer, or holds nothing any more. An error: the store is away, repeating is safe.
base::Result<std::optional<ErasureReceipt>> erase_after_retention(Store& store, const KeyRing& keys,
                                                                  const Policy& policy,
                                                                  const RecordId& id,
                                                                  const std::string& actor,
                                                                  base::Now now);

}  // namespace vault
