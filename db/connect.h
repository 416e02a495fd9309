// A connection to the store of the settings, whatever its engine: for what is done once, by a tool.
// Private to db.
#pragma once

#include <memory>

#include "db/settings.h"
#include "db/sql.h"
#include "db/sqlite_connection.h"

namespace db {

// Both throw SqlError. The mode counts for SQLite only. The settings need not outlive it.
std::unique_ptr<SqlConnection> open_connection(const Settings& settings, SqliteMode mode);
// The same, when the schema is the one of this build.
std::unique_ptr<SqlConnection> open_current(const Settings& settings, SqliteMode mode);

}  // namespace db
