// Change of card: how a record goes from one ICCID to another. Shared by the card's and the
// care's use cases; everything here runs inside Store::update.
#pragma once

#include <string>
#include <vector>

#include "vault/policy.h"
#include "vault/ports.h"

namespace vault {

enum class MoveOutcome { moved, merged, conflict };

// Who moves a record and on whose word.
struct MoveOrder {
  bool by_order = false;  // provisioning or care stands behind it: no undoing, keys may collide
  std::string actor;
  std::string why;
};

// Moves `old_record` under `to`. A record that has that ICCID is absorbed when EMPTY and merged
// otherwise: its images stay in front, the old ones go behind them, pinned; nothing is ever
// overwritten. As long as the move can be undone, no store drives out what there was to move. Two
// active keys without an order are a conflict, and nothing happens. Pending moves of both end.
// Pointers of tx to either record are stale afterwards.
MoveOutcome move_record(RecordTx& tx, Record& old_record, const Iccid& to, const MoveOrder& order,
                        const Policy& policy, base::Now now);

// The old card has proved itself although its record was moved away without an order: the record
// goes back with its own images, key and identity; the new card keeps what was its own. A record
// that import has made under the old ICCID meanwhile, if it is empty, is absorbed.
void undo_move(RecordTx& tx, Record& record, base::Now now);

// Notes that the card of `claimant` claims the record. One claim per new card: an open one must be
// confirmed, rejected or expire before the next, so that what an agent has looked at is what he
// confirms. At most three per old record; expired ones go. True: newly noted.
bool add_pending_move(RecordTx& tx, const Record& old_record, const Record& claimant,
                      const Policy& policy, base::Now now);
// Wrong keys that other cards have given for the record: they count together for 30 days. When
// three are reached no further one is tried, the right one neither.
inline constexpr std::int64_t kStrangerWindow = 30 * base::kDayMs;
int strangers_counted(const Record& record, base::Now now);
bool strangers_exhausted(const Record& record, base::Now now);

bool move_expired(const PendingMove& move, const Policy& policy, base::Now now);

// Versions as the card counts them: the record's image first, then newest first.
std::vector<ImageInfo> versions_of(RecordTx& tx, const Record& record);

}  // namespace vault
