// config/keys.def as a table, and from its values to a Config and back.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ini.h"
#include "config/config.h"

namespace config {

std::span<const base::KeySpec> table();
std::span<const base::KeySpec> smsc_table();  // of one section [smsc.NAME]
inline constexpr char kSmscSection[] = "smsc.NAME";

// `values` in the order of the table.
Config from_values(const std::vector<base::IniValue>& values);
Smsc smsc_from_values(const std::string& name, const std::vector<base::IniValue>& values);

// A command_status as in `status.NN`: hexadecimal, not 0.
std::optional<std::uint32_t> parse_status(std::string_view text);

}  // namespace config
