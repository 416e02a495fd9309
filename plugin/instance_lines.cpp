#include <algorithm>

#include "base/log.h"
#include "plugin/observed.h"

namespace plugin {

namespace {

std::string lines_of(const vault::SmscState& state) {
  const std::string name = base::cat("smsc.", state.name, ".");
  std::string lines =
      base::cat(name, "bound ", state.bound ? 1 : 0, "\n", name, "binds ", state.binds, "\n", name,
                "waiting ", state.waiting, "\n", name, "in_flight ", state.in_flight, "\n", name,
                "rate ", state.rate, "\n");
  if (!state.trouble.empty()) lines += base::cat(name, "trouble ", state.trouble, "\n");
  return lines;
}

// A value is one line.
std::string flat(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return text;
}

}  // namespace

std::string instance_lines(const Observed& observed, std::uint32_t master_key,
                           std::uint32_t pepper) {
  std::string lines = base::cat("keys.master ", master_key, "\nkeys.pepper ", pepper, "\n");
  for (const auto& [name, port] : observed.ports)
    lines += base::cat("port.", name, " ", port, "\n");
  for (const Gauge& gauge : observed.gauges) lines += base::cat(gauge.name, " ", gauge.value, "\n");
  for (const vault::SmscState& state : observed.smscs) lines += lines_of(state);
  for (const auto& [id, text] : observed.alarms) lines += "alarm." + id + " " + flat(text) + "\n";
  return lines;
}

}  // namespace plugin
