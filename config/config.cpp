#include "config/config.h"

#include <sys/stat.h>

#include <algorithm>

#include "base/files.h"
#include "base/log.h"
#include "config/table.h"

namespace config {

namespace {

using base::cat;

#ifdef BIPVAULT_MYSQL
constexpr bool kWithMysql = true;
#else
constexpr bool kWithMysql = false;
#endif

constexpr std::size_t kLongestSocketPath = 107;  // sockaddr_un

bool is_directory(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

bool is_tls13_suite(const std::string& name) { return name.starts_with("TLS_"); }

// Checks between keys, and of the files that they name.
class CrossCheck {
 public:
  CrossCheck(const Config& config, const std::vector<base::IniValue>& values,
             const std::string& path, std::vector<Problem>& problems)
      : c_(config), values_(values), path_(path), problems_(problems) {}

  void keys() {
    store();
    const bip::Settings& b = c_.bip;
    if (b.identify_complete < b.identify_timeout) {
      problem("bip", "identify_complete", "is shorter than identify_timeout");
    }
    if (b.max_data + 128 > b.max_packet) {
      problem("bip", "max_data", "must be at least 128 octets less than max_packet");
    }
    if (!b.tls13 && std::all_of(b.tls_suites.begin(), b.tls_suites.end(), is_tls13_suite)) {
      problem("bip", "tls_suites", "names no suite of TLS 1.2, and tls_max is 1.2");
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

  void files() {
    const std::string help = cat("bipvault-ops --config ", path_, " keys init");
    secret("keys", "master_key_file", c_.keys.master_key_file, help);
    secret("keys", "pepper_file", c_.keys.pepper_file, help);
    secret("keys", "audit_key_file", c_.keys.audit_key_file, help);
    secret("keys", "card_keys", c_.card_keys, "");
    if (c_.store.engine == db::Engine::sqlite && !c_.store.path.empty()) {
      const std::string directory = base::directory_of(c_.store.path);
      if (!is_directory(directory)) {
        problem("store", "path", cat("there is no directory ", directory));
      } else if (is_directory(c_.store.path)) {
        problem("store", "path", cat(c_.store.path, " is a directory"));
      }
    }
    if (c_.store.engine == db::Engine::mysql) {
      secret("store", "password_file", c_.store.password_file, "");
      if (!c_.store.tls_ca.empty()) {
        const auto content = base::read_text_file(c_.store.tls_ca, base::kIniLargestFile);
        if (!content) problem("store", "tls_ca", cat(c_.store.tls_ca, " ", content.error()));
      }
    }
  }

 private:
  void store() {
    const db::Settings& s = c_.store;
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
    if (s.socket.size() > kLongestSocketPath) {
      problem("store", "socket", cat("the path is longer than ", kLongestSocketPath, " octets"));
    }
    if (!s.tls_ca.empty() && s.host.empty()) {
      problem("store", "tls_ca", "TLS needs host: a unix socket has no name to check");
    }
  }

  void secret(std::string_view section, std::string_view key, const std::string& path,
              const std::string& help) {
    if (path.empty()) return;
    const base::SecretFileState file = base::check_secret_file(path);
    if (file.state == base::SecretFile::good) return;
    std::string text = base::shown_path(path) == path ? file.text : "there is no such file (***)";
    const bool missing = file.state == base::SecretFile::missing;
    if (missing && !help.empty()) text += cat("; to create it: ", help);
    problem(section, key, std::move(text),
            missing ? Problem::Kind::missing_file : Problem::Kind::wrong);
  }

  void problem(std::string_view section, std::string_view key, std::string text,
               Problem::Kind kind = Problem::Kind::wrong) {
    int line = 0;
    for (std::size_t i = 0; i < values_.size(); ++i) {
      if (table()[i].section == section && table()[i].key == key) line = values_[i].line;
    }
    problems_.push_back({path_, line, cat(section, ".", key), std::move(text), kind});
  }

  const Config& c_;
  const std::vector<base::IniValue>& values_;
  const std::string& path_;
  std::vector<Problem>& problems_;
};

std::string key_name(const base::IniFault& fault) {
  return fault.key.empty() ? fault.section : cat(fault.section, ".", fault.key);
}

bool any_at(const std::vector<base::IniFault>& faults, std::string_view key) {
  for (const base::IniFault& fault : faults) {
    if (key_name(fault) == key) return true;
  }
  return false;
}

}  // namespace

std::string Problem::to_string() const {
  std::string out = file;
  if (line > 0) out += cat(":", line);
  out += ": ";
  const std::size_t dot = key.find('.');
  if (!key.empty()) out += cat("[", key.substr(0, dot), "]");
  if (dot != std::string::npos) out += cat(" ", key.substr(dot + 1));
  if (!key.empty()) out += ": ";
  return out + text;
}

std::variant<Config, std::vector<Problem>> parse(std::string_view text, const std::string& path,
                                                 Check check) {
  base::IniFile file = base::parse_ini(text);
  std::vector<base::IniFault> faults = std::move(file.faults);
  const auto values = base::apply_table(table(), file, base::directory_of(path), faults);
  Config config = from_values(values);

  std::vector<Problem> cross;
  CrossCheck between(config, values, path, cross);
  between.keys();
  if (check == Check::all) between.files();

  std::vector<Problem> problems;
  for (const base::IniFault& fault : faults) {
    problems.push_back({path, fault.line, key_name(fault), fault.text});
  }
  for (Problem& problem : cross) {
    // A key that could not be read has its default here: nothing more to say about it.
    if (!any_at(faults, problem.key)) problems.push_back(std::move(problem));
  }
  if (!problems.empty()) {
    std::stable_sort(problems.begin(), problems.end(),
                     [](const Problem& a, const Problem& b) { return a.line < b.line; });
    return problems;
  }
  return config;
}

std::variant<Config, std::vector<Problem>> load(const std::string& path, Check check) {
  const auto text = base::read_text_file(path, base::kIniLargestFile);
  if (!text) return std::vector<Problem>{{path, 0, "", text.error()}};
  return parse(*text, path, check);
}

std::string defaults_ini() {
  return "; Bipvault's configuration: every key with its default. Lines that start with ; or # "
         "are\n"
         "; comments; a comment behind a value is refused. Relative paths start at this file.\n"
         "; Durations: 500ms 10s 5m 24h 60d 2months (of 30 days). Sizes: 1400 256K 1M 2G.\n"
         "; Check a changed file with: bipvault-ops --config FILE config check\n\n" +
         base::table_as_ini(table());
}

std::string reference_markdown() { return base::table_as_markdown(table()); }

}  // namespace config
