// `bipvault-ops config check`: every fault of the configuration and of the keys that it names.
#pragma once

#include "cli/tool.h"

namespace cli {

int config_check(Tool& tool);

}  // namespace cli
