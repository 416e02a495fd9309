// Decisions of a run, all from its seed: the same seed makes the same run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace sim {

class Chance {
 public:
  explicit Chance(std::uint64_t seed) : random_(seed) {}

  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
  std::int64_t between(std::int64_t least, std::int64_t most) {
    return least + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(most - least + 1)));
  }
  bool one_in(std::uint64_t many) { return below(many) == 0; }
  template <class T>
  T& one_of(std::vector<T>& all) {
    return all[below(all.size())];
  }

 private:
  std::mt19937_64 random_;  // the same on every platform, unlike the library's distributions
};

}  // namespace sim
