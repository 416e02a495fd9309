// bipvault-ops keys new, rotate, status, drop: the life of a master key or pepper.
#pragma once

#include <string>
#include <vector>

#include "cli/tool.h"

namespace cli {

std::vector<CommandSpec> key_commands();
bool is_key_command(const std::string& name);
int run_key_ops(Tool& tool);

}  // namespace cli
