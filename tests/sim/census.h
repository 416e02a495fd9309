// What must hold for people whose cards share a record for a while: looked at over all records of
// one person's cards together, before and after each step, with what the history says of it.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "vault/policy.h"
#include "vault/ports.h"

namespace sim {

// Content, key, lock, service or card have changed: then the history must have got longer.
void check_history(const vault::Record& before, const vault::Record& after);

// Of one person; reads only. One thread.
class Census {
 public:
  using Theirs = std::function<bool(const vault::Digest&)>;
  // Both outlive the census. `theirs`: may this content be on the person's cards?
  Census(vault::Store& store, const base::Clock& clock, Theirs theirs)
      : store_(store), clock_(clock), theirs_(std::move(theirs)) {}

  void add(const vault::Iccid& card) { cards_.push_back(card); }
  // The card was told the outcome of a command that must use up this counter.
  void used(const vault::Iccid& card, vault::Counter counter);
  // A step may have changed something.
  void look();

 private:
  struct Seen {
    vault::Record record;
    std::vector<vault::ImageInfo> versions;
  };
  using Records = std::map<vault::RecordId, Seen>;

  Records read();
  void read_history(const Records& now);
  bool told(const char* kind) const { return kinds_.contains(kind); }
  void note_erasures();
  void note_pins(const Records& now);
  void check_versions(const Seen& one) const;
  void check_bars(const Seen& before, const Records& now) const;
  void check_pins(const Records& now) const;
  void check_numbers(const Records& now) const;

  vault::Store& store_;
  const base::Clock& clock_;
  Theirs theirs_;
  std::vector<vault::Iccid> cards_;
  Records seen_;                                      // when it was looked last
  std::map<vault::RecordId, std::uint64_t> entries_;  // of the history that were read
  std::set<std::string> kinds_;                       // of the entries since then
  std::set<vault::RecordId> erased_records_;          // since then
  std::map<vault::Iccid, vault::Counter> counters_;   // are used up
  std::map<vault::ImageId, std::int64_t> pinned_;     // utc_ms until when it must be there
  std::set<vault::ImageId> erased_;
  std::set<vault::KeyMac> erased_keys_;
};

}  // namespace sim
