// bipvault-ops, what goes to the running instances through the store: reminders, wake-ups, SMSCs.
#pragma once

#include <string>
#include <vector>

#include "cli/tool.h"
#include "vault/sms_rows.h"

namespace cli {

std::vector<CommandSpec> sms_commands();
bool is_sms_command(const std::string& name);
int run_sms_ops(Tool& tool);

// Waits (option --wait, by the system's clock) until an instance has ended the request, and prints
// what came of it; `about` goes into the JSON. Not ended by then: kUnavailable.
int wait_for(Tool& tool, vault::Store& store, std::uint64_t request, JsonObject about);

}  // namespace cli
