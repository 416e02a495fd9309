#include "cli/ops.h"

#include <Poco/JSON/Array.h>

#include <iostream>

#include "base/files.h"
#include "base/text.h"
#include "cli/card_export.h"
#include "cli/care_view.h"
#include "cli/config_check.h"
#include "cli/db_check.h"
#include "cli/import.h"
#include "cli/instance_view.h"
#include "cli/keys_new.h"
#include "cli/keys_ops.h"
#include "cli/phone_number.h"
#include "cli/progress.h"
#include "cli/retention.h"
#include "cli/sms_ops.h"
#include "db/key_checks.h"
#include "db/token_keys.h"
#include "vault/care_service.h"

namespace cli {

namespace {

using base::cat;

const char* format_name(ImportFormat format) {
  return format == ImportFormat::vendor ? "vendor" : format == ImportFormat::csv ? "csv" : "auto";
}

Poco::JSON::Array notes_json(const std::vector<ImportReport::Note>& notes) {
  Poco::JSON::Array array;
  for (const ImportReport::Note& note : notes) {
    JsonObject item = json_object();
    item.set("line", note.line);
    item.set("text", note.text);
    array.add(item);
  }
  return array;
}

// Warnings and bad lines as they stand in the file. Of each kind the first are kept.
void print_notes(const ImportReport& report) {
  const auto& warned = report.warned_lines;
  const auto& bad = report.bad_lines;
  for (std::size_t w = 0, b = 0; w < warned.size() || b < bad.size();) {
    const bool warning = b == bad.size() || (w < warned.size() && warned[w].line <= bad[b].line);
    const ImportReport::Note& note = warning ? warned[w++] : bad[b++];
    std::cerr << "line " << note.line << (warning ? ": warning: " : ": ")
              << base::visible(note.text) << "\n";
  }
  const auto more = [](std::uint64_t all, std::size_t told, const char* what) {
    if (all > told) std::cerr << "... and " << with_commas(all - told) << " more " << what << "\n";
  };
  more(report.warnings, warned.size(), "warnings");
  more(report.bad, bad.size(), "bad lines");
}

void print_counts(const Tool& tool, const ImportReport& report, bool dry_run) {
  const vault::ImportResult& s = report.stored;
  // Of a file that was refused nothing was stored.
  const bool none = s.created + s.updated + s.unchanged == 0;
  if (!report.error.empty() && !report.unavailable && none) return;
  tool.print(cat(dry_run ? "dry run, nothing is stored: would have " : "", "created ", s.created,
                 ", updated ", s.updated, ", unchanged ", s.unchanged, ", bad ", report.bad, "\n"));
}

int report_import(const Tool& tool, const ImportReport& report, bool dry_run) {
  if (tool.json()) {
    JsonObject out = json_object();
    out.set("format", format_name(report.format));
    out.set("dry_run", dry_run);
    out.set("cards", report.cards);
    out.set("created", report.stored.created);
    out.set("updated", report.stored.updated);
    out.set("unchanged", report.stored.unchanged);
    out.set("bad", report.bad);
    out.set("warnings", report.warnings);
    out.set("bad_lines", notes_json(report.bad_lines));
    out.set("warned_lines", notes_json(report.warned_lines));
    out.set("numbers_without_plus", report.without_plus);
    if (!report.error.empty()) out.set("error", report.error);
    tool.print(out);
  } else {
    print_notes(report);
    print_counts(tool, report, dry_run);
  }
  if (report.without_plus > 0 && !tool.json()) {
    tool.fail(kDone, cat(with_commas(report.without_plus),
                         " numbers without + were taken as international, the first in line ",
                         report.first_without_plus));
  }
  if (report.unavailable) return tool.fail(kUnavailable, report.error);
  if (!report.error.empty()) return tool.fail(kFailed, report.error);
  return report.bad > 0 ? kFailed : kDone;
}

// False: `why` says what is wrong with the options.
bool import_options(const Tool& tool, ImportOptions& options, std::string& why) {
  const CommandLine& line = tool.line();
  options.dry_run = line.has("dry-run");
  options.all_or_nothing = line.has("all-or-nothing");
  options.actor = "ops:" + operator_name(tool);
  const std::string format = line.has("format") ? line.get("format") : "auto";
  if (format == "csv") options.format = ImportFormat::csv;
  if (format == "vendor") options.format = ImportFormat::vendor;
  if (format != "auto" && options.format == ImportFormat::automatic) {
    why = "--format must be auto, csv or vendor";
    return false;
  }
  if (line.has("country-code")) {
    auto code = read_country_code(line.get("country-code"));
    if (!code) {
      why = "--country-code must be the 1 to 3 digits behind the +, such as 86";
      return false;
    }
    options.country_code = std::move(*code);
  }
  if (line.has("batch")) {
    const auto batch = base::parse_integer(line.get("batch"));
    if (!batch || *batch < 1 || *batch > 10'000) {
      why = "--batch must be a number from 1 to 10000";
      return false;
    }
    options.batch = static_cast<std::size_t>(*batch);
  }
  return true;
}

int import(Tool& tool) {
  ImportOptions options;
  std::string why;
  if (!import_options(tool, options, why)) return tool.fail(kUsage, why);
  if (const auto refused = operator_refused(tool)) return *refused;
  const std::string& path = tool.line().arguments[0];
  if (options.format == ImportFormat::automatic) {
    options.format = ImportFormat::csv;
    if (path != "-") {
      auto peek = base::Lines::open(path);
      if (peek) options.format = detect_format(*peek);
    }
  }
  auto lines = base::Lines::open(path);
  if (!lines) return tool.fail(kFailed, path + ": " + lines.error());
  vault::Store* const store = tool.store();
  if (store == nullptr) return tool.code();
  ProgressBar bar;
  ImportReport report = import_cards(
      *lines, options, *store, tool.now(), [&](const base::Lines& at, const ImportReport& so_far) {
        bar.show(at.position(), at.size(), so_far.cards + so_far.bad);
      });
  bar.clear();
  const bool no_card = report.cards + report.bad == 0 && !report.error.empty();
  if (no_card && path == "-" && !tool.line().has("format")) {
    report.error += "; a card vendor's file on standard input needs --format vendor";
  }
  return report_import(tool, report, options.dry_run);
}

// Why new keys would do harm; empty: they are a first set. A pepper made anew would make the right
// key of every customer a wrong one.
std::string in_use_already(const config::Config& config, const db::TokenKeys* token) {
  const auto in_file = [](const std::string& path) {
    return base::check_secret_file(path).state != base::SecretFile::missing;
  };
  int missing = in_file(config.keys.pepper_file) ? 0 : 1;
  missing += in_file(config.keys.audit_key_file) ? 0 : 1;
  const bool in_hsm = token != nullptr && !token->numbers().empty();
  missing += in_hsm || in_file(config.keys.master_key_file) ? 0 : 1;
  if (missing == 0) return "";
  const auto schema = db::schema_status(config.store);
  const bool has_schema = schema && schema->found > 0;
  if (missing == 3 && !has_schema) return "";
  return has_schema ? "the database is in use already" : "some of the keys are there";
}

// A first key where the HSM has none.
base::Result<std::vector<std::string>> create_keys(const config::Config& config,
                                                   db::TokenKeys* token,
                                                   const db::FirstNumbers& numbers) {
  auto created = db::create_key_files(config.keys, numbers);
  const bool has_file =
      base::check_secret_file(config.keys.master_key_file).state != base::SecretFile::missing;
  if (!created || token == nullptr || has_file || !token->numbers().empty()) return created;
  const base::Status made = token->create(numbers.master);
  if (!made) return base::Error{made.error()};
  std::vector<std::string> all = created.take();
  all.push_back(
      cat("master key ", numbers.master, " in HSM token '", config.keys.token.token, "'"));
  return all;
}

// Of what was made anew: nothing was done with these keys yet, and the old ones are lost.
base::Status forget_lost(const config::Config& config, const std::vector<std::string>& created) {
  std::vector<db::KeyKind> kinds;
  for (const std::string& made : created) {
    kinds.push_back(made == config.keys.pepper_file      ? db::KeyKind::pepper
                    : made == config.keys.audit_key_file ? db::KeyKind::audit
                                                         : db::KeyKind::master);
  }
  return db::forget_keys(config.store, kinds);
}

int keys_init(Tool& tool) {
  const config::Config* config = tool.config(true);
  if (config == nullptr) return tool.code();
  const auto lock = lock_keys(tool, *config, "pepper");
  if (!lock) return tool.fail(kFailed, lock.error());
  std::unique_ptr<db::TokenKeys> token;
  if (!config->keys.token.module.empty()) {
    auto opened = db::TokenKeys::open(config->keys.token);
    if (!opened) return tool.fail(kBadConfig, opened.error());
    token = opened.take();
  }
  const bool force = tool.line().has("force");
  db::FirstNumbers numbers;
  if (force) {
    const auto unused = db::unused_numbers(config->store);
    if (!unused) {
      return tool.fail(kUnavailable, unused.error() +
                                         "; --force needs the database, which knows "
                                         "the lost keys");
    }
    numbers = *unused;
  }
  const std::string in_use = force ? "" : in_use_already(*config, token.get());
  if (!in_use.empty()) {
    return tool.fail(kFailed, in_use +
                                  ": bring the missing keys back from their copy. New "
                                  "ones (--force) would make every customer's key wrong, or "
                                  "the stored content unreadable");
  }
  const auto created = create_keys(*config, token.get(), numbers);
  if (!created) return tool.fail(kFailed, created.error());
  if (const base::Status done = force ? forget_lost(*config, *created) : base::Status(); !done) {
    return tool.fail(kUnavailable, done.error() + "; remove what was created and repeat it");
  }
  // What was there before is looked at as well.
  if (const auto ring = db::FileKeyRing::load(config->keys); !ring) {
    return tool.fail(kBadConfig, ring.error());
  }
  if (tool.json()) {
    JsonObject out = json_object();
    Poco::JSON::Array paths;
    for (const std::string& path : *created) paths.add(path);
    out.set("created", paths);
    tool.print(out);
    return kDone;
  }
  for (const std::string& path : *created) tool.print("created " + path + "\n");
  if (created->empty()) tool.print("all keys exist already\n");
  return kDone;
}

std::string schema_text(const db::SchemaStatus& status, const char* done) {
  std::string text = cat(done, "schema ", status.found, ", this version needs ", status.code);
  if (status.found == status.code) return text;
  if (status.found == 0) return text + ": run bipvault-ops --config FILE db init";
  return text + (status.found < status.code ? ": run bipvault-ops --config FILE db upgrade"
                                            : ": the database belongs to a newer version");
}

int compare_keys(const Tool& tool, const config::Config& config) {
  const auto keys = db::FileKeyRing::load(config.keys);
  if (!keys) return kDone;
  int code = kDone;
  for (const db::KeyFault& fault : db::foreign_keys(config.store, **keys)) {
    code = tool.fail(kBadConfig, fault.text);
  }
  if (code == kDone) warn_of_lacking_keys(tool, config, **keys);
  return code;
}

enum class Schema { init, upgrade, status };

int schema(Tool& tool, Schema what) {
  const config::Config* config = tool.config(true);
  if (config == nullptr) return tool.code();
  const auto before = db::schema_status(config->store);
  if (!before) return tool.fail(kUnavailable, before.error());
  if (before->no_file && what != Schema::init) {
    return tool.fail(kUnavailable, db::no_database(config->store.path));
  }
  const bool nothing = what == Schema::upgrade && before->found == before->code;
  bool away = false;
  const auto after = what == Schema::init ? db::schema_init(config->store, &away)
                     : what == Schema::upgrade && !nothing
                         ? db::schema_upgrade(config->store, &away)
                         : before;
  if (!after) return tool.fail(away ? kUnavailable : kFailed, after.error());
  if (tool.json()) {
    JsonObject out = json_object();
    out.set("needed", after->code);
    out.set("found", after->found);
    tool.print(out);
  } else if (nothing) {
    tool.print(cat("nothing to upgrade: schema ", after->found, " is what this version needs\n"));
  } else {
    const char* done = what == Schema::init      ? "created "
                       : what == Schema::upgrade ? "upgraded to "
                                                 : "";
    tool.print(tool.with_config(schema_text(*after, done)) + "\n");
  }
  if (after->found != after->code) return kFailed;
  return what == Schema::status ? compare_keys(tool, *config) : kDone;
}

int swap(Tool& tool) {
  vault::Store* store = tool.store();
  if (store == nullptr) return tool.code();
  vault::CareService care(tool.config(false)->vault, tool.keys(), *store, tool.log());
  const std::vector<std::string>& cards = tool.line().arguments;
  return report_moved(tool, care.swap(operator_name(tool), cards[0], cards[1], tool.now()));
}

int ended(Tool& tool) {
  vault::Store* store = tool.store();
  if (store == nullptr) return tool.code();
  vault::CareService care(tool.config(false)->vault, tool.keys(), *store, tool.log());
  const bool in_use = tool.line().has("in-use");
  return report_ended(
      tool, !in_use,
      care.set_ended(operator_name(tool), tool.line().arguments[0], !in_use, tool.now()));
}

}  // namespace

int run_ops(Tool& tool) {
  const std::string& name = tool.line().command->name;
  if (name == "import") return import(tool);
  if (name == "export") return run_card_export(tool);
  if (name == "keys init") return keys_init(tool);
  if (name == "db init") return schema(tool, Schema::init);
  if (name == "db upgrade") return schema(tool, Schema::upgrade);
  if (name == "db status") return schema(tool, Schema::status);
  if (is_key_command(name)) return run_key_ops(tool);
  if (name == "retention") return run_retention(tool);
  if (name == "status") return show_status(tool);
  if (name == "db check") return db_check(tool);
  if (name == "config check") return config_check(tool);
  if (name == "swap") return swap(tool);
  if (name == "ended") return ended(tool);
  if (is_sms_command(name)) return run_sms_ops(tool);
  if (tool.json()) return tool.fail(kUsage, name + " prints a file: without --json");
  tool.print(name == "config defaults" ? config::defaults_ini() : config::reference_markdown());
  return kDone;
}

}  // namespace cli
