// What a command_status of an answer means for who sent the request (SMPP 3.4 clause 5.1.3).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

namespace smsc {

enum class Reaction : std::uint8_t {
  ok,
  refused,       // permanent for this message: our fault, or the SMSC's setting
  bad_number,    // permanent for this destination
  bad_source,    // our address is not allowed: permanent, and an alarm
  rebind,        // the SMSC thinks that this link is not bound
  retry,         // temporary, with growing delay
  retry_slowly,  // few times, far apart
  queue_full,    // again, behind the others
  throttled,     // the SMSC's whole queue waits, and goes on slower
};

// By the table, then by range: 400-4FF are a vendor's own and count as temporary, what is reserved
// as refused.
Reaction reaction_of(std::uint32_t status, const std::map<std::uint32_t, Reaction>& overrides);

std::optional<Reaction> parse_reaction(std::string_view text);
std::string_view name_of(Reaction reaction);
// "throttled (58)" for the operator.
std::string_view name_of_status(std::uint32_t status);

}  // namespace smsc
