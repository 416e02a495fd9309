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

// What a map holds under a key that the table gives a default of its own.
template <class Map>
auto& in(Map& map, const char* name) {
  if constexpr (std::is_const_v<Map>) {
    return map.at(name);
  } else {
    return map[name];
  }
}

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
};
constexpr KeySpec kSmscTable[] = {
#include "config/smsc_keys.def"
#undef BV_KEY
};

void assign(std::string& field, const IniValue& value) { field = value.text; }
void assign(std::vector<std::string>& field, const IniValue& value) { field = value.items; }

void assign(std::array<std::uint8_t, 3>& field, const IniValue& value) {
  if (value.bytes.size() == field.size()) {
    std::copy(value.bytes.begin(), value.bytes.end(), field.begin());
  }
}

void assign(base::Bytes& field, const IniValue& value) { field = value.bytes; }

void assign(std::tuple<std::uint8_t&> field, const IniValue& value) {  // one octet in hex
  if (value.bytes.size() == 1) std::get<0>(field) = value.bytes[0];
}

// What cannot be read is found by the checks between keys, and is not used.
void assign(vault::Interval& field, const IniValue& value) {
  if (const auto interval = vault::parse_interval(value.text)) field = *interval;
}
void assign(vault::Hours& field, const IniValue& value) {
  if (const auto hours = vault::parse_hours(value.text)) field = *hours;
}

// Keys that stand for many add to what the ones of their own have set.
void assign(vault::Texts& field, const IniValue& value) {
  for (const base::IniMember& member : value.members) field[member.name] = member.value.text;
}
void assign(std::map<std::string, std::vector<std::string>>& field, const IniValue& value) {
  for (const base::IniMember& member : value.members) field[member.name] = member.value.items;
}
void assign(std::map<std::uint32_t, smsc::Reaction>& field, const IniValue& value) {
  for (const base::IniMember& member : value.members) {
    if (const auto status = parse_status(member.name)) {
      field[*status] = static_cast<smsc::Reaction>(member.value.number);
    }
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

// [vault] notify, [care] approve
void assign(std::tuple<bool&, bool&, bool&, bool&> field, const IniValue& value) {
  const auto has = [&](const char* word) {
    return std::find(value.items.begin(), value.items.end(), word) != value.items.end();
  };
  field = std::make_tuple(has("unlock"), has("move"), has("erase"), has("export"));
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

std::optional<std::uint32_t> parse_status(std::string_view text) {
  if (text.empty() || text.size() > 8) return std::nullopt;
  const auto octets = base::from_hex(std::string(text.size() % 2, '0') + std::string(text));
  if (!octets) return std::nullopt;
  std::uint32_t status = 0;
  for (const std::uint8_t octet : *octets) status = status << 8 | octet;
  return status == 0 ? std::nullopt : std::optional(status);
}

std::span<const KeySpec> table() { return kTable; }
std::span<const KeySpec> smsc_table() { return kSmscTable; }

Config from_values(const std::vector<IniValue>& values) {
  Config c;
  std::size_t i = 0;
#define BV_KEY(section, key, field, ...) assign(field, values[i++]);
#include "config/keys.def"
#undef BV_KEY
  return c;
}

Smsc smsc_from_values(const std::string& name, const std::vector<IniValue>& values) {
  Smsc c;
  std::size_t i = 0;
#define BV_KEY(section, key, field, ...) assign(field, values[i++]);
#include "config/smsc_keys.def"
#undef BV_KEY
  c.settings.name = name;
  return c;
}

namespace {

void compare(const Smsc& running, const Smsc& wanted, std::vector<std::string>& keys) {
#define BV_KEY(section, key, field, ...)                                    \
  {                                                                         \
    const auto get = [](auto& c) { return field; };                         \
    if (!(get(running) == get(wanted))) {                                   \
      keys.push_back(base::cat("[smsc.", wanted.settings.name, "] " #key)); \
    }                                                                       \
  }
#include "config/smsc_keys.def"
#undef BV_KEY
}

// Sections have an order, which counts.
void compare(const std::vector<Smsc>& running, const std::vector<Smsc>& wanted,
             std::vector<std::string>& keys) {
  const bool same =
      std::equal(running.begin(), running.end(), wanted.begin(), wanted.end(),
                 [](const Smsc& a, const Smsc& b) { return a.settings.name == b.settings.name; });
  if (!same) return keys.push_back("the [smsc.NAME] sections or their order");
  for (std::size_t i = 0; i < running.size(); ++i) compare(running[i], wanted[i], keys);
}

}  // namespace

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
  compare(running.smscs, wanted.smscs, keys);
  return keys;
}

namespace {

void check_smsc_table(std::vector<std::string>& faults) {
  Smsc c;
  std::size_t i = 0;
#define BV_KEY(section, key, field, ...) \
  check_key<std::remove_cvref_t<decltype(field)>>(kSmscTable[i++], faults);
#include "config/smsc_keys.def"
#undef BV_KEY
}

}  // namespace

std::vector<std::string> table_faults() {
  std::vector<std::string> faults;
  Config c;
  std::size_t i = 0;
#define BV_KEY(section, key, field, ...) \
  check_key<std::remove_cvref_t<decltype(field)>>(kTable[i++], faults);
#include "config/keys.def"
#undef BV_KEY
  check_smsc_table(faults);
  return faults;
}

}  // namespace config
