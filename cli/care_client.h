// A call of customer care that bipvault-cared makes.
#pragma once

#include "cli/care.h"

namespace cli {

// Sends what the command line and `call` (null: none) say to the service at that socket, and prints
// what it answers; content goes to `sink`. The exit code is the service's.
int ask_service(const Tool& tool, const config::CareAccess& access, const vault::CareCall* call,
                const ContentSink& sink);

}  // namespace cli
