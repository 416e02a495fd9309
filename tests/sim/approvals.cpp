#include "tests/sim/approvals.h"

#include <cstdlib>
#include <set>
#include <string_view>

#include "base/log.h"
#include "tests/sim/breach.h"

namespace sim {

using vault::HistoryEntry;

namespace {

constexpr std::string_view kRequest = "request ";

// 0: none is named.
std::uint64_t number_in(const std::string& detail) {
  const std::size_t at = detail.find(kRequest);
  if (at == std::string::npos) return 0;
  return std::strtoull(detail.c_str() + at + kRequest.size(), nullptr, 10);
}

// What an agent does only with another one: the word by which it is asked for. Empty: it is not.
std::string_view needs_two(const HistoryEntry& entry) {
  if (!entry.note.actor.starts_with("agent:")) return "";
  static const std::map<std::string_view, std::string_view> kWords{
      {"unlocked", "unlock"},    {"unlocked_key_reset", "unlock --reset-key"},
      {"erased", "erase"},       {"exported", "export"},
      {"moved", "confirm-move"}, {"merged", "confirm-move"}};
  const auto found = kWords.find(entry.note.kind);
  return found == kWords.end() ? "" : found->second;
}

bool is_move(const HistoryEntry& entry) {
  return entry.note.kind == "moved" || entry.note.kind == "merged";
}

// Whatever was asked for before cannot end behind it.
bool ends_what_began(const HistoryEntry& entry) {
  static const std::set<std::string_view> kKinds{
      "locked", "unlocked", "unlocked_key_reset", "erased",      "suspended", "resumed",
      "moved",  "merged",   "absorbed",           "move_undone", "key_issued"};
  return kKinds.contains(entry.note.kind) ||
         entry.note.detail.find("key issued") != std::string::npos;
}

}  // namespace

void Approvals::look() {
  const auto entries = store_.history({});
  if (!entries.ok()) throw Breach("the history cannot be read: " + entries.error());
  std::vector<const HistoryEntry*> moves;
  for (const HistoryEntry& entry : *entries) {
    std::uint64_t& seen = seen_[entry.record];
    if (entry.seq <= seen) continue;
    seen = entry.seq;
    const std::string& kind = entry.note.kind;
    if (kind == "requested") asked(entry);
    if (kind == "request_approved") approved(entry);
    if (kind == "request_rejected" || kind == "request_withdrawn") request_of(entry).over = true;
    // A move stands in another history than its approval.
    if (is_move(entry)) moves.push_back(&entry);
    if (!is_move(entry) && !needs_two(entry).empty()) done(entry);
    if (ends_what_began(entry)) changed(entry);
  }
  for (const HistoryEntry* const entry : moves) {
    if (!needs_two(*entry).empty()) done(*entry);
  }
}

Approvals::Request& Approvals::request_of(const HistoryEntry& entry) {
  const auto found = requests_.find(number_in(entry.note.detail));
  if (found != requests_.end()) return found->second;
  throw Breach(entry.note.kind + " by " + entry.note.actor + ", and nobody has asked for it");
}

bool Approvals::expired(const Request& request, const HistoryEntry& entry) const {
  return entry.at >= request.asked_at + policy_.two_person.request_life;
}

void Approvals::asked(const HistoryEntry& entry) {
  const std::uint64_t number = number_in(entry.note.detail);
  Request request;
  request.asked_by = entry.note.actor;
  request.asked_at = entry.at;
  const std::size_t wish = entry.note.detail.find(": ");
  request.wish = wish == std::string::npos ? "" : entry.note.detail.substr(wish + 2);
  if (!requests_.emplace(number, request).second) throw Breach("two requests have one number");
  of_record_[entry.record].push_back(number);
}

void Approvals::approved(const HistoryEntry& entry) {
  Request& request = request_of(entry);
  const char* const fault = request.asked_by == entry.note.actor ? "by who has asked for it"
                            : request.over                       ? "and was withdrawn before"
                            : !request.approved_by.empty()       ? "twice"
                            : request.changed                    ? "of a record that has changed"
                            : expired(request, entry)            ? "after its time"
                                                                 : nullptr;
  if (fault != nullptr) throw Breach("a request was approved, " + std::string(fault));
  request.approved_by = entry.note.actor;
}

void Approvals::done(const HistoryEntry& entry) {
  Request& request = request_of(entry);
  const bool taken = entry.note.kind == "exported";
  const char* const fault = request.approved_by.empty()            ? "that nobody has approved"
                            : entry.note.actor != request.asked_by ? "by who has not asked"
                            : !request.wish.starts_with(needs_two(entry))
                                ? "and another was asked for"
                            : request.done && request.op != entry.op ? "twice"
                            : taken && request.over                  ? "and was withdrawn before"
                            : taken && request.changed         ? "of a record that has changed"
                            : taken && expired(request, entry) ? "after its time"
                                                               : nullptr;
  if (fault != nullptr) {
    throw Breach(base::cat(entry.note.kind, " by ", entry.note.actor, ", ", fault));
  }
  request.done = true;
  request.op = entry.op;
}

void Approvals::changed(const HistoryEntry& entry) {
  for (const std::uint64_t number : of_record_[entry.record]) requests_.at(number).changed = true;
}

void Approvals::told_done(std::uint64_t number) const {
  const auto found = requests_.find(number);
  const bool known = found != requests_.end() && !found->second.approved_by.empty();
  const bool done = known && (found->second.done || found->second.wish.starts_with("export"));
  if (!done) throw Breach("an approval was told, and what was asked for is not done");
}

}  // namespace sim
