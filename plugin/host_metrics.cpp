#include "plugin/host_metrics.h"

namespace plugin {

HostMetrics::Metric& HostMetrics::metric(const std::string& name, int kind,
                                         const std::string& help) {
  const auto [found, fresh] = metrics_.try_emplace(name);
  if (!fresh) return found->second;
  std::string known = metric_name(name);
  if (kind == BV_METRIC_COUNTER) known += "_total";
  found->second.handle = host_.define_metric(known, kind, help);
  return found->second;
}

void HostMetrics::publish(const Observed& observed) {
  const bv_metrics_1* const table = host_.metrics();
  if (table == nullptr) return;
  for (const auto& [name, value] : observed.counters) {
    Metric& counter = metric(name, BV_METRIC_COUNTER, name + ", see the manual of operations");
    if (counter.handle != 0 && value != counter.told) {
      host_.add_metric(counter.handle, value - counter.told);
    }
    counter.told = value;
  }
  for (const Gauge& one : observed.gauges) {
    const Metric& gauge = metric(one.name, BV_METRIC_GAUGE, one.help);
    if (gauge.handle != 0) host_.set_metric(gauge.handle, one.value);
  }
}

}  // namespace plugin
