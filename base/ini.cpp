#include "base/ini.h"

#include <algorithm>
#include <optional>

#include "base/log.h"
#include "base/text.h"

namespace base {

namespace {

constexpr std::string_view kBom = "\xEF\xBB\xBF";
constexpr std::size_t kMostFaults = 1000;

bool is_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto octet = static_cast<unsigned char>(c);
    return (octet < 0x20 && c != '\t') || octet == 0x7F;
  });
}

// Position of a comment behind a value, which would otherwise become part of the value.
bool has_inline_comment(std::string_view value) {
  if (value.starts_with(';') || value.starts_with('#')) return true;
  for (std::size_t i = 1; i < value.size(); ++i) {
    const bool mark = value[i] == ';' || value[i] == '#';
    if (mark && (value[i - 1] == ' ' || value[i - 1] == '\t')) return true;
  }
  return false;
}

class IniParser {
 public:
  IniFile parse(std::string_view text) {
    if (text.size() > kIniLargestFile) {
      fault(0, "", "the file is larger than 1 MiB");
      return std::move(file_);
    }
    if (text.starts_with(kBom)) text.remove_prefix(kBom.size());
    while (!text.empty() && file_.faults.size() < kMostFaults) {
      const std::size_t end = text.find('\n');
      ++number_;
      line(text.substr(0, end));
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return std::move(file_);
  }

 private:
  void fault(int line, std::string_view key, std::string text) {
    file_.faults.push_back({line, section_, std::string(key), std::move(text)});
  }

  void line(std::string_view text) {
    if (text.ends_with('\r')) text.remove_suffix(1);
    if (text.size() > kIniLongestLine) return fault(number_, "", "the line is longer than 4 KiB");
    if (has_control(text)) return fault(number_, "", "control character in the line");
    if (!valid_utf8(text)) return fault(number_, "", "the line is not valid UTF-8");
    text = trim(text);
    if (text.empty() || text.front() == ';' || text.front() == '#') return;
    if (text.front() == '[') return section(text);
    entry(text);
  }

  // What stands below a faulty head is read all the same, so that its faults are told as well.
  void section(std::string_view text) {
    in_section_ = true;
    const std::size_t end = text.find(']');
    const bool closed = end != std::string_view::npos;
    std::string_view name = trim(text.substr(1, closed ? end - 1 : end));
    std::string why;
    if (!closed) {
      why = "section without closing ']'";
      name = name.substr(0, name.find_first_of(" \t;#"));
    } else if (end + 1 != text.size()) {
      why = "text after ']'";
    } else if (!is_name(name)) {
      why = name.empty() ? "a section needs a name"
                         : "not a section's name: it may hold letters, digits, '.', '_' and '-'";
    }
    section_ = name;
    const std::string before = given_before(name);
    if (why.empty()) why = before;
    if (!why.empty()) fault(number_, "", why);
    if (!name.empty() && before.empty()) {
      file_.sections.push_back({section_, number_, !why.empty()});
    }
  }

  std::string given_before(std::string_view name) const {
    const auto before = std::find_if(file_.sections.begin(), file_.sections.end(),
                                     [&](const IniSection& s) { return s.name == name; });
    if (before == file_.sections.end()) return "";
    return cat("section given twice, first in line ", before->line);
  }

  void entry(std::string_view text) {
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) {
      return fault(number_, "", "line without '=' (comments start with ';' or '#')");
    }
    const std::string_view key = trim(text.substr(0, equals));
    const std::string_view value = trim(text.substr(equals + 1));
    if (!is_name(key)) return fault(number_, "", "this is not a key before '='");
    if (!in_section_) return fault(number_, key, "key before the first [section]");
    if (has_inline_comment(value)) {
      return fault(number_, key, "a comment needs a line of its own: put ';' at its beginning");
    }
    if (section_.empty()) return;  // its faulty section has been reported
    const auto before =
        std::find_if(file_.entries.begin(), file_.entries.end(),
                     [&](const IniEntry& e) { return e.section == section_ && e.key == key; });
    if (before != file_.entries.end()) {
      return fault(number_, key, cat("key given twice, first in line ", before->line));
    }
    file_.entries.push_back({section_, std::string(key), std::string(value), number_});
  }

  IniFile file_;
  std::string section_;
  bool in_section_ = false;
  int number_ = 0;
};

std::string nearest_hint(std::string_view nearest) {
  return nearest.empty() ? std::string() : cat(" (nearest known: ", nearest, ")");
}

std::vector<std::string_view> sections_of(std::span<const KeySpec> table) {
  std::vector<std::string_view> names;
  for (const KeySpec& spec : table) {
    if (std::find(names.begin(), names.end(), spec.section) == names.end()) {
      names.push_back(spec.section);
    }
  }
  return names;
}

// What stands before the name in a key that stands for many; empty: it stands for itself.
std::string_view family_of(std::string_view key) {
  const std::size_t dot = key.rfind('.');
  if (dot == std::string_view::npos || dot + 1 == key.size()) return {};
  const std::string_view rest = key.substr(dot + 1);
  const bool capitals =
      std::all_of(rest.begin(), rest.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
  return capitals ? key.substr(0, dot + 1) : std::string_view();
}

// The spec of an entry: the key itself comes before those that stand for many.
std::span<const KeySpec>::iterator spec_of(std::span<const KeySpec> table, const IniEntry& entry) {
  const auto own = std::find_if(table.begin(), table.end(), [&](const KeySpec& s) {
    return s.section == entry.section && s.key == entry.key && family_of(s.key).empty();
  });
  if (own != table.end()) return own;
  return std::find_if(table.begin(), table.end(), [&](const KeySpec& s) {
    const std::string_view family = family_of(s.key);
    return s.section == entry.section && !family.empty() && entry.key.starts_with(family) &&
           entry.key.size() > family.size();
  });
}

// The known section that a name stands for: itself, or the nearest one. Empty: none.
std::string_view meant_section(std::string_view name, const std::vector<std::string_view>& known) {
  if (std::find(known.begin(), known.end(), name) != known.end()) return name;
  return nearest_word(name, known);
}

// Tells sections whose prefix is misspelt, and corrects them.
void correct_prefix(IniFile& file, std::string_view prefix) {
  for (IniSection& section : file.sections) {
    const std::size_t dot = section.name.find('.');
    const std::string_view written = std::string_view(section.name).substr(0, dot);
    if (dot == std::string::npos || written == prefix) continue;
    if (nearest_word(written, {prefix}).empty()) continue;
    const std::string meant = cat(prefix, section.name.substr(dot));
    if (!section.faulty) {
      file.faults.push_back(
          {section.line, section.name, "", "unknown section" + nearest_hint(meant)});
    }
    for (IniEntry& entry : file.entries) {
      if (entry.section == section.name) entry.section = meant;
    }
    section.name = meant;
  }
}

std::string unknown_key(std::span<const KeySpec> table, const IniEntry& entry) {
  std::vector<std::string_view> keys;
  for (const KeySpec& spec : table) {
    if (spec.key == entry.key) return cat("unknown here: the key belongs to [", spec.section, "]");
    if (spec.section == entry.section) keys.push_back(spec.key);
  }
  return "unknown key" + nearest_hint(nearest_word(entry.key, keys));
}

}  // namespace

IniFile parse_ini(std::string_view text) { return IniParser().parse(text); }

std::vector<IniSectionFile> take_sections(IniFile& file, std::string_view prefix,
                                          std::string_view as) {
  correct_prefix(file, prefix);
  const std::string before = cat(prefix, ".");
  std::vector<IniSectionFile> taken;
  std::erase_if(file.sections, [&](const IniSection& section) {
    if (!section.name.starts_with(before)) return false;
    IniSectionFile one{section.name.substr(before.size()), section.line, {}};
    one.file.sections.push_back({std::string(as), section.line});
    taken.push_back(std::move(one));
    return true;
  });
  std::erase_if(file.entries, [&](IniEntry& entry) {
    if (!entry.section.starts_with(before)) return false;
    for (IniSectionFile& one : taken) {
      if (one.name != std::string_view(entry.section).substr(before.size())) continue;
      one.file.entries.push_back({std::string(as), entry.key, entry.value, entry.line});
    }
    return true;
  });
  return taken;
}

bool stands_for_many(std::string_view key) { return !family_of(key).empty(); }

std::vector<IniValue> apply_table(std::span<const KeySpec> table, const IniFile& file,
                                  const std::string& directory, std::vector<IniFault>& faults) {
  const std::vector<std::string_view> sections = sections_of(table);
  const auto known = [&](std::string_view section) {
    return std::find(sections.begin(), sections.end(), section) != sections.end();
  };
  for (const IniSection& section : file.sections) {
    if (section.faulty || known(section.name)) continue;
    faults.push_back({section.line, section.name, "",
                      "unknown section" + nearest_hint(nearest_word(section.name, sections))});
  }
  std::vector<IniValue> values(table.size());
  std::vector<bool> seen(table.size());
  for (std::size_t i = 0; i < table.size(); ++i) {
    std::string ignored;
    read_value(table[i], table[i].default_text, directory, values[i], ignored);
  }
  for (const IniEntry& written : file.entries) {
    IniEntry entry = written;
    entry.section = meant_section(written.section, sections);
    if (entry.section.empty()) continue;
    const auto spec = spec_of(table, entry);
    if (spec == table.end()) {
      faults.push_back({entry.line, written.section, entry.key, unknown_key(table, entry)});
      continue;
    }
    const auto index = static_cast<std::size_t>(spec - table.begin());
    seen[index] = true;
    std::string why;
    IniValue value;
    if (!read_value(*spec, entry.value, directory, value, why)) {
      faults.push_back({entry.line, written.section, entry.key, std::move(why)});
      continue;
    }
    value.line = entry.line;
    if (const std::string_view family = family_of(spec->key); family.empty()) {
      values[index] = std::move(value);
    } else {
      values[index].members.push_back({entry.key.substr(family.size()), std::move(value)});
    }
  }
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (seen[i] || table[i].presence == Presence::optional) continue;
    faults.push_back({0, std::string(table[i].section), std::string(table[i].key),
                      cat("missing; for example: ", table[i].key, " = ", table[i].example)});
  }
  return values;
}

}  // namespace base
