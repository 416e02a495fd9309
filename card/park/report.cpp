#include "card/park/report.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/log.h"

namespace card::park {
namespace {

constexpr std::array<const char*, kSteps> kStepNames{"status", "store", "fetch"};
constexpr std::array<const char*, kFailures> kFailureNames{
    "no_channel", "cut", "dropped", "timeout", "try_later", "refused", "broken", "lost", "no_card"};

std::string decimal(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

double per_second(std::uint64_t count, double seconds) {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

}  // namespace

Totals total(std::span<const Stats> all) {
  Totals totals;
  for (const Stats& one : all) {
    totals.opened += one.opened;
    totals.closed += one.closed;
    totals.visits += one.visits;
    totals.cuts += one.cuts;
    totals.octets += one.octets;
    totals.key_wanted += one.key_wanted;
    totals.unended += one.unended;
    totals.measured_ms = std::max<std::uint64_t>(totals.measured_ms, one.measured_ms);
    totals.cpu_us += one.cpu_us;
    totals.measured_visits += one.measured_visits;
    for (std::size_t i = 0; i < kFailures; ++i) {
      totals.failures[i] += one.failures[i];
      totals.failed += one.failures[i];
    }
    for (std::size_t step = 0; step < kSteps; ++step) {
      totals.steps[step] += one.steps[step];
      totals.measured_steps[step] += one.measured_steps[step];
      for (std::size_t i = 0; i < Histogram::kBuckets; ++i) {
        totals.times[step][i] += one.times[step].count(i);
      }
    }
  }
  return totals;
}

double Totals::percentile_ms(std::size_t step, double part) const {
  const std::size_t first = step == kSteps ? 0 : step;
  const std::size_t last = step == kSteps ? kSteps : step + 1;
  std::uint64_t all = 0;
  for (std::size_t s = first; s < last; ++s) {
    for (const std::uint64_t count : times[s]) all += count;
  }
  if (all == 0) return 0;
  const auto rank = static_cast<std::uint64_t>(part * static_cast<double>(all - 1));
  std::uint64_t passed = 0;
  for (std::size_t i = 0; i < Histogram::kBuckets; ++i) {
    for (std::size_t s = first; s < last; ++s) passed += times[s][i];
    if (passed > rank) return Histogram::us(i) / 1000;
  }
  return 0;
}

std::string progress_line(const Totals& now, const Totals& before, double seconds, double since) {
  return base::cat(decimal(seconds, 1), " s  open ", now.opened - now.closed, "  visits ",
                   now.visits, "  ", decimal(per_second(now.visits - before.visits, since), 1),
                   "/s  p50 ", decimal(now.percentile_ms(kSteps, 0.5), 1), " ms  p99 ",
                   decimal(now.percentile_ms(kSteps, 0.99), 1), " ms  failed ", now.failed);
}

std::string summary_json(const Totals& totals, const Settings& settings, std::size_t cards) {
  const double seconds = static_cast<double>(totals.measured_ms) / 1000;
  const double cpu = static_cast<double>(totals.cpu_us) / 1e6;
  const auto processors = static_cast<double>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
  std::string text = base::cat(
      "{\"channel\": \"", to_string(settings.carrier), "\", \"cards\": ", cards,
      ", \"processes\": ", settings.processes, ", \"seconds\": ", decimal(seconds, 3),
      ", \"opened\": ", totals.opened, ", \"visits\": ", totals.visits,
      ", \"visits_per_second\": ", decimal(per_second(totals.measured_visits, seconds), 1),
      ", \"cuts\": ", totals.cuts, ", \"image_octets\": ", totals.octets, ", \"steps\": {");
  bool first = true;
  for (std::size_t step = 0; step < kSteps; ++step) {
    if (totals.steps[step] == 0) continue;
    text += base::cat(
        first ? "" : ", ", "\"", kStepNames[step], "\": {\"count\": ", totals.steps[step],
        ", \"per_second\": ", decimal(per_second(totals.measured_steps[step], seconds), 1),
        ", \"p50_ms\": ", decimal(totals.percentile_ms(step, 0.5), 2),
        ", \"p99_ms\": ", decimal(totals.percentile_ms(step, 0.99), 2),
        ", \"max_ms\": ", decimal(totals.percentile_ms(step, 1), 2), "}");
    first = false;
  }
  text += base::cat("}, \"failed\": ", totals.failed, ", \"failures\": {");
  first = true;
  for (std::size_t i = 0; i < kFailures; ++i) {
    if (totals.failures[i] == 0) continue;
    text += base::cat(first ? "" : ", ", "\"", kFailureNames[i], "\": ", totals.failures[i]);
    first = false;
  }
  const double share = seconds > 0 ? cpu / (seconds * processors) : 0;
  text += base::cat("}, \"key_wanted\": ", totals.key_wanted, ", \"unended\": ", totals.unended,
                    ", \"interrupted\": ", totals.interrupted ? "true" : "false");
  return base::cat(text, ", \"cpu_seconds\": ", decimal(cpu, 3),
                   ", \"cpu_share\": ", decimal(share, 3), "}");
}

}  // namespace card::park
