#include "config/table.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <type_traits>
#include <utility>

#include "base/log.h"

namespace config {

namespace {

using base::IniValue;
using base::KeySpec;

constexpr KeySpec kTable[] = {
#define BV_KEY(section, key, field, type, presence, default_text, example, minimum, maximum, unit, \
               reload, choices, help)                                                              \
  {#section,                                                                                       \
   #key,                                                                                           \
   base::ValueType::type,                                                                          \
   base::Presence::presence,                                                                       \
   default_text,                                                                                   \
   example,                                                                                        \
   minimum,                                                                                        \
   maximum,                                                                                        \
   unit,                                                                                           \
   base::Reload::reload,                                                                           \
   choices,                                                                                        \
   help},
#include "config/keys.def"
#undef BV_KEY
};

void assign(std::string& field, const IniValue& value) { field = value.text; }
void assign(std::vector<std::string>& field, const IniValue& value) { field = value.items; }

void assign(std::array<std::uint8_t, 3>& field, const IniValue& value) {
  if (value.bytes.size() == field.size()) {
    std::copy(value.bytes.begin(), value.bytes.end(), field.begin());
  }
}

// [bip] algorithms
void assign(std::tuple<bool&, bool&> field, const IniValue& value) {
  std::get<0>(field) = false;
  std::get<1>(field) = false;
  for (const std::string& item : value.items) {
    (item == "aes" ? std::get<0>(field) : std::get<1>(field)) = true;
  }
}

template <class T>
requires std::is_arithmetic_v<T> || std::is_enum_v<T>
void assign(T& field, const IniValue& value) { field = static_cast<T>(value.number); }

template <class T>
bool holds(std::int64_t number) {
  if constexpr (std::is_integral_v<T>) {
    return std::in_range<T>(number);
  } else {
    return true;
  }
}
template <>
bool holds<bool>(std::int64_t) {
  return true;
}

bool is_number(base::ValueType type) {
  return type == base::ValueType::integer || type == base::ValueType::size ||
         type == base::ValueType::duration;
}

// A limit of the table read as a value without limits.
bool read_limit(const KeySpec& spec, std::string_view text, std::int64_t& number) {
  KeySpec open;
  open.type = spec.type;
  IniValue value;
  std::string why;
  const bool good = base::read_value(open, text, ".", value, why);
  number = value.number;
  return good;
}

template <class Field>
void check_key(const KeySpec& spec, std::vector<std::string>& faults) {
  const auto fault = [&](std::string_view what) {
    faults.push_back(base::cat("[", spec.section, "] ", spec.key, ": ", what));
  };
  if (spec.help.empty()) fault("no help text");
  IniValue value;
  std::string why;
  const std::string_view text = spec.example.empty() ? spec.default_text : spec.example;
  if (!base::read_value(spec, text, ".", value, why)) fault("default: " + why);
  if (!is_number(spec.type)) return;
  std::int64_t minimum = 0;
  std::int64_t maximum = 0;
  if (!read_limit(spec, spec.minimum, minimum) || !read_limit(spec, spec.maximum, maximum)) {
    return fault("minimum or maximum is missing");
  }
  if (minimum >= maximum) fault("minimum above maximum");
  if (!holds<Field>(minimum) || !holds<Field>(maximum)) fault("the field is too small");
}

}  // namespace

std::span<const KeySpec> table() { return kTable; }

Config from_values(const std::vector<IniValue>& values) {
  Config c;
  std::size_t i = 0;
#define BV_KEY(section, key, field, ...) assign(field, values[i++]);
#include "config/keys.def"
#undef BV_KEY
  return c;
}

std::vector<std::string> not_reloadable(const Config& running, const Config& wanted) {
  std::vector<std::string> keys;
  std::size_t i = 0;
#define BV_KEY(section, key, field, ...)                                                   \
  {                                                                                        \
    const auto get = [](auto& c) { return field; };                                        \
    const bool restart = kTable[i++].reload == base::Reload::restart;                      \
    if (restart && !(get(running) == get(wanted))) keys.push_back("[" #section "] " #key); \
  }
#include "config/keys.def"
#undef BV_KEY
  return keys;
}

std::vector<std::string> table_faults() {
  std::vector<std::string> faults;
  Config c;
  std::size_t i = 0;
#define BV_KEY(section, key, field, ...) \
  check_key<std::remove_cvref_t<decltype(field)>>(kTable[i++], faults);
#include "config/keys.def"
#undef BV_KEY
  return faults;
}

}  // namespace config
