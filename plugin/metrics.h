// The plugin's figures for the host's collection (bv.metrics/1).
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/counters.h"
#include "plugin/host.h"

namespace plugin {

// By name, in the order of the health report.
using Gauges = std::vector<std::pair<std::string, std::int64_t>>;

// One thread at a time.
class HostMetrics {
 public:
  explicit HostMetrics(const Host& host) : host_(host) {}

  // What has happened since the last call is added to the host's counters: "bip.sessions" is
  // bipvault_bip_sessions_total there, the gauge "sessions" bipvault_sessions.
  void publish(const base::Counters::Map& counters, const Gauges& gauges);

 private:
  struct Metric {
    std::uint64_t handle = 0;
    std::int64_t told = 0;
  };
  Metric& metric(const std::string& name, int kind);

  const Host& host_;
  std::map<std::string, Metric> metrics_;
};

}  // namespace plugin
