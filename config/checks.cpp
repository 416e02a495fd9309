#include "config/checks.h"

#include <sys/stat.h>

#include <algorithm>
#include <tuple>

#include "base/files.h"
#include "base/log.h"
#include "base/text.h"
#include "config/table.h"
#include "config/value_checks.h"

namespace config {

namespace {

using base::cat;

#ifdef BIPVAULT_MYSQL
constexpr bool kWithMysql = true;
#else
constexpr bool kWithMysql = false;
#endif

constexpr std::size_t kLongestSocketPath = 107;  // sockaddr_un
constexpr std::size_t kLongestInstance = 64;

bool is_directory(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

// Line of a key, also of one that a key of the table stands for; 0: not in the file.
int line_of(std::span<const base::KeySpec> table, const std::vector<base::IniValue>& values,
            std::string_view section, std::string_view key) {
  int line = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (table[i].section != section) continue;
    if (table[i].key == key) line = values[i].line;
    const std::string_view family = table[i].key.substr(0, table[i].key.rfind('.') + 1);
    for (const base::IniMember& member : values[i].members) {
      if (cat(family, member.name) == key) line = member.value.line;
    }
  }
  return line;
}

class Checks {
 public:
  Checks(const Read& read, std::vector<Problem>& problems)
      : r_(read), c_(read.config), problems_(problems) {}

  void store();
  void bip_and_vault();
  void listeners();
  void none_alone();
  void languages();
  void reminder();
  void notices();
  void wake_up();
  void care();
  void keys();
  void smscs();
  void files();

 private:
  void smsc(std::size_t index);
  void smsc_texts(std::size_t index);
  void secret(std::string_view section, std::string_view key, const std::string& path,
              const std::string& help = "");
  void readable(std::string_view section, std::string_view key, const std::string& path);
  void problem(std::string_view section, std::string_view key, std::string text,
               Problem::Kind kind = Problem::Kind::wrong);

  const Read& r_;
  const Config& c_;
  std::vector<Problem>& problems_;
};

void Checks::store() {
  const db::Settings& s = c_.store;
  if (c_.instance.size() > kLongestInstance) {
    problem("store", "instance", cat("is longer than ", kLongestInstance, " octets"));
  }
  if (s.engine == db::Engine::sqlite) {
    if (s.path.empty()) problem("store", "path", "engine = sqlite needs the database file here");
    return;
  }
  if (!kWithMysql) {
    problem("store", "engine", "this build has no MySQL store (BIPVAULT_MYSQL was off)");
  }
  if (s.host.empty() == s.socket.empty()) {
    problem("store", s.host.empty() ? "host" : "socket",
            s.host.empty() ? "engine = mysql needs host or socket"
                           : "host and socket exclude each other");
  }
  if (!db::parse_servers(s)) {
    problem("store", "host", "must be words NAME, NAME:PORT or [ADDRESS]:PORT");
  }
  if (s.socket.size() > kLongestSocketPath) {
    problem("store", "socket", cat("the path is longer than ", kLongestSocketPath, " octets"));
  }
  if (!s.tls_ca.empty() && s.host.empty()) {
    problem("store", "tls_ca", "TLS needs host: a unix socket has no name to check");
  }
}

void Checks::bip_and_vault() {
  const bip::Settings& b = c_.bip;
  if (b.identify_complete < b.identify_timeout) {
    problem("bip", "identify_complete", "is shorter than identify_timeout");
  }
  if (b.cat_tp_link.rto_max < std::max(b.cat_tp_link.rto_min, b.cat_tp_link.rto_initial)) {
    problem("bip", "cat_tp_rto_max", "is shorter than cat_tp_rto_min or cat_tp_rto_initial");
  }
  if (b.cat_tp_link.keep_alive >= b.idle_timeout) {
    problem("bip", "cat_tp_keep_alive",
            "is not shorter than idle_timeout, which ends the link first");
  }
  if (b.max_data + 128 > b.max_packet) {
    problem("bip", "max_data", "must be at least 128 octets less than max_packet");
  }
  if (const std::string fault = suites_fault(b.tls_suites, b.tls13); !fault.empty()) {
    problem("bip", "tls_suites", fault);
  }
  if (b.session_input < b.max_packet) {
    problem("bip", "session_input", "is less than max_packet: no packet would fit");
  }
  if (c_.vault.staging_bytes < c_.vault.max_image_bytes) {
    problem("vault", "staging_bytes", "is less than max_image_bytes: no store could end");
  }
  if (c_.vault.staging_disk < c_.vault.max_image_bytes) {
    problem("vault", "staging_disk", "is less than max_image_bytes: no store could end");
  }
}

void Checks::listeners() {
  const std::tuple<const char*, const char*, const std::string*> all[] = {
      {"bip", "tcp", &c_.bip.tcp},
      {"bip", "tls_psk", &c_.bip.tls_psk},
      {"metrics", "listen", &c_.metrics_listen}};
  for (std::size_t i = 0; i < std::size(all); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const auto& [section, key, address] = all[i];
      const auto& [other_section, other_key, other] = all[j];
      if (!same_place(*address, *other)) continue;
      problem(section, key,
              cat(*address, " is listened on by [", other_section, "] ", other_key, " already"));
      break;
    }
  }
}

// "none" stands for an empty list, and means nothing beside others.
void Checks::none_alone() {
  for (const auto& [section, key] : {std::pair{"vault", "notify"}, {"care", "approve"}}) {
    for (std::size_t i = 0; i < r_.values.size(); ++i) {
      const std::vector<std::string>& items = r_.values[i].items;
      if (table()[i].section != section || table()[i].key != key || items.size() < 2) continue;
      if (std::find(items.begin(), items.end(), "none") == items.end()) continue;
      problem(section, key, "none excludes the other words");
    }
  }
}

// A text or word list under a name that no record's language can have would never be used.
void Checks::languages() {
  for (std::size_t i = 0; i < r_.values.size(); ++i) {
    const base::KeySpec& spec = table()[i];
    if (!spec.key.ends_with(".LANG")) continue;
    for (const base::IniMember& member : r_.values[i].members) {
      const std::string fault = language_fault(member.name);
      const std::string family(spec.key.substr(0, spec.key.rfind('.') + 1));
      if (!fault.empty()) problem(spec.section, family + member.name, fault);
    }
  }
  const std::string fault = language_fault(c_.reminder.default_language);
  if (!fault.empty()) problem("reminder", "default_language", fault);
}

void Checks::reminder() {
  const auto text = [&](std::string_view key) {
    for (std::size_t i = 0; i < r_.values.size(); ++i) {
      if (table()[i].section == "reminder" && table()[i].key == key) return r_.values[i].text;
    }
    return std::string();
  };
  if (!vault::parse_interval(text("interval"))) {
    problem("reminder", "interval", "not a span of time such as 2months, 60d or 1months12h");
  }
  if (!vault::parse_hours(text("hours"))) {
    problem("reminder", "hours", "not a part of the day such as 09:00-20:00");
  }
  for (const std::string& prefix : c_.reminder.msisdn_allow) {
    if (!is_number(prefix)) {
      problem("reminder", "msisdn_allow", cat("'", prefix, "' is not the beginning of a number"));
    }
  }
  for (const vault::SettingsFault& fault : vault::faults_of(c_.reminder)) {
    problem("reminder", fault.key, fault.text);
  }
  if (c_.reminder.enabled && !c_.has_sms()) {
    problem("reminder", "enabled", "there is no section [smsc.NAME] to send reminders by");
  }
}

void Checks::notices() {
  const vault::NoticeSettings& n = c_.vault.notices;
  const std::pair<const char*, const vault::Texts*> all[] = {{"unlock", &n.unlock_text},
                                                             {"move", &n.move_text},
                                                             {"erase", &n.erase_text},
                                                             {"export", &n.export_text}};
  for (const auto& [name, texts] : all) {
    for (const auto& [language, text] : *texts) {
      const std::string fault = vault::text_fault(text, {vault::kCardPlaceholder});
      if (!fault.empty()) problem("notice", cat(name, ".", language), fault);
    }
  }
}

void Checks::wake_up() {
  const bip::WakeUpSettings& w = c_.wake_up;
  if (w.mode == bip::WakeMode::push && w.server.empty()) {
    problem("wake_up", "server", "mode = push needs the address that cards shall connect to");
  }
  if (!is_apn(w.apn)) {
    problem("wake_up", "apn", "not an access point name: labels with dots between");
  }
}

void Checks::smsc_texts(std::size_t index) {
  const smsc::Settings& s = c_.smscs[index].settings;
  const std::string section = "smsc." + s.name;
  const std::tuple<const char*, const std::string*, std::size_t> limits[] = {
      {"system_id", &s.system_id, 15},
      {"receiver_system_id", &s.receiver_system_id, 15},
      {"system_type", &s.system_type, 12},
      {"address_range", &s.address_range, 40},
      {"service_type", &s.service_type, 5}};
  for (const auto& [key, text, most] : limits) {
    if (text->size() > most) problem(section, key, cat("is longer than ", most, " characters"));
  }
  constexpr int kName = 5;
  const std::size_t longest = s.source_ton == kName ? 11 : 20;
  if (s.source.size() > longest) {
    problem(section, "source", cat("is longer than ", longest, " characters"));
  } else if (s.source_ton != kName && !is_number(s.source)) {
    problem(section, "source", "is not a number; for a name source_ton must be 5");
  }
}

void Checks::smsc(std::size_t index) {
  const smsc::Settings& s = c_.smscs[index].settings;
  const std::string section = "smsc." + s.name;
  constexpr std::size_t kLongestName = 32;
  if (s.name.empty() || s.name.size() > kLongestName) {
    problem(section, "", cat("the name behind 'smsc.' has not 1 to ", kLongestName, " characters"));
  }
  smsc_texts(index);
  if (s.tls && s.tls_ca_file.empty()) {
    problem(section, "tls_ca_file", "tls = yes needs the authorities that sign its certificate");
  }
  if (s.tls_cert_file.empty() != s.tls_key_file.empty()) {
    problem(section, s.tls_cert_file.empty() ? "tls_cert_file" : "tls_key_file",
            "tls_cert_file and tls_key_file belong together");
  }
  if (s.reconnect_max < s.reconnect_min) {
    problem(section, "reconnect_max", "is shorter than reconnect_min");
  }
  const auto& values = r_.smscs[index].values;
  for (std::size_t i = 0; i < values.size(); ++i) {
    for (const base::IniMember& member : values[i].members) {
      if (smsc_table()[i].key != "status.NN" || parse_status(member.name)) continue;
      problem(section, "status." + member.name,
              "not a command_status: up to 8 hexadecimal digits, not 0");
    }
  }
}

void Checks::care() {
  if (c_.care.socket.size() > kLongestSocketPath) {
    problem("care", "socket", cat("is longer than ", kLongestSocketPath, " octets"));
  }
  for (const std::string& entry : c_.care.agents) {
    const std::size_t at = entry.find('=');
    if (at == 0 || at == std::string::npos || at + 1 == entry.size()) {
      problem("care", "agents", cat("'", entry, "' is not USER=AGENT"));
    }
  }
}

void Checks::keys() {
  constexpr std::size_t kLongestLabel = 32;  // CK_TOKEN_INFO
  const db::TokenSettings& t = c_.keys.token;
  if (t.module.empty() && c_.keys.master_key_file.empty()) {
    problem("keys", "master_key_file", "must be given, unless pkcs11_module is");
  }
  if (t.module.empty()) return;
  if (t.token.empty()) problem("keys", "pkcs11_token", "pkcs11_module needs the token's label");
  if (t.token.size() > kLongestLabel) {
    problem("keys", "pkcs11_token", cat("is longer than ", kLongestLabel, " octets"));
  }
  if (t.pin_file.empty()) problem("keys", "pkcs11_pin_file", "pkcs11_module needs the PIN's file");
}

void Checks::smscs() {
  if (c_.sms_by_host && !c_.smscs.empty()) {
    problem("smsc", "by_host", "by_host = yes and sections [smsc.NAME] exclude each other");
  }
  for (std::size_t i = 0; i < c_.smscs.size(); ++i) smsc(i);
}

void Checks::files() {
  const std::string help = cat("restore it from the backup of the keys; only for a new vault: ",
                               "bipvault-ops --config ", r_.path, " keys init");
  secret("keys", "master_key_file", c_.keys.master_key_file, help);
  secret("keys", "pepper_file", c_.keys.pepper_file, help);
  secret("keys", "audit_key_file", c_.keys.audit_key_file, help);
  secret("keys", "card_keys", c_.card_keys);
  secret("keys", "pkcs11_pin_file", c_.keys.token.pin_file);
  if (c_.store.engine == db::Engine::sqlite && !c_.store.path.empty()) {
    const std::string directory = base::directory_of(c_.store.path);
    if (!is_directory(directory)) {
      problem("store", "path", cat("there is no directory ", directory));
    } else if (is_directory(c_.store.path)) {
      problem("store", "path", cat(c_.store.path, " is a directory"));
    }
  }
  if (const std::string& directory = c_.detail_records.directory;
      !directory.empty() && !is_directory(directory)) {
    problem("detail_records", "directory", cat("there is no directory ", directory));
  }
  if (c_.store.engine == db::Engine::mysql) {
    secret("store", "password_file", c_.store.password_file);
    readable("store", "tls_ca", c_.store.tls_ca);
  }
  for (const Smsc& smsc : c_.smscs) {
    const smsc::Settings& s = smsc.settings;
    const std::string section = "smsc." + s.name;
    secret(section, "password_file", s.password_file);
    secret(section, "receiver_password_file", s.receiver_password_file);
    secret(section, "tls_key_file", s.tls_key_file);
    readable(section, "tls_ca_file", s.tls_ca_file);
    readable(section, "tls_cert_file", s.tls_cert_file);
  }
}

void Checks::readable(std::string_view section, std::string_view key, const std::string& path) {
  if (path.empty()) return;
  const auto content = base::read_text_file(path, base::kIniLargestFile);
  if (!content) problem(section, key, cat(path, " ", content.error()));
}

void Checks::secret(std::string_view section, std::string_view key, const std::string& path,
                    const std::string& help) {
  if (path.empty()) return;
  const base::SecretFileState file = base::check_secret_file(path);
  if (file.state == base::SecretFile::good) return;
  std::string text = base::shown_path(path) == path ? file.text : "there is no such file (***)";
  const bool missing = file.state == base::SecretFile::missing;
  if (missing && !help.empty()) text += cat("; ", help);
  problem(section, key, std::move(text),
          missing ? Problem::Kind::missing_file : Problem::Kind::wrong);
}

void Checks::problem(std::string_view section, std::string_view key, std::string text,
                     Problem::Kind kind) {
  int line = line_of(table(), r_.values, section, key);
  for (const SmscValues& smsc : r_.smscs) {
    if (section != "smsc." + smsc.name) continue;
    line = line_of(smsc_table(), smsc.values, kSmscSection, key);
    if (line == 0) line = smsc.line;
  }
  const std::string name = key.empty() ? std::string(section) : cat(section, ".", key);
  problems_.push_back({r_.path, line, name, std::move(text), kind, std::string(section)});
}

}  // namespace

void check_keys(const Read& read, std::vector<Problem>& problems) {
  Checks checks(read, problems);
  checks.store();
  checks.bip_and_vault();
  checks.listeners();
  checks.none_alone();
  checks.languages();
  checks.smscs();
  checks.reminder();
  checks.notices();
  checks.wake_up();
  checks.care();
  checks.keys();
}

void check_files(const Read& read, std::vector<Problem>& problems) {
  Checks(read, problems).files();
}

}  // namespace config
