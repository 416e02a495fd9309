#include "db/schema.h"

#include "base/log.h"

namespace db {

namespace {

struct Word {
  const char* mark;
  const char* sqlite;
  const char* mysql;
};
constexpr Word kWords[] = {
    {"{NARROW}", "WITHOUT ROWID",
     "ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"},
    {"{WIDE}", "",
     "ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"},
    {"{ASCII}", "", "CHARACTER SET ascii COLLATE ascii_bin"},
};

std::string without_comments(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size() - 1);
    if (text.compare(at, 2, "--") != 0) out.append(text, at, end - at + 1);
    at = end + 1;
  }
  return out;
}

std::string in_dialect(std::string text, Dialect dialect) {
  for (const Word& word : kWords) {
    const std::string mark = word.mark;
    for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at)) {
      text.replace(at, mark.size(), dialect == Dialect::sqlite ? word.sqlite : word.mysql);
    }
  }
  return text;
}

bool has_version_table(SqlConnection& connection) {
  const char* const sql =
      connection.dialect() == Dialect::sqlite
          ? "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'"
          : "SELECT COUNT(*) FROM information_schema.tables "
            "WHERE table_schema = DATABASE() AND table_name = 'schema_version'";
  bool there = false;
  connection.query(sql, {}, [&](const Row& row) { there = row.number(0) != 0; });
  return there;
}

// `there`: how the connection says that somebody has done it already. It may be a run that was
// interrupted, since MySQL commits each DDL statement at once, or one that goes on beside this one.
template <class Work>
void unless_done(SqlError::Kind there, Work work) {
  try {
    work();
  } catch (const SqlError& error) {
    if (error.kind() != there) throw;
  }
}

void run_step(SqlConnection& connection, const SchemaStep& step, std::int64_t utc_ms) {
  for (const std::string& statement : schema_statements(step.text, connection.dialect())) {
    unless_done(SqlError::Kind::exists, [&] { connection.run(statement); });
  }
  unless_done(SqlError::Kind::constraint, [&] {
    connection.execute("INSERT INTO schema_version (version, installed_at) VALUES (?, ?)",
                       {number(step.number), number(utc_ms)});
  });
}

}  // namespace

std::vector<std::string> schema_statements(const std::string& step, Dialect dialect) {
  const std::string text = in_dialect(without_comments(step), dialect);
  std::vector<std::string> statements;
  for (std::size_t at = 0;;) {
    const std::size_t end = text.find(';', at);
    if (end == std::string::npos) return statements;
    statements.push_back(text.substr(at, end - at));
    at = end + 1;
  }
}

SchemaStatus read_schema(SqlConnection& connection) {
  SchemaStatus status;
  status.code = kSchemaSteps[kSchemaStepCount - 1].number;
  if (!has_version_table(connection)) return status;
  connection.query("SELECT COALESCE(MAX(version), 0) FROM schema_version", {},
                   [&](const Row& row) { status.found = static_cast<int>(row.number(0)); });
  return status;
}

SchemaStatus run_schema_steps(SqlConnection& connection, std::int64_t utc_ms) {
  const bool whole = connection.dialect() == Dialect::sqlite;
  if (whole) connection.begin();
  try {
    const SchemaStatus before = read_schema(connection);
    for (int i = 0; i < kSchemaStepCount; ++i) {
      if (kSchemaSteps[i].number > before.found) run_step(connection, kSchemaSteps[i], utc_ms);
    }
    if (whole) connection.commit();
  } catch (...) {
    connection.rollback();
    throw;
  }
  return read_schema(connection);
}

std::string schema_fault(const SchemaStatus& status) {
  if (status.found == status.code) return {};
  if (status.found == 0) {
    return "the database has no schema; run: bipvault-ops --config FILE db init";
  }
  if (status.found < status.code) {
    return base::cat("the database has schema ", status.found, ", this build needs ", status.code,
                     "; run: bipvault-ops --config FILE db upgrade");
  }
  return base::cat("the database has schema ", status.found,
                   ", made by a newer version; this build knows up to ", status.code);
}

}  // namespace db
