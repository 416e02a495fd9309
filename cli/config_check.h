// `bipvault-ops config check`: every fault of the configuration and of the keys that it names.
#pragma once

#include "cli/tool.h"

namespace cli {

int config_check(Tool& tool);
// Says so where the database knows a newer key than these: another host's, made there.
void warn_of_lacking_keys(const Tool& tool, const config::Config& config,
                          const db::FileKeyRing& keys);

}  // namespace cli
