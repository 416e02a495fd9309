// An alarm of single events, which nobody takes back: raised by the first, over when none has
// followed for an hour.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/counters.h"
#include "base/log.h"
#include "base/time.h"

namespace plugin {

// One thread.
class FadingAlarm {
 public:
  static constexpr std::int64_t kLastsMs = base::kHourMs;

  // `counter`: of the events. `what`: one line for an operator.
  FadingAlarm(std::string_view counter, std::string_view what) : counter_(counter), what_(what) {}

  // The alarm's text now; empty: none.
  std::string text(const base::Counters& counters, base::Now now) {
    const std::int64_t seen = counters.get(counter_);
    if (seen > seen_) last_ms_ = now.mono_ms;
    if (now.mono_ms - last_ms_ >= kLastsMs) over_ = seen;
    seen_ = seen;
    return seen == over_ ? std::string() : base::cat(what_, " (", seen - over_, " times)");
  }

 private:
  const std::string_view counter_;
  const std::string_view what_;
  std::int64_t seen_ = 0;
  std::int64_t over_ = 0;  // how many have been when it was over
  std::int64_t last_ms_ = 0;
};

}  // namespace plugin
