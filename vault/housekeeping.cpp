#include "vault/housekeeping.h"

#include <algorithm>
#include <set>

namespace vault {

namespace {

constexpr std::int64_t kSweepEvery = 10 * base::kMinuteMs;
// Beyond resume_window: a slow card may be sending for long what is committed only now and then.
constexpr std::int64_t kSweepGrace = base::kHourMs;
constexpr std::size_t kSweepPage = 100;
// After this time no entry with an older date can be committed any more (query_timeout and
// commit_deadline together are shorter), so that the sum of that date stays true for ever.
constexpr std::int64_t kSettled = 15 * base::kMinuteMs;
constexpr int kPagesPerStep = 10;
constexpr std::int64_t kRequestsKept = 30 * base::kDayMs;  // after their end

}  // namespace

bool Housekeeping::step(Store& store, const Policy& policy, base::Now now) {
  const bool more_to_sweep = sweep(store, policy, now);
  const bool more_to_sum = seal(store, now);
  const bool more_to_forget = forget_requests(store, now);
  const bool more_to_erase = retention_.step(store, policy, now);
  return more_to_sweep || more_to_sum || more_to_forget || more_to_erase;
}

// Their entries in the history stay.
bool Housekeeping::forget_requests(Store& store, base::Now now) {
  constexpr std::size_t kPortion = 200;
  if (now.mono_ms < next_forget_) return false;
  auto over = store.messages().care_requests_over(now.utc_ms - kRequestsKept, kPortion);
  if (!over) return false;
  const bool more = over->size() >= kPortion;
  EndedMessages ended;
  ended.care_requests = over.take();
  if (!ended.empty()) {
    const Outcome outcome = store.update(now, [&](RecordTx& tx) {
      tx.messages().drop(ended);
      return true;
    });
    if (outcome == Outcome::unavailable) return false;
  }
  if (!more) next_forget_ = now.mono_ms + base::kHourMs;
  return more;
}

bool Housekeeping::sweep(Store& store, const Policy& policy, base::Now now) {
  if (now.mono_ms < next_sweep_) return false;
  const std::int64_t before = now.utc_ms - policy.resume_window - kSweepGrace;
  const auto page = store.staged_before(std::max<std::int64_t>(before, 0), swept_to_, kSweepPage);
  if (!page) return false;
  std::int64_t dropped = 0;
  for (const RecordId& id : std::set<RecordId>(page->records.begin(), page->records.end())) {
    dropped += drop_upload(store, id, before, now) ? 1 : 0;
  }
  if (dropped > 0) {
    counters_.add("vault.uploads_swept", dropped);
    log_.info("vault.uploads_swept",
              base::cat(dropped, " uploads given up: their octets are dropped"));
  }
  swept_to_ = page->next.value_or(std::array<std::uint8_t, 16>{});
  if (!page->next) next_sweep_ = now.mono_ms + kSweepEvery;
  return page->next.has_value();
}

bool Housekeeping::drop_upload(Store& store, const RecordId& id, std::int64_t before,
                               base::Now now) {
  const Outcome outcome = store.update(now, [&](RecordTx& tx) {
    Record* record = tx.find(id);
    // Ended or resumed since: the parts were old, the upload is not.
    if (record == nullptr || !record->upload || record->upload->last_at >= before) return false;
    const Upload upload = *record->upload;
    tx.drop_staged(*record);
    record->upload.reset();
    tx.note(*record, {"upload_expired", "vault",
                      base::cat(upload.staged, " of ", upload.total, " octets, last ",
                                base::iso_date(upload.last_at))});
    return true;
  });
  return outcome == Outcome::committed;
}

bool Housekeeping::seal(Store& store, base::Now now) {
  const std::int64_t settled = now.utc_ms - kSettled;
  const std::int64_t until = settled - settled % base::kHourMs;
  if (until <= summer_.sum().until) return false;
  for (int i = 0; i < kPagesPerStep; ++i) {
    const auto there = summer_.advance(store, until);
    if (!there) return false;
    if (!*there) continue;
    log_.info("vault.sealed_head", sealed_line(keys_, summer_.sum()));
    return false;
  }
  return true;
}

}  // namespace vault
