// bipvault-care: what customer care may do with a record.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "cli/tool.h"

namespace cli {

// Midnight UTC of "2026-11-24"; nothing if there is no such day.
std::optional<std::int64_t> parse_day(std::string_view text);

const ProgramSpec& care_program();
int run_care(Tool& tool);

}  // namespace cli
