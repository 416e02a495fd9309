// A clock that only the test moves. Any thread.
#pragma once

#include <atomic>

#include "base/clock.h"

namespace support {

class FakeClock : public base::Clock {
 public:
  static constexpr std::int64_t kStartUtc = 1'764'000'000'000;  // a day in November 2025

  base::Now now() const override {
    const std::int64_t passed = passed_ms_.load();
    return {1'000'000 + passed, kStartUtc + passed + set_by_ms_.load()};
  }
  void advance(std::int64_t ms) { passed_ms_ += ms; }
  // The date alone, as when somebody sets the system's clock.
  void set_date_by(std::int64_t ms) { set_by_ms_ += ms; }

 private:
  std::atomic<std::int64_t> passed_ms_{0};
  std::atomic<std::int64_t> set_by_ms_{0};
};

}  // namespace support
