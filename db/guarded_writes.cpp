#include "db/guarded_writes.h"

namespace db {

using Kind = SqlError::Kind;

void throw_conflict() { throw SqlError(Kind::conflict, 0, "changed by another writer"); }

void insert(SqlConnection& connection, std::string_view sql, Params params) {
  try {
    connection.execute(sql, params);
  } catch (const SqlError& error) {
    if (error.kind() == Kind::constraint) throw_conflict();
    throw;
  }
}

void write_counter(SqlConnection& connection, CounterTable table, const CounterWrite& write) {
  const bool replay = table == CounterTable::replay;
  const std::string_view card = write.card.digits();
  if (write.seen == 0) {
    return insert(connection,
                  replay ? "INSERT INTO counters (iccid, key_set, value) VALUES (?, ?, ?)"
                         : "INSERT INTO downlink_counters (iccid, key_set, value) VALUES (?, ?, ?)",
                  {card, number(write.key_set), number(write.value)});
  }
  connection.change_one(
      replay ? "UPDATE counters SET value = ? WHERE iccid = ? AND key_set = ? AND value = ?"
             : "UPDATE downlink_counters SET value = ? "
               "WHERE iccid = ? AND key_set = ? AND value = ?",
      {number(write.value), card, number(write.key_set), number(write.seen)});
}

}  // namespace db
