// The schema's numbered steps (db/schema/NNNN_name.sql, embedded at build time), in the dialect of
// a connection.
#pragma once

#include <string>
#include <vector>

#include "db/sql.h"
#include "db/stores.h"

namespace db {

// What the build embeds (generated from db/schema).
struct SchemaStep {
  int number;
  const char* text;
};
extern const SchemaStep kSchemaSteps[];
extern const int kSchemaStepCount;

SchemaStatus read_schema(SqlConnection& connection);
// Runs what is missing. SQLite: all or nothing; MySQL: each statement by itself, repeatable.
SchemaStatus run_schema_steps(SqlConnection& connection, std::int64_t utc_ms);
// Nothing when found == code; else what is wrong and what to run.
std::string schema_fault(const SchemaStatus& status);

// Statements of one step for a dialect.
std::vector<std::string> schema_statements(const std::string& step, Dialect dialect);

}  // namespace db
