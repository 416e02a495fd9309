// A vault::Record as a row of table records: one column per field, in one table of columns.
#pragma once

#include <string>
#include <vector>

#include "db/sql.h"
#include "vault/record.h"

namespace db {

// Statement texts that contain the whole list of columns; built once.
struct RecordSql {
  std::string select;  // SELECT id, version, ... FROM records (add a WHERE)
  // The same of one card (parameters: ICCID, key set, ICCID) with its replay counter as the last
  // column, null when there is none.
  std::string select_with_counter;
  std::string insert;       // parameters: see append_insert
  std::string insert_many;  // kRowsPerInsert rows at once
};
inline constexpr std::size_t kRowsPerInsert = 50;

const RecordSql& record_sql();

// Throws SqlError when the row is not one that this program wrote.
vault::Record read_record(const Row& row);
int counter_column();  // of select_with_counter

// A set of the columns of records, by bits.
using ColumnSet = std::uint64_t;
ColumnSet changed_columns(const vault::Record& before, const vault::Record& after);
// Parameters: see append_update. Raises the version.
std::string update_sql(ColumnSet columns);

// The parameters borrow from record and op.
void append_insert(std::vector<Param>& params, const vault::Record& record, const vault::OpId& op);
void append_update(std::vector<Param>& params, const vault::Record& record, ColumnSet columns,
                   std::uint64_t loaded_version, const vault::OpId& op);

// Cuts what is only informative (handset, last_error, lock_reason) to the width of its column.
void fit(vault::Record& record);
// At most `limit` octets of UTF-8, never half a character.
std::string cut_text(const std::string& text, std::size_t limit);

}  // namespace db
