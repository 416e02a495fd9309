#include "config/config.h"

#include <algorithm>

#include "base/files.h"
#include "base/log.h"
#include "config/checks.h"
#include "config/table.h"

namespace config {

namespace {

using base::cat;

std::string key_name(const base::IniFault& fault) {
  return fault.key.empty() ? fault.section : cat(fault.section, ".", fault.key);
}

bool any_at(const std::vector<base::IniFault>& faults, std::string_view key) {
  return std::any_of(faults.begin(), faults.end(),
                     [&](const base::IniFault& fault) { return key_name(fault) == key; });
}

// One section [smsc.NAME]; its faults under its own name, and what is missing in its line.
SmscValues read_smsc(const base::IniSectionFile& section, const std::string& directory,
                     std::vector<base::IniFault>& faults) {
  std::vector<base::IniFault> own;
  SmscValues read{section.name, section.line,
                  base::apply_table(smsc_table(), section.file, directory, own)};
  for (base::IniFault& fault : own) {
    fault.section = "smsc." + section.name;
    if (fault.line == 0) fault.line = section.line;
    faults.push_back(std::move(fault));
  }
  return read;
}

}  // namespace

std::string Problem::to_string() const {
  std::string out = file;
  if (line > 0) out += cat(":", line);
  out += ": ";
  if (!section.empty() || !key.empty()) {
    out += cat("[", section, "]");
    if (key.size() > section.size()) out += cat(" ", key.substr(section.size() + 1));
    out += ": ";
  }
  return out + text;
}

std::variant<Config, std::vector<Problem>> parse(std::string_view text, const std::string& path,
                                                 Check check) {
  base::IniFile file = base::parse_ini(text);
  const std::string directory = base::directory_of(path);
  const auto sections = base::take_sections(file, "smsc", kSmscSection);
  std::vector<base::IniFault> faults = std::move(file.faults);
  const auto values = base::apply_table(table(), file, directory, faults);
  Config config = from_values(values);
  std::vector<SmscValues> smscs;
  for (const base::IniSectionFile& section : sections) {
    smscs.push_back(read_smsc(section, directory, faults));
    config.smscs.push_back(smsc_from_values(section.name, smscs.back().values));
    config.reminder.on_timeout_of[section.name] = config.smscs.back().on_timeout;
  }
  vault::NoticeSettings& notices = config.vault.notices;
  notices.default_language = config.reminder.default_language;
  // Nobody would ever send them.
  if (!config.has_sms()) {
    notices.unlock = notices.move = notices.erase = notices.handed_over = false;
  }

  std::vector<Problem> cross;
  const Read read{config, values, smscs, path};
  check_keys(read, cross);
  if (check == Check::all) check_files(read, cross);

  std::vector<Problem> problems;
  for (const base::IniFault& fault : faults) {
    problems.push_back(
        {path, fault.line, key_name(fault), fault.text, Problem::Kind::wrong, fault.section});
  }
  for (Problem& problem : cross) {
    // A key that could not be read has its default here: nothing more to say about it.
    if (!any_at(faults, problem.key)) problems.push_back(std::move(problem));
  }
  if (problems.empty()) return config;
  std::stable_sort(problems.begin(), problems.end(),
                   [](const Problem& a, const Problem& b) { return a.line < b.line; });
  return problems;
}

std::variant<Config, std::vector<Problem>> load(const std::string& path, Check check) {
  const auto text = base::read_text_file(path, base::kIniLargestFile);
  if (!text) return std::vector<Problem>{{path, 0, "", text.error(), Problem::Kind::wrong, ""}};
  return parse(*text, path, check);
}

int line_of_key(const std::string& path, std::string_view section, std::string_view key) {
  const auto text = base::read_text_file(path, base::kIniLargestFile);
  if (!text) return 0;
  for (const base::IniEntry& entry : base::parse_ini(*text).entries) {
    if (entry.section == section && entry.key == key) return entry.line;
  }
  return 0;
}

std::string defaults_ini() {
  return "; Bipvault's configuration: every key with its default. Lines that start with ; or # "
         "are\n"
         "; comments; a comment behind a value is refused. Relative paths start at this file.\n"
         "; Durations: 500ms 10s 5m 24h 60d 2months (of 30 days). Sizes: 1400 256K 1M 2G.\n"
         "; Check a changed file with: bipvault-ops --config FILE config check\n\n" +
         base::table_as_ini(table()) +
         "\n; One section for each SMSC, in order of preference; NAME is free.\n" +
         base::table_as_ini(smsc_table(), true, true);
}

std::string reference_markdown() {
  return base::table_as_markdown(table()) + "\n" + base::table_as_markdown(smsc_table());
}

}  // namespace config
