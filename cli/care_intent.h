// What a call of customer care is going to do, for whoever sits at the terminal: told before the
// last question, so that he can still leave.
#pragma once

#include <string>

#include "cli/command_line.h"

namespace cli {

// A sentence; empty for calls that change nothing.
std::string what_happens(const CommandLine& line);

// Says it on standard error, where standard input is a terminal.
void tell_what_happens(const CommandLine& line);

}  // namespace cli
