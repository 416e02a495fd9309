// Table history: its rows, and the query for them. Private to db.
#pragma once

#include <vector>

#include "db/sql_tx_entry.h"
#include "vault/ports.h"

namespace db {

inline constexpr char kHistoryColumns[] = "record_id, seq, at, op, kind, actor, detail, mac";

// Octets of a wrong size stay zero: the chain's check will name the entry.
inline vault::HistoryEntry read_history(const Row& row) {
  vault::HistoryEntry entry;
  (void)take_octets(entry.record, row.blob(0));
  entry.seq = static_cast<std::uint64_t>(row.number(1));
  entry.at = row.number(2);
  (void)take_octets(entry.op, row.blob(3));
  entry.note = {row.text(4), row.text(5), row.text(6)};
  (void)take_octets(entry.mac, row.blob(7));
  return entry;
}

// As Store::history. Throws SqlError.
std::vector<vault::HistoryEntry> history_entries(SqlConnection& use,
                                                 const vault::HistoryQuery& query);

}  // namespace db
