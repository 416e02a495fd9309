// bipvault-ops retention: what is kept of suspended cards for longer than [vault] retention is
// erased.
#pragma once

#include "cli/tool.h"

namespace cli {

CommandSpec retention_command();
int run_retention(Tool& tool);

}  // namespace cli
