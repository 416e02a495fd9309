// What db/ offers to the composition roots (plugin, cli).
#pragma once

#include <memory>
#include <string>

#include "base/counters.h"
#include "base/log.h"
#include "base/result.h"
#include "db/settings.h"
#include "vault/ports.h"

namespace db {

class FileKeyRing;  // db/key_files.h: vault::KeyRing plus the master keys

// A factory for the engine of the settings. Connects lazily; `open` gives MySqlStore or
// SqliteStore. All referenced objects outlive the factory. Any thread. The MySQL driver is taken
// here, once per process, with the host's SIGPIPE disposition saved and restored.
base::Result<std::unique_ptr<vault::StoreFactory>> make_store_factory(const Settings& settings,
                                                                      const FileKeyRing& keys,
                                                                      base::Log& log,
                                                                      base::Counters& counters);

// Schema: numbered steps (db/schema). `code` is what this build needs, `found` what is there.
struct SchemaStatus {
  int code = 0;
  int found = 0;         // 0: no schema yet
  bool no_file = false;  // sqlite: not even a database
};
// What to do about that, for people.
std::string no_database(const std::string& path);
base::Result<SchemaStatus> schema_status(const Settings& settings);
// `away` tells of an error whether the database could not be had; else it refused.
// Refuses unless found == 0.
base::Result<SchemaStatus> schema_init(const Settings& settings, bool* away = nullptr);
// Runs the missing steps.
base::Result<SchemaStatus> schema_upgrade(const Settings& settings, bool* away = nullptr);

}  // namespace db
