// The plugin's INI, checked wholly before anything starts. One table (config/keys.def) holds every
// section, key, type, default, limit and help text; parser, `config defaults`, the commented
// example and the manual's chapter all come from it.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "bip/settings.h"
#include "db/settings.h"
#include "vault/policy.h"

namespace config {

struct Config {
  db::Settings store;
  db::KeyFiles keys;
  std::string card_keys;  // laboratory only: CSV as in host.ini, when the host gives no keys
  bip::Settings bip;
  vault::Policy vault;
};

// One fault: "file:line: [section] key: what is wrong (nearest known key)". line 0: whole file.
struct Problem {
  std::string file;
  int line = 0;
  std::string key;     // "section.key", empty if none
  std::string text;
  std::string to_string() const;
};

// A configuration, or every fault of the file at once. Relative paths are relative to the file.
// Key and password files are checked for existence and mode.
std::variant<Config, std::vector<Problem>> load(const std::string& path);

// The whole table as a commented INI that load() accepts and that means the defaults.
std::string defaults_ini();
// The table as the manual's chapter (Markdown).
std::string reference_markdown();

// Keys whose change needs a restart, comparing two configurations: "[bip] tcp".
std::vector<std::string> not_reloadable(const Config& running, const Config& wanted);

}  // namespace config
