// What tools ask the running instances to do, and how those are: rows in the store, since no tool
// opens a connection to an instance. One thread at a time per Store.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "vault/ports.h"
#include "vault/sms_ports.h"

namespace vault {

// How often an instance writes its row, and after what silence it does not run.
inline constexpr std::int64_t kInstanceBeat = 5 * base::kSecondMs;
inline constexpr std::int64_t kInstanceSilent = 20 * base::kSecondMs;
// Nobody waits longer for what a tool has asked for.
inline constexpr std::int64_t kRequestLife = base::kHourMs;

struct Running {
  InstanceRow row;
  bool alive = false;
};
// Writes an instance's row as it is now. False: the store is away.
bool beat(Store& store, const InstanceRow& row, base::Now now);
base::Result<std::vector<Running>> running_instances(Store& store, base::Now now);

// Dates and state are set here; gives the request's number.
base::Result<std::uint64_t> ask(Store& store, OutboxItem item, base::Now now);
// Inside an update.
std::uint64_t ask(MessageTx& messages, OutboxItem item, std::int64_t life_ms, base::Now now);
// Nothing: there is none of that number (any more).
base::Result<std::optional<OutboxItem>> asked(Store& store, std::uint64_t id, base::Now now);

// The daily job as it stands: begun when and by whom, how far the dates are seen.
base::Result<JobRow> reminder_job(Store& store, base::Now now);

}  // namespace vault
