// config/keys.def as a table, and from its values to a Config and back.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/ini.h"
#include "config/config.h"

namespace config {

std::span<const base::KeySpec> table();

// `values` in the order of the table.
Config from_values(const std::vector<base::IniValue>& values);

}  // namespace config
