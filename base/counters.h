// Named event counters and how long things took, for health and metrics: "bip.wrong_cc",
// "db.commit".
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/guarded.h"

namespace base {

// How often something took at most so long.
struct Durations {
  static constexpr std::array<std::int64_t, 14> kBoundsMs{
      1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 30000};
  std::array<std::uint64_t, kBoundsMs.size() + 1> counts{};  // of each bucket alone; last: longer
  std::int64_t sum_ms = 0;

  void add(std::int64_t ms) {
    const auto bound = std::lower_bound(kBoundsMs.begin(), kBoundsMs.end(), ms);
    counts[static_cast<std::size_t>(bound - kBoundsMs.begin())] += 1;
    sum_ms += ms;
  }
};

// Any thread.
class Counters {
 public:
  using Map = std::map<std::string, std::int64_t, std::less<>>;
  using DurationMap = std::map<std::string, Durations, std::less<>>;

  void add(std::string_view name, std::int64_t amount = 1) {
    values_.with([&](Map& map) { entry(map, name) += amount; });
  }
  void took(std::string_view name, std::int64_t ms) {
    durations_.with([&](DurationMap& map) { entry(map, name).add(ms); });
  }
  std::int64_t get(std::string_view name) const {
    return values_.with([&](const Map& map) {
      const auto found = map.find(name);
      return found == map.end() ? 0 : found->second;
    });
  }
  Map snapshot() const {
    return values_.with([](const Map& map) { return map; });
  }
  DurationMap durations() const {
    return durations_.with([](const DurationMap& map) { return map; });
  }

 private:
  // Without a string where the name is known.
  template <class M>
  static typename M::mapped_type& entry(M& map, std::string_view name) {
    const auto found = map.find(name);
    return found != map.end() ? found->second : map[std::string(name)];
  }

  Guarded<Map> values_;
  Guarded<DurationMap> durations_;
};

}  // namespace base
