// The names of all counters and durations that the plugin has, so that metrics tell those that have
// not happened yet, as 0: a rate has its first step only then. tests/tidy compares the sources.
#pragma once

#include <span>

namespace plugin {

std::span<const char* const> counter_names();
std::span<const char* const> duration_names();

}  // namespace plugin
