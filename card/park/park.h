// bipvault-card park: many light cards at once, in several processes (docs/performance.md).
#pragma once

#include "base/result.h"
#include "card/park/settings.h"

namespace card::park {

// Runs to its bounds, SIGINT or SIGTERM; writes progress to standard error and the summary. True:
// no visit has failed. Forks: the process has no other threads.
base::Result<bool> run(const Settings& settings);

}  // namespace card::park
