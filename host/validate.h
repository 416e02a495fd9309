// A validator for any build of a plugin: each check runs in a process of its own, so that a crash
// or a hang is a finding and not the validator's end.
#pragma once

#include <string>

#include "host/runner.h"

namespace host {

// Prints one line per check to standard output. kRefused if any failed.
ExitCode validate(const std::string& plugin);

}  // namespace host
