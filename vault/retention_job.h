// The daily run that erases what suspended cards have kept for longer than Policy::retention: begun
// by one of the instances from Policy::retention_hour on, taken over when that one is silent for
// kLease. It walks along the dates of suspension from where the last run has ended, so that its
// cost is that of what is due; `bipvault-ops retention` looks at every record. One thread.
#pragma once

#include <string>

#include "base/counters.h"
#include "base/log.h"
#include "vault/policy.h"
#include "vault/ports.h"
#include "vault/sms_ports.h"

namespace vault {

class RetentionJob {
 public:
  static constexpr char kJob[] = "retention";  // of JobRow
  static constexpr std::int64_t kLease = base::kMinuteMs;

  // All referenced objects outlive it.
  RetentionJob(const KeyRing& keys, base::Log& log, base::Counters& counters);

  // One portion. True: there is more to do, call it soon; else it may be called every few seconds.
  bool step(Store& store, const Policy& policy, base::Now now);

 private:
  bool take_turn(Store& store, const Policy& policy, base::Now now);
  bool advance(Store& store, const MessageScan::Dated& seen, base::Now now);
  void finish(Store& store, base::Now now);

  const KeyRing& keys_;
  base::Log& log_;
  base::Counters& counters_;
  const std::string owner_;
  JobRow run_;
  std::int64_t uncounted_ = 0;          // erased cards that the run's row does not know of yet
  std::int64_t next_look_ = INT64_MIN;  // mono_ms
};

}  // namespace vault
