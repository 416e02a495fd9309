#include "db/stores.h"

#include "base/clock.h"
#include "db/connect.h"
#include "db/key_files.h"
#include "db/schema.h"
#include "db/sqlite_store.h"
#ifdef BIPVAULT_MYSQL
#include "db/mysql_store.h"
#endif

namespace db {

namespace {

[[maybe_unused]] constexpr const char* kNoMySql =
    "this build has no MySQL store (built with BIPVAULT_MYSQL=OFF)";

bool no_file_yet(const SqlError& error) { return error.kind() == SqlError::Kind::misfit; }

// The tools' only use of time here: the date of a step, for people.
std::int64_t today() { return base::SystemClock().now().utc_ms; }

// What may go by itself: who repeats it later may succeed.
bool is_away(SqlError::Kind kind) {
  return kind == SqlError::Kind::lost || kind == SqlError::Kind::unknown ||
         kind == SqlError::Kind::conflict;
}

// `open` gives the connection to run them on, or throws why there is nothing to run.
template <class Open>
base::Result<SchemaStatus> run_steps(const Settings& settings, bool* away, Open open) {
  bool ignored = false;
  bool& is = away == nullptr ? ignored : *away;
  const auto status = schema_status(settings);
  is = !status;
  if (!status) return base::Error{status.error()};
  try {
    return run_schema_steps(*open(*status), today());
  } catch (const SqlError& error) {
    is = is_away(error.kind());
    return base::Error{error.text()};
  }
}

}  // namespace

std::string no_database(const std::string& path) {
  return path +
         ": no database there; is its disk mounted, and [store] path right? Only for a new vault: "
         "bipvault-ops --config FILE db init";
}

std::unique_ptr<SqlConnection> open_connection(const Settings& settings, SqliteMode mode) {
  if (settings.engine == Engine::sqlite) {
    return std::make_unique<SqliteConnection>(settings.path, mode, settings.query_timeout_ms);
  }
#ifdef BIPVAULT_MYSQL
  const auto password = mysql_password(settings);
  if (!password) throw SqlError(SqlError::Kind::other, 0, password.error());
  MySqlServers servers(settings);
  return std::move(servers.connect(*password, [](MySqlConnection&) {}).connection);
#else
  throw SqlError(SqlError::Kind::other, 0, kNoMySql);
#endif
}

std::unique_ptr<SqlConnection> open_patient(Settings settings, SqliteMode mode) {
  // On SQLite it is how long to wait for another writer; its statements take what they take.
  if (settings.engine != Engine::sqlite) settings.query_timeout_ms = base::kDayMs;
  return open_connection(settings, mode);
}

std::unique_ptr<SqlConnection> open_current(const Settings& settings, SqliteMode mode) {
  auto connection = open_connection(settings, mode);
  const std::string fault = schema_fault(read_schema(*connection));
  if (!fault.empty()) throw SqlError(SqlError::Kind::misfit, 0, fault);
  return connection;
}

base::Result<std::unique_ptr<vault::StoreFactory>> make_store_factory(const Settings& settings,
                                                                      const FileKeyRing& keys,
                                                                      base::Log& log,
                                                                      base::Counters& counters) {
  using Factory = std::unique_ptr<vault::StoreFactory>;
  if (settings.engine == Engine::sqlite) {
    if (settings.path.empty()) return base::Error{"[store] path: is missing"};
    return Factory(std::make_unique<SqliteStoreFactory>(settings, keys, log, counters));
  }
#ifdef BIPVAULT_MYSQL
  auto password = mysql_password(settings);
  if (!password) return base::Error{password.error()};
  if (const base::Status taken = take_mysql_driver(); !taken) return base::Error{taken.error()};
  return Factory(
      std::make_unique<MySqlStoreFactory>(settings, password.take(), keys, log, counters));
#else
  return base::Error{kNoMySql};
#endif
}

base::Result<SchemaStatus> schema_status(const Settings& settings) {
  try {
    return read_schema(*open_connection(settings, SqliteMode::read));
  } catch (const SqlError& error) {
    if (no_file_yet(error)) return SchemaStatus{kSchemaSteps[kSchemaStepCount - 1].number, 0, true};
    return base::Error{error.text()};
  }
}

base::Result<SchemaStatus> schema_init(const Settings& settings, bool* away) {
  return run_steps(settings, away, [&](const SchemaStatus& status) {
    if (status.found != 0) {
      throw SqlError(SqlError::Kind::misfit, 0,
                     base::cat("the database has a schema already (", status.found, ")"));
    }
    return open_connection(settings, SqliteMode::create);
  });
}

base::Result<SchemaStatus> schema_upgrade(const Settings& settings, bool* away) {
  return run_steps(settings, away, [&](const SchemaStatus& status) {
    if (status.found == 0 || status.found > status.code) {
      throw SqlError(SqlError::Kind::misfit, 0, schema_fault(status));
    }
    return open_patient(settings, SqliteMode::write);
  });
}

}  // namespace db
