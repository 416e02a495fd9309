// A vault::Record as a row of table records: one column per field, in one table of columns.
#pragma once

#include <string>
#include <vector>

#include "db/sql.h"
#include "vault/record.h"

namespace db {

// Statement texts that contain the whole list of columns; built once.
struct RecordSql {
  std::string select;       // SELECT id, version, ... FROM records (add a WHERE)
  std::string update;       // parameters: last_op, columns, id, version loaded
  std::string insert;       // parameters: see append_insert
  std::string insert_many;  // kRowsPerInsert rows at once
};
inline constexpr std::size_t kRowsPerInsert = 50;

const RecordSql& record_sql();

// Throws SqlError when the row is not one that this program wrote.
vault::Record read_record(const Row& row);

// The parameters borrow from record and op.
void append_insert(std::vector<Param>& params, const vault::Record& record, const vault::OpId& op);
std::vector<Param> update_params(const vault::Record& record, std::uint64_t loaded_version,
                                 const vault::OpId& op);

// Cuts what is only informative (handset, last_error, lock_reason) to the width of its column.
void fit(vault::Record& record);
// At most `limit` octets of UTF-8, never half a character.
std::string cut_text(const std::string& text, std::size_t limit);

}  // namespace db
