// Calls that a second agent has to approve: request, approve, reject, pending.
#pragma once

#include <optional>

#include "cli/tool.h"
#include "vault/care_service.h"

namespace cli {

bool is_approvals_call(const std::string& command);
// Whether what the command line says can be a call at all; else `code` says how it was refused.
bool approval_options_ok(const Tool& tool, int& code);
int run_approvals_call(const Tool& tool, vault::CareService& care, const vault::CareCall& call);

}  // namespace cli
