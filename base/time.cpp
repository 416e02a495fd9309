#include "base/time.h"

#include <array>
#include <chrono>
#include <cstdio>

namespace base {

namespace chrono = std::chrono;

Civil to_civil(std::int64_t utc_ms) {
  const chrono::sys_time<chrono::milliseconds> time{chrono::milliseconds{utc_ms}};
  const auto days = chrono::floor<chrono::days>(time);
  const chrono::year_month_day date{days};
  const chrono::hh_mm_ss clock{chrono::floor<chrono::seconds>(time - days)};
  return {static_cast<int>(date.year()),
          static_cast<int>(static_cast<unsigned>(date.month())),
          static_cast<int>(static_cast<unsigned>(date.day())),
          static_cast<int>(clock.hours().count()),
          static_cast<int>(clock.minutes().count()),
          static_cast<int>(clock.seconds().count())};
}

std::int64_t from_civil(const Civil& civil) {
  const chrono::sys_days days{chrono::year{civil.year} /
                              chrono::month{static_cast<unsigned>(civil.month)} /
                              chrono::day{static_cast<unsigned>(civil.day)}};
  const chrono::sys_time<chrono::milliseconds> midnight{days};
  return midnight.time_since_epoch().count() + civil.hour * kHourMs + civil.minute * kMinuteMs +
         civil.second * kSecondMs;
}

std::int64_t add_months(std::int64_t utc_ms, int months) {
  const chrono::sys_time<chrono::milliseconds> time{chrono::milliseconds{utc_ms}};
  const auto days = chrono::floor<chrono::days>(time);
  chrono::year_month_day date{days};
  date += chrono::months{months};
  if (!date.ok()) date = date.year() / date.month() / chrono::last;
  const chrono::sys_time<chrono::milliseconds> midnight{chrono::sys_days{date}};
  return (midnight + (time - days)).time_since_epoch().count();
}

std::string iso_date(std::int64_t utc_ms) {
  const Civil c = to_civil(utc_ms);
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02d-%02dT%02d:%02d:%02dZ", c.year, c.month, c.day,
                c.hour, c.minute, c.second);
  return text.data();
}

Bytes to_bcd_date(std::int64_t utc_ms) {
  const Civil c = to_civil(utc_ms);
  Writer out;
  for (int part : {c.year / 100, c.year % 100, c.month, c.day, c.hour, c.minute, c.second}) {
    out.u8(static_cast<std::uint8_t>(part / 10 << 4 | part % 10));
  }
  return out.take();
}

std::optional<std::int64_t> from_bcd_date(View seven_octets) {
  if (seven_octets.size() != 7) return std::nullopt;
  std::array<int, 7> part{};
  for (std::size_t i = 0; i < part.size(); ++i) {
    const int high = seven_octets[i] >> 4;
    const int low = seven_octets[i] & 0x0F;
    if (high > 9 || low > 9) return std::nullopt;
    part[i] = high * 10 + low;
  }
  const Civil c{part[0] * 100 + part[1], part[2], part[3], part[4], part[5], part[6]};
  const chrono::year_month_day date{chrono::year{c.year},
                                    chrono::month{static_cast<unsigned>(c.month)},
                                    chrono::day{static_cast<unsigned>(c.day)}};
  if (!date.ok() || c.hour > 23 || c.minute > 59 || c.second > 59) return std::nullopt;
  return from_civil(c);
}

}  // namespace base
