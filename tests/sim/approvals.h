// What must hold when customer care needs a second agent: read off the history alone, in which
// every request, approval and act stands.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "vault/policy.h"
#include "vault/ports.h"

namespace sim {

// Reads only. One thread.
class Approvals {
 public:
  // Both outlive the object.
  Approvals(vault::Store& store, const vault::Policy& policy) : store_(store), policy_(policy) {}

  // Looks at the entries since the last time. Throws Breach.
  void look();
  // An agent was told that what was asked for is done by his approval.
  void told_done(std::uint64_t request) const;

 private:
  struct Request {
    std::string asked_by;
    std::int64_t asked_at = 0;  // utc_ms
    std::string wish;
    std::string approved_by;  // empty: not yet
    bool over = false;        // withdrawn or rejected
    bool changed = false;     // its record, since it was asked for
    bool done = false;
    vault::OpId op{};  // by which it was done
  };

  void asked(const vault::HistoryEntry& entry);
  void approved(const vault::HistoryEntry& entry);
  void done(const vault::HistoryEntry& entry);
  void changed(const vault::HistoryEntry& entry);
  Request& request_of(const vault::HistoryEntry& entry);
  bool expired(const Request& request, const vault::HistoryEntry& entry) const;

  vault::Store& store_;
  const vault::Policy& policy_;
  std::map<vault::RecordId, std::uint64_t> seen_;  // entries of each history
  std::map<std::uint64_t, Request> requests_;
  std::map<vault::RecordId, std::vector<std::uint64_t>> of_record_;
};

}  // namespace sim
