#include "plugin/observed.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "plugin/counter_names.h"

namespace plugin {

namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

MetricFamily family(std::string name, std::string help, MetricType type) {
  MetricFamily made;
  made.name = std::move(name);
  made.help = std::move(help);
  made.type = type;
  return made;
}

class Families {
 public:
  void gauge(const char* name, const char* help, double value) {
    MetricFamily made = family(std::string("bipvault_") + name, help, MetricType::Gauge);
    made.metric.emplace_back().gauge.value = value;
    all_.push_back(std::move(made));
  }

  template <class F>
  void gauge_by_smsc(const char* name, const char* help, const std::vector<vault::SmscState>& smscs,
                     F&& value) {
    if (smscs.empty()) return;
    MetricFamily made = family(std::string("bipvault_") + name, help, MetricType::Gauge);
    for (const vault::SmscState& smsc : smscs) {
      auto& metric = made.metric.emplace_back();
      metric.label.push_back({"smsc", smsc.name});
      metric.gauge.value = value(smsc);
    }
    all_.push_back(std::move(made));
  }

  void counter(const std::string& name, std::int64_t value) {
    MetricFamily made =
        family(metric_name(name) + "_total", "Events counted as " + name + ", since the start.",
               MetricType::Counter);
    made.metric.emplace_back().counter.value = static_cast<double>(value);
    all_.push_back(std::move(made));
  }

  void histogram(const std::string& name, const base::Durations& durations) {
    MetricFamily made = family(metric_name(name) + "_seconds", "How long " + name + " took.",
                               MetricType::Histogram);
    auto& histogram = made.metric.emplace_back().histogram;
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < durations.counts.size(); ++i) {
      below += durations.counts[i];
      const bool last = i == base::Durations::kBoundsMs.size();
      const double bound = last ? std::numeric_limits<double>::infinity()
                                : static_cast<double>(base::Durations::kBoundsMs[i]) / 1000;
      histogram.bucket.push_back({below, bound});
    }
    histogram.sample_count = below;
    histogram.sample_sum = static_cast<double>(durations.sum_ms) / 1000;
    all_.push_back(std::move(made));
  }

  std::string text() const { return prometheus::TextSerializer().Serialize(all_); }

 private:
  std::vector<MetricFamily> all_;
};

void add_smscs(Families& families, const std::vector<vault::SmscState>& smscs) {
  families.gauge_by_smsc("smsc_bound", "1: bound to this SMSC.", smscs,
                         [](const auto& s) { return s.bound ? 1.0 : 0.0; });
  families.gauge_by_smsc("smsc_binds", "Connections bound to this SMSC.", smscs,
                         [](const auto& s) { return double{1} * s.binds; });
  families.gauge_by_smsc("smsc_waiting", "Segments that wait for this SMSC.", smscs,
                         [](const auto& s) { return double{1} * s.waiting; });
  families.gauge_by_smsc("smsc_in_flight", "Segments written and not answered.", smscs,
                         [](const auto& s) { return double{1} * s.in_flight; });
  families.gauge_by_smsc("smsc_rate_limit", "Segments a second that are allowed now; 0: no limit.",
                         smscs, [](const auto& s) { return double{1} * s.rate; });
  families.gauge_by_smsc("smsc_trouble", "1: this SMSC has a trouble that the log tells.", smscs,
                         [](const auto& s) { return s.trouble.empty() ? 0.0 : 1.0; });
}

}  // namespace

// A name may not hold the word "counter" (promtool): a card's replay counter is "replay" in it.
std::string metric_name(std::string name) {
  constexpr std::string_view kWord = "counter_";
  if (const std::size_t at = name.find(kWord); at != std::string::npos) {
    name.replace(at, kWord.size(), "replay_");
  }
  for (char& c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (!plain) c = '_';
  }
  return "bipvault_" + name;
}

std::string metrics_text(const Observed& observed) {
  Families families;
  families.gauge("store_up", "1: the store is well; 0: the log says what is wrong.",
                 observed.store_fault.empty() ? 1 : 0);
  if (observed.hsm_fault) {
    families.gauge("hsm_up", "1: the HSM can be used; 0: the log says what is wrong.",
                   observed.hsm_fault->empty() ? 1 : 0);
  }
  for (const Gauge& gauge : observed.gauges) {
    families.gauge(gauge.name, gauge.help, static_cast<double>(gauge.value));
  }
  add_smscs(families, observed.smscs);
  families.counter("log.lines_dropped", static_cast<std::int64_t>(observed.log_lines_dropped));
  base::Counters::Map counters = observed.counters;
  for (const char* name : counter_names()) counters.try_emplace(name, 0);
  for (const auto& [name, value] : counters) families.counter(name, value);
  base::Counters::DurationMap durations = observed.durations;
  for (const char* name : duration_names()) durations.try_emplace(name);
  for (const auto& [name, times] : durations) families.histogram(name, times);
  return families.text();
}

}  // namespace plugin
