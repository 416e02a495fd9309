// bipvault-ops: import, keys, database schema, configuration, change of card by order, SMS.
#pragma once

#include "cli/tool.h"

namespace cli {

const ProgramSpec& ops_program();
int run_ops(Tool& tool);

}  // namespace cli
