// Section [store] and the key files of section [keys] of the INI.
#pragma once

#include <cstdint>
#include <string>

namespace db {

enum class Engine { sqlite, mysql };

struct Settings {
  Engine engine = Engine::sqlite;
  std::string path;  // sqlite: the database file
  std::string host;  // mysql: empty with `socket`
  std::uint16_t port = 3306;
  std::string socket;  // mysql: path of the unix socket
  std::string database = "bipvault";
  std::string user = "bipvault";
  std::string password_file;  // first line; mode 0600 or 0400
  std::string tls_ca;         // mysql: CA file; TLS with name check when given
  std::int64_t connect_timeout_ms = 3000;
  std::int64_t query_timeout_ms = 5000;
  std::int64_t commit_deadline_ms = 10'000;  // how long an unknown commit is looked up
  // Not a key: how long the store must have been well before the log says so.
  std::int64_t settled_after_ms = 10'000;
};

struct KeyFiles {
  std::string master_key_file;
  std::string pepper_file;
  std::string audit_key_file;
};

}  // namespace db
