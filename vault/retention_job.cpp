#include "vault/retention_job.h"

#include <algorithm>

#include "vault/retention.h"

namespace vault {

namespace {

constexpr std::int64_t kLookEvery = 10 * base::kMinuteMs;
constexpr std::size_t kPortion = 20;

// When the newest run was to begin: today at that hour, or yesterday.
std::int64_t due_since(int hour, std::int64_t utc_ms) {
  const std::int64_t since_hour = utc_ms - hour * base::kHourMs;
  return since_hour - since_hour % base::kDayMs + hour * base::kHourMs;
}

// From a clock that was ahead: nothing would be done until that date.
bool lies_ahead(std::int64_t at, std::int64_t utc_ms) { return at > utc_ms + base::kDayMs; }

}  // namespace

RetentionJob::RetentionJob(const KeyRing& keys, base::Log& log, base::Counters& counters)
    : keys_(keys), log_(log), counters_(counters), owner_(base::to_hex(base::random_array<8>())) {}

bool RetentionJob::step(Store& store, const Policy& policy, base::Now now) {
  if (policy.retention_hour < 0 || now.mono_ms < next_look_) return false;
  if (!take_turn(store, policy, now)) {
    next_look_ = now.mono_ms + kLookEvery;
    return false;
  }
  // Not beyond what this clock calls over, as the erasure does: the walk would pass over the rest.
  const std::int64_t until = std::min(run_.ran_at, now.utc_ms) - policy.retention;
  const auto found = store.messages().records_by(
      MessageScan::Date::suspended, {run_.after_record, run_.after_date}, until, kPortion);
  if (!found) return false;
  if (found->empty()) {
    finish(store, now);
    return false;
  }
  const MessageScan::Dated* seen = nullptr;
  for (const MessageScan::Dated& dated : *found) {
    const auto receipt = erase_after_retention(store, keys_, policy, dated.record, "vault", now);
    if (!receipt) break;  // it is tried again
    seen = &dated;
    if (!*receipt) continue;
    counters_.add("vault.retention_erased");
    ++uncounted_;
  }
  return seen != nullptr && advance(store, *seen, now) && seen == &found->back();
}

// True: the run is this instance's, as run_ says.
bool RetentionJob::take_turn(Store& store, const Policy& policy, base::Now now) {
  bool mine = false;
  const Outcome outcome = store.update(now, [&](RecordTx& tx) {
    JobRow& job = tx.messages().job(kJob);
    const bool begun = job.ran_at >= due_since(policy.retention_hour, now.utc_ms) &&
                       !lies_ahead(job.ran_at, now.utc_ms);
    const bool under_way = job.lease_until != 0;
    const bool held = job.lease_until > now.utc_ms && !lies_ahead(job.lease_until, now.utc_ms);
    mine = held ? job.owner == owner_ : !begun || under_way;
    if (!mine) return false;
    if (!held) {
      if (!under_way) {
        job.ran_at = now.utc_ms;
        job.count = 0;
      }
      job.owner = owner_;
      job.lease_until = now.utc_ms + kLease;
    }
    run_ = job;
    return true;
  });
  return mine && (outcome == Outcome::committed || outcome == Outcome::unchanged);
}

bool RetentionJob::advance(Store& store, const MessageScan::Dated& seen, base::Now now) {
  const Outcome outcome = store.update(now, [&](RecordTx& tx) {
    JobRow& job = tx.messages().job(kJob);
    if (job.owner != owner_ || job.ran_at != run_.ran_at) return false;  // another has taken over
    job.after_date = seen.date;
    job.after_record = seen.record;
    job.count += uncounted_;
    job.lease_until = now.utc_ms + kLease;
    return true;
  });
  if (outcome != Outcome::committed) return false;
  uncounted_ = 0;
  return true;
}

void RetentionJob::finish(Store& store, base::Now now) {
  std::int64_t count = 0;
  const Outcome outcome = store.update(now, [&](RecordTx& tx) {
    JobRow& job = tx.messages().job(kJob);
    if (job.owner != owner_ || job.ran_at != run_.ran_at) return false;
    count = job.count;
    job.lease_until = 0;
    return true;
  });
  if (outcome != Outcome::committed) return;
  counters_.add("vault.retention_runs");
  if (count == 0) return;  // most days: the counter tells that it ran
  log_.info("vault.retention_run",
            base::cat("retention: what ", count, " suspended cards had stored is erased"));
}

}  // namespace vault
