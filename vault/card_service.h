// The card as a user of the vault: one function per use case, one transaction and one history
// entry each; nothing of an outcome is returned before its commit. Stateless but for settings:
// one object serves all workers, each with its own Store.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "base/counters.h"
#include "base/guarded.h"
#include "base/log.h"
#include "vault/card.h"
#include "vault/notices.h"
#include "vault/policy.h"
#include "vault/ports.h"

namespace vault {

// Octets of uploads held in memory by all channels together. Any thread.
class StagingBudget {
 public:
  bool take(std::uint64_t bytes, std::uint64_t limit);
  void give_back(std::uint64_t bytes) { used_ -= bytes; }
  std::uint64_t used() const { return used_; }

 private:
  std::atomic<std::uint64_t> used_{0};
};

class CardService {
 public:
  // All referenced objects outlive the service.
  CardService(const Policy& policy, const KeyRing& keys, base::Log& log, base::Counters& counters);

  struct Served {
    Replay replay = Replay::fresh;  // not fresh: `answer` is empty, nothing has happened
    CardAnswer answer;
    // It did not tell the counter, so `fresh` is not proven: the answer is `try later`.
    bool store_away = false;
  };
  // `counter` is the CNTR of a packet whose CC has been verified. `counted` is false on channels
  // without replay counter (SPI 00 inside TLS).
  Served handle(Store& store, CardChannel& channel, const CardCommand& command, Counter counter,
                bool counted, base::Now now);
  // A verified packet was put off without being handled: its counter is used up all the same, so
  // that nobody can send a copy of it later. Kept by close().
  static void note_counter(CardChannel& channel, Counter counter);
  // The channel has ended: keeps what was uploaded so far, and the counter.
  void close(Store& store, CardChannel& channel, base::Now now);

  // A reload; commands under way end under the policy with which they began. Any thread.
  void set_policy(const Policy& policy);
  std::shared_ptr<const Policy> policy() const;
  StagingBudget& staging() { return staging_; }

 private:
  class Case;  // one command being served (vault/card_case.h)

  base::Guarded<std::shared_ptr<const Policy>> policy_;  // shared: commands under way keep theirs
  const KeyRing& keys_;
  base::Log& log_;
  base::Counters& counters_;
  Notices notices_;
  StagingBudget staging_;
};

}  // namespace vault
