// What a running plugin tells of itself: as the JSON of bv.health/1, for the host's collection
// (plugin/host_metrics.h) and as Prometheus text. Pure; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/counters.h"
#include "bip/gateway.h"
#include "vault/sms_ports.h"

namespace plugin {

struct Gauge {
  const char* name;
  std::int64_t value;
  const char* help;
};
// In the order of the health report.
std::vector<Gauge> gauges_of(const bip::Gateway::Health& gateway,
                             const std::vector<vault::SmscState>& smscs, std::size_t alarms);

// One look at a running plugin.
struct Observed {
  std::vector<std::pair<const char*, std::uint16_t>> ports;  // of open listeners, by name
  std::vector<Gauge> gauges;
  std::vector<vault::SmscState> smscs;
  std::map<std::string, std::string> alarms;  // raised, with their texts
  std::string store_fault;                    // empty: the store is well
  std::optional<std::string> hsm_fault;       // the same; nothing: there is no HSM
  std::uint64_t log_lines_dropped = 0;
  base::Counters::Map counters;
  base::Counters::DurationMap durations;
};

// The object of bv.health/1; `state` is that of the lifecycle.
std::string health_json(const Observed& observed, const std::string& state);

// What this instance writes into the store (vault::InstanceRow::health): lines of a name and a
// value, the most useful first, since a store may cut them off. The numbers are those of the newest
// keys that it has loaded.
std::string instance_lines(const Observed& observed, std::uint32_t master_key,
                           std::uint32_t pepper);

// "bip.wrong_cc" -> "bipvault_bip_wrong_cc"; a counter's ends in "_total".
std::string metric_name(std::string name);

// Prometheus text format 0.0.4. A counter `bip.wrong_cc` is bipvault_bip_wrong_cc_total, a duration
// `db.commit` the histogram bipvault_db_commit_seconds; docs/operations.md says what each means.
std::string metrics_text(const Observed& observed);

}  // namespace plugin
