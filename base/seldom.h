// Whether a line that may repeat itself is due: at most one a minute, the next one tells how many
// were left out in between. So that nobody outside can fill a log. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/log.h"
#include "base/time.h"

namespace base {

class Seldom {
 public:
  // It has happened `amount` times. Nothing: stay silent; else how many were left out since the
  // last line.
  std::optional<std::int64_t> happened(Now now, std::int64_t amount = 1) {
    if (now.mono_ms < quiet_until_) {
      left_out_ += amount;
      return std::nullopt;
    }
    const std::int64_t before = left_out_;
    left_out_ = amount - 1;
    quiet_until_ = now.mono_ms + kMinuteMs;
    return before;
  }

 private:
  std::int64_t quiet_until_ = INT64_MIN;  // mono_ms
  std::int64_t left_out_ = 0;
};

// The end of such a line.
inline std::string told_left_out(std::int64_t left_out) {
  return left_out > 0 ? cat(" (", left_out, " more since the last line)") : std::string();
}

}  // namespace base
