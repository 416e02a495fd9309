// Calendar arithmetic in a named time zone (IANA names, the system's zone files). Nothing of the
// process's own zone is read or changed. Immutable after loading; any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace vault {

// A span of calendar months and of time: "2months", "60d", "1months12h".
struct Interval {
  int months = 0;
  std::int64_t ms = 0;
  bool operator==(const Interval&) const = default;
};
// Like base::parse_duration, but months stay months. Nothing if it is not longer than 0.
std::optional<Interval> parse_interval(std::string_view text);

// A part of each day, minutes since midnight: [from, to); from > to goes over midnight; the same
// twice is the whole day.
struct Hours {
  int from = 9 * 60;
  int to = 20 * 60;
  bool operator==(const Hours&) const = default;
};
std::optional<Hours> parse_hours(std::string_view text);  // "09:00-20:00", "9-20"

class Calendar {
 public:
  // Nothing: there is no such zone on this machine.
  static std::optional<Calendar> load(const std::string& zone);
  static Calendar utc();

  // The same time of day `months` later, a day that does not exist becomes the month's last day; a
  // time of day that a clock change leaves out becomes the first one after it. Then `ms` on top.
  std::int64_t add(std::int64_t utc_ms, const Interval& interval) const;
  bool inside(const Hours& hours, std::int64_t utc_ms) const;
  // `utc_ms` if it is inside, else the next moment that is.
  std::int64_t next_inside(const Hours& hours, std::int64_t utc_ms) const;
  // Days since 1970-01-01 of the zone's date: two moments of one day have the same.
  std::int64_t day(std::int64_t utc_ms) const;
  std::string date(std::int64_t utc_ms) const;  // 2026-11-24

 private:
  struct Zone;
  explicit Calendar(std::shared_ptr<const Zone> zone) : zone_(std::move(zone)) {}
  std::shared_ptr<const Zone> zone_;  // shared by copies: the library's handle has no public form
};

}  // namespace vault
