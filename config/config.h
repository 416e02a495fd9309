// The plugin's INI, checked wholly before anything starts. Two tables (config/keys.def and, for
// each section [smsc.NAME], config/smsc_keys.def) hold every section, key, type, default, limit and
// help text; parser, `config defaults`, the commented example and the manual's chapter all come
// from them.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "bip/settings.h"
#include "db/settings.h"
#include "smsc/settings.h"
#include "vault/policy.h"
#include "vault/reminder_settings.h"

namespace config {

// Where packages put it, and where programs look that are not told.
inline constexpr char kDefaultPath[] = "/etc/bipvault/bipvault.ini";

// One section [smsc.NAME].
struct Smsc {
  smsc::Settings settings;  // without the passwords: the files are named
  vault::OnTimeout on_timeout = vault::OnTimeout::assume_sent;
};

// Who may call customer care, and where: section [care]. Users are login names or numbers of this
// machine; what they are called in the history is told here and nowhere else.
struct CareAccess {
  std::string socket;  // of bipvault-cared; empty: bipvault-care opens the store itself
  std::vector<std::string> agents;   // "USER=AGENT"
  std::vector<std::string> brokers;  // users that call for agents whom they name
  std::vector<std::string> auditors;
  std::int64_t request_timeout = 10 * base::kSecondMs;
  std::int64_t call_timeout = base::kMinuteMs;
  int calls = 16;  // at a time
  int calls_per_user = 4;
};

// Section [detail_records].
struct DetailRecords {
  std::string directory;  // empty: none are written
  std::int64_t every = base::kHourMs;
  std::int64_t size = 64 * 1024 * 1024;
  int queue = 100'000;  // lines
};

struct Config {
  db::Settings store;
  std::string instance;  // empty: the machine's name
  db::KeyFiles keys;
  std::string card_keys;  // laboratory only: CSV as in host.ini, when the host gives no keys
  bip::Settings bip;
  vault::Policy vault;
  std::vector<Smsc> smscs;  // in order of preference
  smsc::CommonSettings smsc_common;
  bool sms_by_host = false;  // the platform carries messages (bv.sms/1)
  vault::ReminderSettings reminder;
  bip::WakeUpSettings wake_up;
  CareAccess care;
  std::string metrics_listen;  // empty: none
  DetailRecords detail_records;

  // Of its own; a platform may carry channels without any.
  bool has_listener() const {
    return !(bip.tcp.empty() && bip.tls_psk.empty() && bip.cat_tp.empty());
  }
  bool has_sms() const { return sms_by_host || !smscs.empty(); }
};

// One fault: "file:line: [section] key: what is wrong (nearest known key)". line 0: whole file.
struct Problem {
  enum class Kind {
    wrong,         // the file must be changed
    missing_file,  // a key or password file is not there (yet): `bipvault-ops keys init`
  };
  std::string file;
  int line = 0;
  std::string key;  // "section.key", empty if none
  std::string text;
  Kind kind = Kind::wrong;
  std::string section;  // of `key`: its name may hold a dot
  std::string to_string() const;
};

// syntax_only: the INI itself, without a look at the files that it names.
enum class Check { all, syntax_only };

// A configuration, or every fault of the file at once. Relative paths are relative to the file.
// Key and password files are checked for existence and mode.
std::variant<Config, std::vector<Problem>> load(const std::string& path, Check check = Check::all);
// The same from a text; `path` is its name in messages and where relative paths start.
std::variant<Config, std::vector<Problem>> parse(std::string_view text, const std::string& path,
                                                 Check check = Check::all);

// Where that key stands in the file, for faults that are found later, in what it names; 0: it does
// not, or the file cannot be read.
int line_of_key(const std::string& path, std::string_view section, std::string_view key);

// The whole table as a commented INI that load() accepts and that means the defaults.
std::string defaults_ini();
// The table as the manual's chapter (Markdown).
std::string reference_markdown();

// Keys whose change needs a restart, comparing two configurations: "[bip] tcp".
std::vector<std::string> not_reloadable(const Config& running, const Config& wanted);

// What is wrong with the table itself: a default outside its own limits, a limit that its field
// cannot hold, a text that is missing. Empty in every build that passes its tests.
std::vector<std::string> table_faults();

}  // namespace config
