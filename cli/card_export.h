// bipvault-ops export: the list of all cards as CSV, which bipvault-ops import reads.
#pragma once

#include <string>

#include "cli/tool.h"
#include "vault/record.h"

namespace cli {

CommandSpec export_command();
int run_card_export(Tool& tool);

// One line of the list with its end, fields quoted where they must be.
std::string card_line(const vault::Record& record, base::Now now);

}  // namespace cli
