#include "plugin/metrics.h"

#include <algorithm>

namespace plugin {

HostMetrics::Metric& HostMetrics::metric(const std::string& name, int kind) {
  const auto [found, fresh] = metrics_.try_emplace(name);
  if (!fresh) return found->second;
  std::string known = "bipvault_" + name;
  std::replace_if(
      known.begin(), known.end(), [](char c) { return c == '.' || c == '-'; }, '_');
  if (kind == BV_METRIC_COUNTER) known += "_total";
  found->second.handle = host_.define_metric(known, kind, name + ", see the manual of operations");
  return found->second;
}

void HostMetrics::publish(const base::Counters::Map& counters, const Gauges& gauges) {
  const bv_metrics_1* const table = host_.metrics();
  if (table == nullptr) return;
  for (const auto& [name, value] : counters) {
    Metric& counter = metric(name, BV_METRIC_COUNTER);
    if (counter.handle != 0 && value != counter.told) {
      host_.add_metric(counter.handle, value - counter.told);
    }
    counter.told = value;
  }
  for (const auto& [name, value] : gauges) {
    const Metric& gauge = metric(name, BV_METRIC_GAUGE);
    if (gauge.handle != 0) host_.set_metric(gauge.handle, value);
  }
}

}  // namespace plugin
