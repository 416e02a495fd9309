// Questions to whoever sits at the terminal, with and without echo.
#pragma once

#include <optional>
#include <string>

#include "base/secret.h"

namespace cli {

bool interactive();  // standard input is a terminal

// Asks on a terminal: what was typed without the line's end; nothing at its end.
std::optional<std::string> ask(const std::string& question);

// A line that is not shown: from the terminal with echo off (restored also when a signal ends the
// question), or, when standard input is no terminal, its first line. At most 256 octets; nothing
// when there is none or the question was interrupted.
std::optional<base::Secret> ask_secret(const std::string& question);

}  // namespace cli
