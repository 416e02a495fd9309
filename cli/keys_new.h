// bipvault-ops keys new, and what the other commands of keys share with it.
#pragma once

#include <string>

#include "cli/tool.h"

namespace cli {

inline constexpr const char* kKeyKinds = "KIND must be master or pepper";
bool is_key_kind(const std::string& kind);
const std::string& key_file_of(const config::Config& config, const std::string& kind);

CommandSpec keys_new_command();
int keys_new(Tool& tool);

}  // namespace cli
