// Section [store] and the key files of section [keys] of the INI.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"

namespace db {

enum class Engine { sqlite, mysql };

struct Settings {
  Engine engine = Engine::sqlite;
  std::string path;  // sqlite: the database file
  std::string host;  // mysql: one server, or several (parse_servers); empty with `socket`
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
  // Not a key: how long a connection may be unused until it is looked at before it is used.
  std::int64_t idle_check_ms = 60'000;
};

struct ServerName {
  std::string host;
  std::uint16_t port = 0;
};

// The words of `host`: NAME, NAME:PORT, ADDRESS or [ADDRESS]:PORT; without a port that of the
// settings. Nothing: a word is none of these. Empty with `socket`.
inline std::optional<std::vector<ServerName>> parse_servers(const Settings& settings) {
  std::vector<ServerName> servers;
  for (std::string_view word : base::split_words(settings.host)) {
    ServerName server{std::string(word), settings.port};
    const std::size_t colon = word.rfind(':');
    const bool bracket = word.front() == '[';
    const bool has_port = bracket ? colon != word.npos && word[colon - 1] == ']'
                                  : colon != word.npos && word.find(':') == colon;
    if (bracket && !has_port && word.back() != ']') return std::nullopt;
    if (has_port) {
      const auto port = base::parse_integer(word.substr(colon + 1));
      if (!port || *port < 1 || *port > 65535) return std::nullopt;
      server = {std::string(word.substr(0, colon)), static_cast<std::uint16_t>(*port)};
    }
    if (bracket) server.host = server.host.substr(1, server.host.size() - 2);
    if (server.host.empty()) return std::nullopt;
    servers.push_back(std::move(server));
  }
  return servers;
}

// Master keys in an HSM.
struct TokenSettings {
  std::string module;  // the PKCS#11 library; empty: none
  std::string token;   // its label
  std::string pin_file;
  std::string key_label = "bipvault-master";
};

struct KeyFiles {
  std::string master_key_file;  // may be empty where there is a token
  std::string pepper_file;
  std::string audit_key_file;
  TokenSettings token = {};
};

}  // namespace db
