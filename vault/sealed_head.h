// What the history was at a moment, in one line that only the audit key can make: how many entries
// there were and the sum of the newest macs of all chains. The vault logs one every hour, so that
// newest entries which are removed together with a record's own head are missed all the same.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "vault/ports.h"

namespace vault {

struct HeadSum {
  std::int64_t until = 0;     // utc_ms: of the entries with a date before it
  std::uint64_t entries = 0;  // how many
  base::Sha256 sum{};         // of each chain's newest mac, modulo 2^256
  bool operator==(const HeadSum&) const = default;
};

// "sealed history head 2026-11-24T14:00:00Z entries 12 sum HEX64 seal HEX64", without a break.
std::string sealed_line(const KeyRing& keys, const HeadSum& sum);
bool names_sealed(std::string_view line);  // whether its words are there at all
// Finds one in a line of a log. Nothing: there is none, or this audit key has not made it.
std::optional<HeadSum> read_sealed(const KeyRing& keys, std::string_view line);

// Brings a sum forward in time: the first time in one pass over all chains, page by page, later in
// slices of time. Cost follows the entries in between. One thread.
class HeadSummer {
 public:
  const HeadSum& sum() const { return sum_; }
  // One page on the way to `until`; what was begun is ended first. True: sum() is of that moment;
  // false: call again. After an error everything is as before the call.
  base::Result<bool> advance(Store& store, std::int64_t until);

 private:
  // The chain whose new entries are being read; its last ones may be on the next page.
  struct Chain {
    RecordId record{};
    std::uint64_t seq = 0;
    base::Sha256 mac{};
  };
  struct State {
    std::uint64_t entries = 0;
    base::Sha256 sum{};
    std::optional<Chain> chain;
  };

  base::Status end_chain(Store& store, State& state) const;

  HeadSum sum_;
  std::int64_t target_ = 0;
  State state_;  // of the pass from sum_ to target_
};

}  // namespace vault
