#include "vault/calendar.h"

#include <cctz/civil_time.h>
#include <cctz/time_zone.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

#include "base/text.h"
#include "base/time.h"

namespace vault {

namespace {

constexpr int kDayMinutes = 24 * 60;

std::chrono::system_clock::time_point moment(std::int64_t utc_ms) {
  return std::chrono::system_clock::time_point(std::chrono::milliseconds(utc_ms));
}

std::int64_t ms_of(std::chrono::system_clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

// "9", "09" or "09:30", up to 24:00.
std::optional<int> parse_minutes(std::string_view text) {
  const std::size_t colon = text.find(':');
  const auto digits = [](std::string_view part) -> std::optional<int> {
    if (part.empty() || part.size() > 2) return std::nullopt;
    if (!std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; })) {
      return std::nullopt;
    }
    return static_cast<int>(*base::parse_integer(part));
  };
  const auto hour = digits(text.substr(0, colon));
  const auto minute = colon == std::string_view::npos ? 0 : digits(text.substr(colon + 1));
  if (!hour || !minute || *minute > 59) return std::nullopt;
  const int all = *hour * 60 + *minute;
  return all <= kDayMinutes ? std::optional(all) : std::nullopt;
}

bool minute_inside(const Hours& hours, int minute) {
  if (hours.from % kDayMinutes == hours.to % kDayMinutes) return true;
  if (hours.from < hours.to) return minute >= hours.from && minute < hours.to;
  return minute >= hours.from || minute < hours.to;
}

}  // namespace

struct Calendar::Zone {
  cctz::time_zone zone;
};

std::optional<Interval> parse_interval(std::string_view text) {
  constexpr std::string_view kMonths = "months";
  Interval interval;
  const std::size_t at = text.find(kMonths);
  if (at != std::string_view::npos) {
    const auto count = base::parse_integer(text.substr(0, at));
    if (!count || *count < 0 || *count > 1200) return std::nullopt;
    interval.months = static_cast<int>(*count);
    text.remove_prefix(at + kMonths.size());
  }
  if (!text.empty()) {
    const auto rest = base::parse_duration(text);
    if (!rest || *rest < 0 || text.find(kMonths) != std::string_view::npos) return std::nullopt;
    interval.ms = *rest;
  }
  if (interval == Interval{}) return std::nullopt;
  return interval;
}

std::optional<Hours> parse_hours(std::string_view text) {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto from = parse_minutes(base::trim(text.substr(0, dash)));
  const auto to = parse_minutes(base::trim(text.substr(dash + 1)));
  if (!from || !to || *from == kDayMinutes) return std::nullopt;
  return Hours{*from, *to};
}

std::optional<Calendar> Calendar::load(const std::string& zone) {
  auto made = std::make_shared<Zone>();
  if (zone.empty() || !cctz::load_time_zone(zone, &made->zone)) return std::nullopt;
  return Calendar(std::move(made));
}

Calendar Calendar::utc() { return Calendar(std::make_shared<Zone>(Zone{cctz::utc_time_zone()})); }

std::int64_t Calendar::add(std::int64_t utc_ms, const Interval& interval) const {
  if (interval.months == 0) return utc_ms + interval.ms;
  const auto whole = std::chrono::floor<std::chrono::seconds>(moment(utc_ms));
  const std::int64_t part = utc_ms - ms_of(whole);
  const cctz::civil_second from = cctz::convert(whole, zone_->zone);
  const cctz::civil_month month = cctz::civil_month(from) + interval.months;
  const cctz::civil_day last = cctz::civil_day(month + 1) - 1;
  const cctz::civil_second to(month.year(), month.month(), std::min(from.day(), last.day()),
                              from.hour(), from.minute(), from.second());
  return ms_of(cctz::convert(to, zone_->zone)) + part + interval.ms;
}

bool Calendar::inside(const Hours& hours, std::int64_t utc_ms) const {
  const cctz::civil_second local = cctz::convert(moment(utc_ms), zone_->zone);
  return minute_inside(hours, local.hour() * 60 + local.minute());
}

std::int64_t Calendar::next_inside(const Hours& hours, std::int64_t utc_ms) const {
  if (inside(hours, utc_ms)) return utc_ms;
  const cctz::civil_day today(cctz::convert(moment(utc_ms), zone_->zone));
  // A clock change may leave today's opening out or put it behind us: then the next day's.
  for (int ahead = 0; ahead < 3; ++ahead) {
    const cctz::civil_second opening = cctz::civil_second(today + ahead) + hours.from * 60;
    const std::int64_t at = ms_of(cctz::convert(opening, zone_->zone));
    if (at > utc_ms && inside(hours, at)) return at;
  }
  return utc_ms + base::kDayMs;
}

std::int64_t Calendar::day(std::int64_t utc_ms) const {
  return cctz::civil_day(cctz::convert(moment(utc_ms), zone_->zone)) - cctz::civil_day(1970, 1, 1);
}

std::string Calendar::date(std::int64_t utc_ms) const {
  const cctz::civil_day day(cctz::convert(moment(utc_ms), zone_->zone));
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%04lld-%02d-%02d", static_cast<long long>(day.year()),
                day.month(), day.day());
  return text.data();
}

}  // namespace vault
