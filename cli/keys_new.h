// bipvault-ops keys new, and what the other commands of keys share with it.
#pragma once

#include <string>

#include "cli/tool.h"
#include "db/key_file_edit.h"

namespace cli {

inline constexpr const char* kKeyKinds = "KIND must be master or pepper";
bool is_key_kind(const std::string& kind);
const std::string& key_file_of(const config::Config& config, const std::string& kind);
// Taken before the first look at the keys, and held until they are changed: what somebody else has
// just made, and takes back, is never seen. Tells whom it waits for. A kind that lies in an HSM
// alone is changed under the lock of the peppers, which always have a file.
base::Result<db::KeyFileLock> lock_keys(const Tool& tool, const config::Config& config,
                                        const std::string& kind);

CommandSpec keys_new_command();
int keys_new(Tool& tool);

}  // namespace cli
