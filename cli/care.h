// bipvault-care: what customer care may do with a record.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "cli/tool.h"
#include "vault/care_service.h"

namespace cli {

// Midnight UTC of "2026-11-24"; nothing if there is no such day.
std::optional<std::int64_t> parse_day(std::string_view text);

// Whom the call is about: what --customer names, else the last argument; and that for people.
vault::Who who_of(const CommandLine& line);
std::string who_text(const CommandLine& line);

const ProgramSpec& care_program();
// Asks for what is missing, then makes the call itself, or has bipvault-cared make it where [care]
// socket is set.
int run_care(Tool& tool);

// Takes the content of an export.
using ContentSink = std::function<base::Status(base::View)>;
// Makes a call whose options are complete; `call` is null for those of auditors.
int carry_out(Tool& tool, const vault::CareCall* call, const ContentSink& sink);

}  // namespace cli
