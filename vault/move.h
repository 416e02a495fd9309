// Change of card: how a record goes from one ICCID to another. Shared by the card's and the
// care's use cases; runs inside Store::update.
#pragma once

#include <string>

#include "vault/policy.h"
#include "vault/ports.h"

namespace vault {

enum class MoveOutcome { moved, merged, conflict };

// Moves `old_record` under `to` (a record with that ICCID, if it exists, is absorbed when EMPTY,
// merged otherwise: nothing is ever overwritten). `by_order`: provisioning or care stands behind
// it. `actor` and `why` go to the history. The pointers of tx to either record are stale after.
MoveOutcome move_record(RecordTx& tx, Record& old_record, const Iccid& to, bool by_order,
                        const std::string& actor, const std::string& why, const Policy& policy,
                        base::Now now);

}  // namespace vault
