#include "base/ini.h"
#include "base/log.h"

namespace base {

namespace {

constexpr std::size_t kColumns = 98;

void add_wrapped(std::string& out, std::string_view text) {
  while (!text.empty()) {
    std::size_t size = text.size();
    if (size > kColumns - 2) {
      size = text.rfind(' ', kColumns - 2);
      if (size == std::string_view::npos || size == 0) size = text.size();
    }
    out += cat("; ", text.substr(0, size), "\n");
    text.remove_prefix(size);
    if (text.starts_with(' ')) text.remove_prefix(1);
  }
}

}  // namespace

std::string_view type_name(ValueType type) {
  switch (type) {
    case ValueType::text:
      return "text";
    case ValueType::path:
      return "path";
    case ValueType::secret_path:
      return "path of a secret file";
    case ValueType::integer:
      return "number";
    case ValueType::size:
      return "size";
    case ValueType::duration:
      return "duration";
    case ValueType::choice:
      return "choice";
    case ValueType::boolean:
      return "yes or no";
    case ValueType::list:
      return "list";
    case ValueType::networks:
      return "list of address ranges";
    case ValueType::address:
      return "address:port";
    case ValueType::hex:
      return "hexadecimal";
  }
  return "";
}

std::string limits_of(const KeySpec& spec) {
  if (!spec.choices.empty()) return std::string(spec.choices);
  const std::string unit = spec.type == ValueType::hex ? " octets"
                           : spec.unit.empty()         ? ""
                                                       : cat(" ", spec.unit);
  if (spec.minimum.empty() && spec.maximum.empty()) return std::string(spec.unit);
  if (spec.minimum == spec.maximum) return cat(spec.minimum, unit);
  return cat(spec.minimum, " to ", spec.maximum, unit);
}

std::string table_as_ini(std::span<const KeySpec> table, bool reload, bool commented) {
  std::string out;
  std::string_view section;
  for (const KeySpec& spec : table) {
    if (spec.section != section) {
      section = spec.section;
      out += cat(out.empty() ? "" : "\n", commented ? ";" : "", "[", section, "]\n");
    }
    std::string comment = cat(spec.help, " (", type_name(spec.type));
    const std::string range = limits_of(spec);
    if (!range.empty()) comment += cat(": ", range);
    if (spec.presence == Presence::required) comment += "; must be given";
    if (reload && spec.reload == Reload::restart) comment += "; restart needed";
    out += "\n";
    add_wrapped(out, comment + ")");
    const std::string_view value = spec.example.empty() ? spec.default_text : spec.example;
    out += cat(commented || stands_for_many(spec.key) ? ";" : "", spec.key,
               value.empty() ? " =" : " = ", value, "\n");
  }
  return out;
}

std::string table_as_markdown(std::span<const KeySpec> table) {
  std::string out;
  std::string_view section;
  for (const KeySpec& spec : table) {
    if (spec.section != section) {
      section = spec.section;
      out += cat(out.empty() ? "" : "\n", "## [", section, "]\n\n",
                 "| key | type | default | limits | reload | meaning |\n",
                 "| --- | --- | --- | --- | --- | --- |\n");
    }
    const std::string shown = spec.presence == Presence::required ? "(must be given)"
                              : spec.default_text.empty()         ? "(empty)"
                                                          : cat("`", spec.default_text, "`");
    out += cat("| `", spec.key, "` | ", type_name(spec.type), " | ", shown, " | ", limits_of(spec),
               " | ", spec.reload == Reload::live ? "yes" : "restart", " | ", spec.help, " |\n");
  }
  return out;
}

}  // namespace base
