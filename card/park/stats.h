// What a park has seen, in memory that its processes share: each process writes its own, the parent
// reads all. Every number only grows.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>

#include "card/park/settings.h"

namespace card::park {

// Times in microseconds, exact to a thirty-second part.
class Histogram {
 public:
  void add(std::uint64_t us) { ++counts_[index(us)]; }
  std::uint64_t count(std::size_t bucket) const { return counts_[bucket]; }

  static constexpr std::size_t kBuckets = 32 * 32;
  static std::size_t index(std::uint64_t us) {
    if (us < 32) return us;
    const std::size_t shift = static_cast<std::size_t>(std::bit_width(us)) - 6;
    const std::size_t bucket = shift * 32 + (us >> shift);
    return bucket < kBuckets ? bucket : kBuckets - 1;
  }
  // The middle of a bucket.
  static double us(std::size_t bucket) {
    if (bucket < 64) return static_cast<double>(bucket);
    const std::size_t shift = bucket / 32 - 1;
    return (static_cast<double>(bucket - shift * 32) + 0.5) * static_cast<double>(1ULL << shift);
  }

 private:
  std::array<std::atomic<std::uint64_t>, kBuckets> counts_{};
};

enum class Failure : std::uint8_t {
  no_channel,  // it could not be opened
  cut,         // it ended within a visit
  dropped,     // it ended between two visits, with `stay`
  timeout,
  try_later,
  refused,  // another result than `done`, or a security status
  broken,   // an answer that does not verify or is none
  lost,     // another image than the vault may have, or none
  no_card,  // a visit was due and all cards were busy: the park is too small for the rate
  count_
};
inline constexpr std::size_t kFailures = static_cast<std::size_t>(Failure::count_);

struct Stats {
  std::atomic<std::uint64_t> opened{0};  // channels
  std::atomic<std::uint64_t> closed{0};
  std::atomic<std::uint64_t> visits{0};  // complete ones
  std::atomic<std::uint64_t> cuts{0};    // that were wanted
  std::array<std::atomic<std::uint64_t>, kSteps> steps{};
  std::array<std::atomic<std::uint64_t>, kFailures> failures{};
  std::atomic<std::uint64_t> unended{0};     // visits under way when the time was over, and after
  std::atomic<std::uint64_t> key_wanted{0};  // of the refused ones: a key that the card has not
  std::atomic<std::uint64_t> octets{0};      // of images that were stored or fetched
  std::array<Histogram, kSteps> times;
  std::atomic<bool> all_open{false};
  std::atomic<std::uint64_t> measured_ms{0};  // at the end: of the visits, without opening before
  std::atomic<std::uint64_t> cpu_us{0};       // of the process, in that time
  std::atomic<std::uint64_t> measured_visits{0};
  std::array<std::atomic<std::uint64_t>, kSteps> measured_steps{};

  // The time that is measured is over: rates are of what has been done until now.
  void keep_measured() {
    measured_visits = visits.load();
    for (std::size_t i = 0; i < kSteps; ++i) measured_steps[i] = steps[i].load();
  }
};

// What tells the processes to go on.
struct Control {
  std::atomic<bool> go{false};
  std::atomic<bool> stop{false};
};

}  // namespace card::park
