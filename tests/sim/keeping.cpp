#include "tests/sim/keeping.h"

#include <algorithm>
#include <string>

#include "tests/sim/breach.h"
#include "vault/sms_ports.h"

namespace sim {

using vault::HistoryEntry;
using vault::ImageInfo;
using vault::Record;

namespace {

// The sweep allows slow cards an hour and looks every ten minutes.
constexpr std::int64_t kSweepLate = 2 * base::kHourMs;
// The run is once a day, and may have to wait for an instance that is away.
constexpr std::int64_t kRetentionLate = 2 * base::kDayMs;

[[noreturn]] void breach(const Record& record, const std::string& what) {
  throw Breach("card " + record.iccid.digits() + ": " + what);
}

bool erased_by_vault(const HistoryEntry& entry) {
  return entry.note.kind == "erased" && entry.note.actor == "vault";
}

bool over(const Record& record, const vault::Policy& policy, std::int64_t utc_ms) {
  return record.suspended_at != 0 && record.suspended_at + policy.retention <= utc_ms;
}

// As the rules count them: the record's content first, then newest first.
std::vector<ImageInfo> in_order(const Kept& one) {
  std::vector<ImageInfo> versions = one.versions;
  std::stable_partition(versions.begin(), versions.end(), [&](const ImageInfo& image) {
    return one.record.image && image.id == one.record.image->id;
  });
  return versions;
}

}  // namespace

bool has(const std::vector<ImageInfo>& versions, const vault::ImageId& id) {
  return std::any_of(versions.begin(), versions.end(),
                     [&](const ImageInfo& image) { return image.id == id; });
}

bool told(const Entries& entries, const char* kind) {
  return std::any_of(entries.begin(), entries.end(),
                     [&](const HistoryEntry& entry) { return entry.note.kind == kind; });
}

bool gave_way(const Kept& after, std::uint32_t entries, base::Now now) {
  constexpr std::ptrdiff_t kPinsAtOnce = 10;
  return std::count_if(after.versions.begin(), after.versions.end(), [&](const ImageInfo& one) {
           return one.pinned_until > now.utc_ms && one.entries >= entries;
         }) >= kPinsAtOnce;
}

void check_rotation(const Kept& before, const Kept& after, const Entries& entries,
                    const vault::Policy& policy, base::Now now) {
  if (told(entries, "erased")) return;
  const auto keep = static_cast<std::size_t>(policy.keep_versions);
  const auto pinned = [&](const ImageInfo& one) { return one.pinned_until > now.utc_ms; };
  const std::vector<ImageInfo> had = in_order(before);
  const std::vector<ImageInfo> have = in_order(after);
  const auto fresh =
      static_cast<std::size_t>(std::count_if(have.begin(), have.end(), [&](const ImageInfo& one) {
        return !has(before.versions, one.id);
      }));
  for (std::size_t i = 0; i < had.size(); ++i) {
    if (has(after.versions, had[i].id)) continue;
    if (i + fresh < keep || fresh == 0) breach(after.record, "a version is gone before its turn");
    if (pinned(had[i]) && !gave_way(after, had[i].entries, now))
      breach(after.record, "a pinned version is gone");
  }
  if (fresh == 0) return;
  for (std::size_t i = keep; i < have.size(); ++i) {
    if (!pinned(have[i])) breach(after.record, "more versions are kept than the rules say");
  }
}

void check_upload(const Record& before, const Entries& entries, const vault::Policy& policy,
                  base::Now now) {
  if (!before.upload || !told(entries, "upload_expired")) return;
  if (now.utc_ms < before.upload->last_at + policy.resume_window) {
    breach(before, "an upload was dropped that its card may still go on with");
  }
}

void check_retention(const Record& before, const Kept& after, const Entries& entries,
                     const vault::Policy& policy, base::Now now) {
  if (!std::any_of(entries.begin(), entries.end(), erased_by_vault)) return;
  if (!over(before, policy, now.utc_ms)) breach(before, "it was erased before its time");
  const bool left = !after.versions.empty() || after.record.image ||
                    after.record.key_state != vault::KeyState::none ||
                    after.record.msisdn_provisioned || !after.record.customer.empty();
  if (left) breach(after.record, "it was erased, and something of it is left");
  if (after.record.suspended_at == 0) breach(after.record, "it was erased, and is in service");
}

void check_nothing_old(vault::Store& store, const vault::Policy& policy, base::Now now) {
  const auto staged = store.staged_before(now.utc_ms - policy.resume_window - kSweepLate, {}, 1);
  if (!staged.ok()) throw Breach("staged octets cannot be looked for");
  if (!staged->records.empty()) throw Breach("octets of an upload that was given up are kept");
  const auto found =
      store.messages().records_by(vault::MessageScan::Date::suspended, {}, now.utc_ms, 1'000);
  if (!found.ok()) throw Breach("suspended cards cannot be looked for");
  std::string fault;
  const vault::Outcome outcome = store.update(now, [&](vault::RecordTx& tx) {
    fault.clear();
    for (const auto& dated : *found) {
      const Record* const record = tx.find(dated.record);
      if (record == nullptr || !over(*record, policy, now.utc_ms - kRetentionLate)) continue;
      if (!tx.images(*record).empty() || record->image) fault = record->iccid.digits();
    }
    return false;
  });
  if (outcome != vault::Outcome::refused) throw Breach("the records cannot be read");
  if (!fault.empty()) throw Breach("card " + fault + ": suspended for long, and still kept");
}

}  // namespace sim
