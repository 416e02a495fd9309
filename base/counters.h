// Named event counters, for health and metrics: "bip.wrong_cc", "vault.locked".
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/guarded.h"

namespace base {

// Any thread.
class Counters {
 public:
  using Map = std::map<std::string, std::int64_t, std::less<>>;

  void add(std::string_view name, std::int64_t amount = 1) {
    values_.with([&](Map& map) {
      const auto found = map.find(name);
      if (found != map.end()) {
        found->second += amount;
      } else {
        map.emplace(name, amount);
      }
    });
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

 private:
  Guarded<Map> values_;
};

}  // namespace base
