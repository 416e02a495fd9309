// Defects that a run can be given, each at a port of the vault. The simulation must find every one
// of them: an invariant that nothing can break proves nothing.
#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace sim {

enum class Defect {
  none,
  lost_store,             // the store says `committed` and keeps nothing
  spoiled_image,          // an octet of the content changes on its way into the store
  free_guesses,           // a wrong key is answered, but not counted
  counter_forgotten,      // replay counters are not kept
  no_history,             // changes without an entry
  stale_write,            // a change rests on an older version than the one it overwrites
  loud_key,               // a user's key in the log
  greedy_staging,         // more octets of uploads in memory than allowed
  doubled_reminder,       // a reminder that has left is handed out again
  stray_content,          // what one card stores another one has as well
  merge_forgets_counter,  // the counter of the packet that brings records together is not kept
  merge_opens_lock,       // the record that stays is not locked any more
  undead_content,         // an erasure drops no version
  lost_pin,               // no version is pinned
  timed_again,            // that the lock which ends by itself is used up is not kept
  endless_lock,           // when a lock ends is not kept
  short_lock,             // it ends before its time
  no_suspension,          // the end of a service is not kept
  lost_version,           // a store drops a version too many
  hoarded_versions,       // a store drops none
  early_sweep,            // uploads are given up before their time
  kept_staging,           // octets of uploads never go
  early_retention,        // suspended cards are erased at once
  no_retention,           // or never
  own_approval,           // a request does not know who has asked
  endless_request,        // or when it is over
  request_again,          // or that it is over
  stale_request,          // or what its record was like
};

struct DefectName {
  Defect defect;
  std::string_view name;
};
inline constexpr std::array<DefectName, 28> kDefects{{
    {Defect::lost_store, "lost_store"},
    {Defect::spoiled_image, "spoiled_image"},
    {Defect::free_guesses, "free_guesses"},
    {Defect::counter_forgotten, "counter_forgotten"},
    {Defect::no_history, "no_history"},
    {Defect::stale_write, "stale_write"},
    {Defect::loud_key, "loud_key"},
    {Defect::greedy_staging, "greedy_staging"},
    {Defect::doubled_reminder, "doubled_reminder"},
    {Defect::stray_content, "stray_content"},
    {Defect::merge_forgets_counter, "merge_forgets_counter"},
    {Defect::merge_opens_lock, "merge_opens_lock"},
    {Defect::undead_content, "undead_content"},
    {Defect::lost_pin, "lost_pin"},
    {Defect::timed_again, "timed_again"},
    {Defect::endless_lock, "endless_lock"},
    {Defect::short_lock, "short_lock"},
    {Defect::no_suspension, "no_suspension"},
    {Defect::lost_version, "lost_version"},
    {Defect::hoarded_versions, "hoarded_versions"},
    {Defect::early_sweep, "early_sweep"},
    {Defect::kept_staging, "kept_staging"},
    {Defect::early_retention, "early_retention"},
    {Defect::no_retention, "no_retention"},
    {Defect::own_approval, "own_approval"},
    {Defect::endless_request, "endless_request"},
    {Defect::request_again, "request_again"},
    {Defect::stale_request, "stale_request"},
}};

inline std::optional<Defect> defect_of(std::string_view name) {
  for (const DefectName& one : kDefects) {
    if (one.name == name) return one.defect;
  }
  return std::nullopt;
}

}  // namespace sim
