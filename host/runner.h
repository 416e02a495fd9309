// One plugin from loading to its end, driven by the signals of this process.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "host/settings.h"

namespace host {

// Also documented in --help and the manual page.
enum ExitCode { kDone = 0, kFailed = 1, kUsage = 2, kRefused = 3 };

// The warning where host.ini names none.
inline constexpr char kNoCardKeys[] =
    "[host] card_keys is not set: this host knows no card's keys, and no card can prove itself";

// SIGHUP, SIGTERM, SIGINT, SIGUSR1 wait for run() from now on, in threads made later as well;
// SIGPIPE is ignored. Before any library is loaded.
void take_signals();
// No core dumps, no tracing: keys are in this process's memory.
void forbid_core_dumps();
// As many descriptors as the hard limit allows: each channel is one.
void allow_descriptors();

// Loads, starts and serves until SIGTERM or SIGINT; SIGHUP reloads, after `reopen_log`, and SIGUSR1
// logs the health.
ExitCode run(const Settings& settings, base::Log& log, const base::Clock& clock,
             std::function<void()> reopen_log);
// Everything that a start would refuse, without starting; one line each to `faults`.
ExitCode check(const Settings& settings, base::Log& log, const base::Clock& clock,
               std::vector<std::string>& faults);

}  // namespace host
