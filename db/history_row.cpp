#include "db/history_row.h"

#include <algorithm>

#include "base/log.h"

namespace db {

std::vector<vault::HistoryEntry> history_entries(SqlConnection& use,
                                                 const vault::HistoryQuery& query) {
  // The index by date is for a stretch of time. From the beginning on, rows are read in the order
  // of the chains: by date each page would be sorted out of all of them.
  std::string sql = base::cat("SELECT ", kHistoryColumns, " FROM history WHERE ");
  sql += query.from > 0 ? "at >= ? AND at < ?" : "at + 0 >= ? AND at + 0 < ?";
  std::vector<Param> params{number(query.from), number(query.until)};
  if (query.record) {
    sql += " AND record_id = ?";
    params.emplace_back(base::View(*query.record));
  }
  if (!query.actor.empty()) {
    sql += " AND actor = ?";
    params.emplace_back(std::string_view(query.actor));
  }
  if (query.after) {
    if (query.from <= 0) {  // says the same again: engines find the place in the key by it
      sql += " AND record_id >= ?";
      params.emplace_back(base::View(query.after->first));
    }
    sql += " AND (record_id > ? OR (record_id = ? AND seq > ?))";
    params.emplace_back(base::View(query.after->first));
    params.emplace_back(base::View(query.after->first));
    params.emplace_back(number(query.after->second));
  }
  sql += query.newest_first ? " ORDER BY record_id DESC, seq DESC" : " ORDER BY record_id, seq";
  sql += " LIMIT ?";
  params.emplace_back(number(std::min<std::uint64_t>(query.limit, INT64_MAX)));
  std::vector<vault::HistoryEntry> entries;
  use.query(sql, params, [&](const Row& row) { entries.push_back(read_history(row)); });
  return entries;
}

}  // namespace db
