// Who may make which call of customer care: the user at the other end of the socket, as the kernel
// tells it, and what [care] says of that user.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "cli/command_line.h"
#include "config/config.h"

namespace cli {

// Calls of auditors and operators; all others are those of agents.
bool is_auditors_call(const std::string& command);

// May that user call at all? Who may not is not listened to.
bool is_caller(const config::CareAccess& access, ::uid_t user);
// A desk's own program: it calls for many agents.
bool is_broker(const config::CareAccess& access, ::uid_t user);
// Those whom [care] names and this machine does not know.
std::vector<std::string> unknown_users(const config::CareAccess& access);
// Admits a call of that user and sets who it is in the line: agent, or operator. What the line says
// itself of either is believed of brokers only. The string says why the call is refused.
std::optional<std::string> admit(const config::CareAccess& access, ::uid_t user, CommandLine& line);

}  // namespace cli
