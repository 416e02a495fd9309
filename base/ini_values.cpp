#include <algorithm>

#include "base/ini.h"
#include "base/log.h"
#include "base/text.h"

namespace base {

namespace {

using Number = std::optional<std::int64_t>;

Number parse_number(ValueType type, std::string_view text) {
  if (type == ValueType::size) return parse_size(text);
  if (type == ValueType::duration) return parse_duration(text);
  return parse_integer(text);
}

std::string_view number_syntax(ValueType type) {
  if (type == ValueType::size) return "not a size; for example 1400, 256K, 1M or 2G";
  if (type == ValueType::duration) return "not a duration; for example 500ms, 10s, 5m, 24h or 60d";
  return "not a whole number";
}

std::string limits_text(const KeySpec& spec) {
  if (spec.minimum.empty()) return cat("at most ", spec.maximum);
  if (spec.maximum.empty()) return cat("at least ", spec.minimum);
  return cat("from ", spec.minimum, " to ", spec.maximum);
}

bool within(const KeySpec& spec, ValueType type, std::int64_t number) {
  const Number minimum = parse_number(type, spec.minimum);
  const Number maximum = parse_number(type, spec.maximum);
  return (!minimum || number >= *minimum) && (!maximum || number <= *maximum);
}

bool read_number(const KeySpec& spec, std::string_view text, IniValue& value, std::string& why) {
  const Number number = parse_number(spec.type, text);
  if (!number) {
    why = number_syntax(spec.type);
    return false;
  }
  if (!within(spec, spec.type, *number)) {
    why = cat(text, " is outside its limits: ", limits_text(spec));
    return false;
  }
  value.number = *number;
  return true;
}

bool read_choice(const KeySpec& spec, std::string_view text, IniValue& value, std::string& why) {
  const auto words = split_words(spec.choices);
  const auto found = std::find(words.begin(), words.end(), text);
  if (found == words.end()) {
    const std::string_view nearest = nearest_word(text, words);
    why = cat("must be one of: ", spec.choices, nearest.empty() ? "" : " (nearest: ", nearest,
              nearest.empty() ? "" : ")");
    return false;
  }
  value.number = found - words.begin();
  return true;
}

bool read_list(const KeySpec& spec, std::string_view text, IniValue& value, std::string& why) {
  const auto choices = split_words(spec.choices);
  for (std::string_view word : split_words(text)) {
    if (spec.type == ValueType::networks && !valid_network(word)) {
      why = cat("'", word, "' is not an address range such as 10.0.0.0/8");
      return false;
    }
    if (!choices.empty() && std::find(choices.begin(), choices.end(), word) == choices.end()) {
      why = cat("'", word, "' is none of: ", spec.choices);
      return false;
    }
    if (std::find(value.items.begin(), value.items.end(), word) != value.items.end()) {
      why = cat("'", word, "' is given twice");
      return false;
    }
    value.items.emplace_back(word);
  }
  if (value.items.empty() && !spec.default_text.empty()) {
    why = "must not be empty";
    return false;
  }
  return true;
}

// How many digits stand for as many octets as are wanted.
std::string digits_text(const KeySpec& spec) {
  const Number least = parse_number(ValueType::integer, spec.minimum);
  const Number most = parse_number(ValueType::integer, spec.maximum);
  if (!least || !most) return "an even number of";
  return *least == *most ? cat(2 * *least) : cat("from ", 2 * *least, " to ", 2 * *most);
}

bool read_hex(const KeySpec& spec, std::string_view text, IniValue& value, std::string& why) {
  const auto bytes = from_hex(text);
  if (!bytes) {
    why = cat("not ", digits_text(spec), " hexadecimal digits, two for each octet");
    return false;
  }
  if (!within(spec, ValueType::integer, static_cast<std::int64_t>(bytes->size()))) {
    why = cat("has ", bytes->size(), " octets: ", limits_text(spec));
    return false;
  }
  value.bytes = *bytes;
  return true;
}

bool read_address(std::string_view text, std::string& why) {
  if (text.empty() || parse_host_port(text)) return true;
  why = "not an address such as 127.0.0.1:7100 or [::1]:7100 (names are not looked up)";
  return false;
}

bool read_text(const KeySpec& spec, std::string_view text, std::string& why) {
  if (!text.empty() || (spec.default_text.empty() && spec.presence == Presence::optional))
    return true;
  why = "must not be empty";
  return false;
}

bool read_path(const KeySpec& spec, std::string_view text, const std::string& directory,
               IniValue& value, std::string& why) {
  if (!read_text(spec, text, why)) return false;
  if (text.starts_with('"') || text.starts_with('\'')) {
    why = "quotes would be part of the path; leave them out";
    return false;
  }
  if (!text.empty() && text.front() != '/') value.text = directory + "/" + std::string(text);
  return true;
}

}  // namespace

bool read_value(const KeySpec& spec, std::string_view text, const std::string& directory,
                IniValue& value, std::string& why) {
  value.text = text;
  switch (spec.type) {
    case ValueType::text:
      return read_text(spec, text, why);
    case ValueType::path:
    case ValueType::secret_path:
      return read_path(spec, text, directory, value, why);
    case ValueType::integer:
    case ValueType::size:
    case ValueType::duration:
      return read_number(spec, text, value, why);
    case ValueType::choice:
      return read_choice(spec, text, value, why);
    case ValueType::boolean:
      if (const auto yes = parse_bool(text)) {
        value.number = *yes ? 1 : 0;
        return true;
      }
      why = "must be yes or no";
      return false;
    case ValueType::list:
    case ValueType::networks:
      return read_list(spec, text, value, why);
    case ValueType::address:
      return read_address(text, why);
    case ValueType::hex:
      return read_hex(spec, text, value, why);
  }
  return false;
}

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string shown_path(const std::string& path) {
  constexpr std::size_t kShortestKey = 32;
  std::size_t run = 0;
  for (char c : path) {
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    run = hex ? run + 1 : 0;
    if (run >= kShortestKey) return "***";
  }
  return path;
}

}  // namespace base
