// Statements that change sets of records and of messages have in common. Inside an open
// transaction; `conflict` when something is no longer as it was read. What is bound is borrowed
// until the statement has run, which may be after these have returned.
#pragma once

#include <initializer_list>
#include <string_view>

#include "db/sql.h"
#include "vault/types.h"

namespace db {

[[noreturn]] void throw_conflict();

// A key that another writer took first is a race, not an error.
void insert(SqlConnection& connection, std::string_view sql, Params params);
inline void insert(SqlConnection& connection, std::string_view sql,
                   std::initializer_list<Param> params) {
  insert(connection, sql, Params(params.begin(), params.size()));
}

// A counter of (card, key set), which only rises.
struct CounterWrite {
  vault::Iccid card;
  std::uint8_t key_set = 0;
  vault::Counter seen = 0;  // what the function saw; must still be so. 0: there was none
  vault::Counter value = 0;
};
enum class CounterTable { replay, downlink };
void write_counter(SqlConnection& connection, CounterTable table, const CounterWrite& write);

}  // namespace db
