// What the processes of a park have seen, added up.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "card/park/stats.h"

namespace card::park {

struct Totals {
  std::uint64_t opened = 0, closed = 0, visits = 0, cuts = 0, octets = 0, failed = 0;
  std::uint64_t key_wanted = 0;  // of the failed ones
  std::uint64_t unended = 0;     // visits: neither done nor failed
  bool interrupted = false;      // ended by a signal
  std::array<std::uint64_t, kSteps> steps{};
  std::array<std::uint64_t, kFailures> failures{};
  std::array<std::array<std::uint64_t, Histogram::kBuckets>, kSteps> times{};
  std::uint64_t measured_ms = 0;  // of the process that took longest
  std::uint64_t measured_visits = 0;
  std::array<std::uint64_t, kSteps> measured_steps{};
  std::uint64_t cpu_us = 0;

  // Nothing failed, and not for want of anything that ended.
  bool good() const { return failed == 0 && (visits > 0 || unended == 0); }
  // Of one step, or of all with kSteps; 0: nothing was measured.
  double percentile_ms(std::size_t step, double part) const;
};
Totals total(std::span<const Stats> all);

// One line: "12.0 s  open 5000  visits 3021  250.1/s  p50 3.1 ms  p99 12.4 ms  failed 0".
std::string progress_line(const Totals& now, const Totals& before, double seconds, double since);
std::string summary_json(const Totals& totals, const Settings& settings, std::size_t cards);

}  // namespace card::park
