// What the vault does unasked, in small steps on a thread of the caller's: drops the octets of
// uploads that were given up and requests of customer care that are long over, logs the sealed head
// of the history every hour, and does the day's retention. Every instance does it; what two do at
// the same time is done once. One thread.
#pragma once

#include "base/counters.h"
#include "base/log.h"
#include "vault/policy.h"
#include "vault/retention_job.h"
#include "vault/sealed_head.h"

namespace vault {

class Housekeeping {
 public:
  // All referenced objects outlive it.
  Housekeeping(const KeyRing& keys, base::Log& log, base::Counters& counters)
      : keys_(keys), log_(log), counters_(counters), retention_(keys, log, counters) {}

  // Call it every few seconds while the store is there. True: there is more to do, call it soon.
  bool step(Store& store, const Policy& policy, base::Now now);

 private:
  bool sweep(Store& store, const Policy& policy, base::Now now);
  bool drop_upload(Store& store, const RecordId& id, std::int64_t before, base::Now now);
  bool seal(Store& store, base::Now now);
  bool forget_requests(Store& store, base::Now now);

  const KeyRing& keys_;
  base::Log& log_;
  base::Counters& counters_;
  std::int64_t next_sweep_ = INT64_MIN;  // mono_ms
  std::array<std::uint8_t, 16> swept_to_{};
  HeadSummer summer_;
  std::int64_t next_forget_ = INT64_MIN;  // mono_ms
  RetentionJob retention_;
};

}  // namespace vault
