// host.ini, for bipvault-host only: section [host].
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ini.h"
#include "base/log.h"
#include "host/messenger.h"

namespace host {

enum class LogTarget { stderr_lines, journald, file };

struct Settings {
  std::string plugin;         // the library
  std::string plugin_config;  // handed to the plugin's init and reload
  std::string card_keys;      // CSV; empty: bv.ota-keys/1 answers NOT_FOUND
  std::string ports_file;     // empty: none
  LogTarget log = LogTarget::stderr_lines;
  std::string log_file;  // with LogTarget::file
  base::Severity log_level = base::Severity::info;
  bool carry_bip = false;
  std::string carry_bip_address;
  bool carry_sms = false;
  SmscSettings smsc;       // for carry_sms
  std::string clock_file;  // empty: the system's clock
  std::int64_t drain_deadline_ms = 0;
  bool core_dumps = false;
};

// Settings, or every fault as "file:line: [host] key: what is wrong". `path` is the file's name in
// messages and where relative paths start. with_files: what it names is looked for as well.
std::variant<Settings, std::vector<std::string>> parse_settings(std::string_view text,
                                                                const std::string& path,
                                                                bool with_files = false);
std::variant<Settings, std::vector<std::string>> load_settings(const std::string& path);

std::span<const base::KeySpec> table();
// The commented example (config/host.ini).
std::string example_ini();
// The table as the manual's chapter (Markdown).
std::string reference_markdown();

}  // namespace host
