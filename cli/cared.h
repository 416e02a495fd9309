// bipvault-cared: makes the calls of customer care for users who have access to neither store nor
// key files. Who calls is what the kernel says of the other end of the socket.
#pragma once

#include <sys/types.h>

#include <string>

#include "cli/care_protocol.h"
#include "cli/tool.h"

namespace cli {

const ProgramSpec& cared_program();
// Serves until SIGTERM or SIGINT: one process for each call, which ends with it. Configuration and
// keys are read at every call.
int run_cared(Tool& tool);

// What is answered instead of a call.
CareAnswer refused(ExitCode code, const std::string& text);
// One request of that user, from its line to the answer.
CareAnswer serve_request(Tool& service, ::uid_t user, std::string_view line);

}  // namespace cli
