// Time as an argument. Code that needs time is handed a Now; only base/clock.cpp asks the system.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"

namespace base {

struct Now {
  std::int64_t mono_ms = 0;  // for deadlines: never jumps
  std::int64_t utc_ms = 0;   // for dates: milliseconds since 1970-01-01 00:00 UTC
};

inline constexpr std::int64_t kSecondMs = 1000;
inline constexpr std::int64_t kMinuteMs = 60 * kSecondMs;
inline constexpr std::int64_t kHourMs = 60 * kMinuteMs;
inline constexpr std::int64_t kDayMs = 24 * kHourMs;

// A calendar date and time of day in UTC (proleptic Gregorian).
struct Civil {
  int year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0;
  bool operator==(const Civil&) const = default;
};

Civil to_civil(std::int64_t utc_ms);
std::int64_t from_civil(const Civil& civil);

// The same day and time `months` later; a day that does not exist becomes the month's last day.
std::int64_t add_months(std::int64_t utc_ms, int months);

std::string iso_date(std::int64_t utc_ms);  // 2026-11-24T09:05:00Z

// Wire form of a date (tag 8A): century, year, month, day, hour, minute, second, packed BCD, UTC.
Bytes to_bcd_date(std::int64_t utc_ms);
std::optional<std::int64_t> from_bcd_date(View seven_octets);

}  // namespace base
