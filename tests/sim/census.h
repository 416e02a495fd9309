// What must hold for people whose cards share a record for a while: looked at over all records of
// one person's cards together, before and after each step, with what the history says of it.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "tests/sim/keeping.h"
#include "vault/policy.h"
#include "vault/ports.h"

namespace sim {

// Content, key, lock, service or card have changed: then the history must have got longer.
void check_history(const vault::Record& before, const vault::Record& after);

// Of one person; reads only. One thread.
class Census {
 public:
  using Theirs = std::function<bool(const vault::Digest&)>;
  // All outlive the census. `theirs`: may this content be on the person's cards?
  Census(vault::Store& store, const base::Clock& clock, const vault::Policy& policy, Theirs theirs)
      : store_(store), clock_(clock), policy_(policy), theirs_(std::move(theirs)) {}

  void add(const vault::Iccid& card) { cards_.push_back(card); }
  // The card was told the outcome of a command that must use up this counter.
  void used(const vault::Iccid& card, vault::Counter counter);
  // A step may have changed something.
  void look();

 private:
  using Records = std::map<vault::RecordId, Kept>;

  Records read();
  void read_history(const Records& now);
  bool told(const char* kind) const { return kinds_.contains(kind); }
  void note_erasures(const Records& now);
  void note_pins(const Records& now);
  void check_versions(const Kept& one) const;
  void check_bars(const Kept& before, const Records& now) const;
  void check_keeping(const Kept& before, const Kept& after) const;
  void check_pins(const Records& now);
  void check_numbers(const Records& now) const;

  vault::Store& store_;
  const base::Clock& clock_;
  const vault::Policy& policy_;
  Theirs theirs_;
  std::vector<vault::Iccid> cards_;
  Records seen_;                                      // when it was looked last
  std::map<vault::RecordId, std::uint64_t> entries_;  // of the history that were read
  std::map<vault::RecordId, Entries> fresh_;          // since then
  std::set<std::string> kinds_;                       // of them
  std::set<vault::RecordId> erased_records_;          // since then
  std::map<vault::Iccid, vault::Counter> counters_;   // are used up
  struct Pin {
    std::int64_t until = 0;  // utc_ms: when it need not be there any more
    std::uint32_t entries = 0;
  };
  std::map<vault::ImageId, Pin> pinned_;
  std::set<vault::ImageId> erased_;
  std::set<vault::KeyMac> erased_keys_;
};

}  // namespace sim
