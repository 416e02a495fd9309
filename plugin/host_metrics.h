// The plugin's figures for the host's collection (bv.metrics/1).
#pragma once

#include <map>
#include <string>

#include "plugin/host.h"
#include "plugin/observed.h"

namespace plugin {

// One thread at a time.
class HostMetrics {
 public:
  explicit HostMetrics(const Host& host) : host_(host) {}

  // What has happened since the last call is added to the host's counters: "bip.sessions" is
  // bipvault_bip_sessions_total there, the gauge "sessions" bipvault_sessions.
  void publish(const Observed& observed);

 private:
  struct Metric {
    std::uint64_t handle = 0;
    std::int64_t told = 0;
  };
  Metric& metric(const std::string& name, int kind, const std::string& help);

  const Host& host_;
  std::map<std::string, Metric> metrics_;
};

}  // namespace plugin
