// Where Now comes from. The only file besides clock.cpp that may ask the system for the time.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "base/time.h"

namespace base {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Now now() const = 0;  // any thread, never blocks
};

class SystemClock : public Clock {
 public:
  Now now() const override;
};

// System time plus an offset read from a one-line file (milliseconds added to both clocks), which
// is read again at most once a second: a laboratory moves months in a second. A missing or bad
// file counts as 0. Any thread.
class OffsetFileClock : public Clock {
 public:
  explicit OffsetFileClock(std::string path);
  Now now() const override;

 private:
  std::string path_;
  mutable std::atomic<std::int64_t> offset_ms_{0};
  mutable std::atomic<std::int64_t> read_again_at_{0};
};

}  // namespace base
