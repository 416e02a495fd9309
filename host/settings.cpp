#include "host/settings.h"

#include <sys/stat.h>

#include <algorithm>
#include <span>

#include "base/files.h"
#include "base/ini.h"
#include "base/text.h"

namespace host {

namespace {

using base::KeySpec;
using base::Presence;
using base::Reload;
using base::ValueType;

enum Key : std::size_t {
  kPlugin,
  kPluginConfig,
  kCardKeys,
  kPortsFile,
  kCarryBip,
  kCarryBipAddress,
  kCarrySms,
  kSmsc,
  kSmscSystemId,
  kSmscPasswordFile,
  kSmscSource,
  kLog,
  kLogFile,
  kLogLevel,
  kClock,
  kDrainDeadline,
  kCoreDumps,
};

constexpr KeySpec row(std::string_view key, ValueType type, Presence presence,
                      std::string_view value, std::string_view choices, std::string_view help) {
  KeySpec spec;
  spec.section = "host";
  spec.key = key;
  spec.type = type;
  spec.presence = presence;
  (presence == Presence::required ? spec.example : spec.default_text) = value;
  spec.choices = choices;
  spec.reload = Reload::restart;
  spec.help = help;
  return spec;
}

constexpr KeySpec drain_row() {
  KeySpec spec = row("drain_deadline", ValueType::duration, Presence::optional, "30s", "",
                     "How long transfers under way may take after SIGTERM or SIGINT");
  spec.minimum = "0";
  spec.maximum = "1h";
  return spec;
}

// In the order of Key.
constexpr KeySpec kTable[] = {
    row("plugin", ValueType::path, Presence::required, "../lib/bipvault.so", "",
        "The plugin's library"),
    row("plugin_config", ValueType::path, Presence::required, "bipvault.ini", "",
        "The plugin's own configuration file, read by the plugin; again on SIGHUP"),
    row("card_keys", ValueType::secret_path, Presence::optional, "", "",
        "OTA keys of the cards: CSV with a header and the columns iccid, key_set, algorithm (aes "
        "or 3des), kic, kid and, if wanted, psk, keys in hexadecimal; mode 0600 or 0400; read "
        "again on SIGHUP. Empty: no card has keys"),
    row("ports_file", ValueType::path, Presence::optional, "", "",
        "Written once all listeners are open, as JSON: {\"tcp\": 7100}; removed at the end. "
        "Empty: none"),
    row("carry_bip", ValueType::boolean, Presence::optional, "no", "",
        "End TCP channels of cards in the host and hand their octets to the plugin (bv.bip/1), as "
        "a "
        "platform does that ends BIP itself; beside the listeners that the plugin's own "
        "configuration names"),
    row("carry_bip_address", ValueType::text, Presence::optional, "127.0.0.1:0", "",
        "Address and port for it; port 0: any free one. ports_file tells it as carried, and as tcp "
        "too when the plugin has no TCP listener"),
    row("carry_sms", ValueType::boolean, Presence::optional, "no", "",
        "Carry the plugin's messages over an SMSC connection of the host (bv.sms/1), as a platform "
        "does that has one; the plugin's own configuration says [smsc] by_host = yes"),
    row("smsc", ValueType::text, Presence::optional, "", "",
        "Address and port of the SMSC for carry_sms, such as 127.0.0.1:2775; SMPP 3.4, one "
        "transceiver bind"),
    row("smsc_system_id", ValueType::text, Presence::optional, "", "",
        "system_id of the bind, at most 15 characters"),
    row("smsc_password_file", ValueType::secret_path, Presence::optional, "", "",
        "File with its password, at most 8 characters; mode 0600 or 0400. Empty: no password"),
    row("smsc_source", ValueType::text, Presence::optional, "", "",
        "The platform's own number, from which messages go out and to which answers come"),
    row("log", ValueType::choice, Presence::optional, "stderr", "stderr journald file",
        "Where log lines go; journald gets PRIORITY and BIPVAULT_COMPONENT as fields"),
    row("log_file", ValueType::path, Presence::optional, "", "",
        "log = file: the file, opened anew on SIGHUP, as logrotate wants. What cannot be written "
        "there goes to standard error"),
    row("log_level", ValueType::choice, Presence::optional, "info", "debug info warning error",
        "The least severe lines that are written"),
    row("clock", ValueType::text, Presence::optional, "system", "",
        "system, or file:PATH for a laboratory: a file with one line, milliseconds added to the "
        "date and to the monotonic clock, read again every second"),
    drain_row(),
    row("core_dumps", ValueType::boolean, Presence::optional, "no", "",
        "Allow core dumps, tracing and debuggers. The process holds keys in its memory"),
};

std::string fault_text(const std::string& path, const base::IniFault& fault) {
  std::string out = path;
  if (fault.line > 0) out += base::cat(":", fault.line);
  out += ": ";
  if (!fault.section.empty()) out += base::cat("[", fault.section, "]");
  if (!fault.key.empty()) out += base::cat(" ", fault.key);
  if (!fault.section.empty()) out += ": ";
  return out + fault.text;
}

bool is_directory(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

bool read_clock(const std::string& text, const std::string& directory, std::string& file) {
  constexpr std::string_view kFile = "file:";
  if (text == "system") return true;
  if (!text.starts_with(kFile) || text.size() == kFile.size()) return false;
  file = text.substr(kFile.size());
  if (file.front() != '/') file = directory + "/" + file;
  return true;
}

}  // namespace

std::variant<Settings, std::vector<std::string>> parse_settings(std::string_view text,
                                                                const std::string& path,
                                                                bool with_files) {
  base::IniFile file = base::parse_ini(text);
  std::vector<base::IniFault> faults = std::move(file.faults);
  const std::string directory = base::directory_of(path);
  const auto values = base::apply_table(kTable, file, directory, faults);

  Settings settings;
  settings.plugin = values[kPlugin].text;
  settings.plugin_config = values[kPluginConfig].text;
  settings.card_keys = values[kCardKeys].text;
  settings.ports_file = values[kPortsFile].text;
  settings.log = static_cast<LogTarget>(values[kLog].number);
  settings.log_file = values[kLogFile].text;
  settings.log_level = static_cast<base::Severity>(values[kLogLevel].number);
  settings.carry_bip = values[kCarryBip].number != 0;
  settings.carry_bip_address = values[kCarryBipAddress].text;
  settings.carry_sms = values[kCarrySms].number != 0;
  settings.smsc = {values[kSmsc].text, values[kSmscSystemId].text, values[kSmscPasswordFile].text,
                   values[kSmscSource].text};
  settings.drain_deadline_ms = values[kDrainDeadline].number;
  settings.core_dumps = values[kCoreDumps].number != 0;
  if (!read_clock(values[kClock].text, directory, settings.clock_file)) {
    faults.push_back({values[kClock].line, "host", "clock", "must be system or file:PATH"});
  }
  if (settings.log == LogTarget::file && settings.log_file.empty()) {
    faults.push_back({values[kLog].line, "host", "log", "file needs log_file"});
  }
  if (const std::string parent = base::directory_of(settings.log_file);
      with_files && settings.log == LogTarget::file && !is_directory(parent)) {
    faults.push_back(
        {values[kLogFile].line, "host", "log_file", base::cat("there is no directory ", parent)});
  }
  if (!base::parse_host_port(settings.carry_bip_address)) {
    faults.push_back({values[kCarryBipAddress].line, "host", "carry_bip_address",
                      "must be an address and port, such as 127.0.0.1:7110"});
  }
  if (settings.carry_sms && !base::parse_host_port(settings.smsc.address)) {
    faults.push_back({values[kSmsc].line, "host", "smsc",
                      "must be an address and port, such as 127.0.0.1:2775, with carry_sms"});
  }
  if (with_files && settings.carry_sms && !settings.smsc.password_file.empty()) {
    const base::SecretFileState password = base::check_secret_file(settings.smsc.password_file);
    if (password.state != base::SecretFile::good) {
      faults.push_back(
          {values[kSmscPasswordFile].line, "host", "smsc_password_file", password.text});
    }
  }
  if (settings.smsc.system_id.size() > 15) {
    faults.push_back(
        {values[kSmscSystemId].line, "host", "smsc_system_id", "is longer than 15 characters"});
  }
  if (faults.empty()) return settings;

  std::stable_sort(faults.begin(), faults.end(),
                   [](const auto& a, const auto& b) { return a.line < b.line; });
  std::vector<std::string> lines;
  for (const base::IniFault& fault : faults) lines.push_back(fault_text(path, fault));
  return lines;
}

std::variant<Settings, std::vector<std::string>> load_settings(const std::string& path) {
  const auto text = base::read_text_file(path, base::kIniLargestFile);
  if (!text) return std::vector<std::string>{path + ": " + text.error()};
  return parse_settings(*text, path, true);
}

std::string example_ini() {
  return "; Configuration of bipvault-host, the reference OTA platform. Lines that start with ; "
         "or\n"
         "; # are comments; relative paths start at this file. A change needs a restart of the "
         "host.\n"
         "; Check with: bipvault-host --config FILE --check\n\n" +
         base::table_as_ini(kTable, false);
}

std::span<const KeySpec> table() { return kTable; }

std::string reference_markdown() { return base::table_as_markdown(kTable); }

}  // namespace host
