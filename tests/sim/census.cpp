#include "tests/sim/census.h"

#include <algorithm>

#include "base/log.h"
#include "tests/sim/breach.h"

namespace sim {

using vault::ImageInfo;
using vault::Record;

namespace {

constexpr std::int64_t kPinned = 90 * base::kDayMs;  // policy's and the merge's
constexpr std::uint64_t kShrinkPerCent = 50;

[[noreturn]] void breach(const Record& record, const std::string& what) {
  throw Breach("card " + record.iccid.digits() + ": " + what);
}

}  // namespace

void check_history(const Record& before, const Record& after) {
  if (after.history_count != before.history_count) return;
  const char* const changed = before.image != after.image                 ? "content"
                              : before.key_mac != after.key_mac           ? "key"
                              : before.key_state != after.key_state       ? "state of the key"
                              : before.wrong_keys < after.wrong_keys      ? "count of wrong keys"
                              : before.locked_at != after.locked_at       ? "lock"
                              : before.suspended_at != after.suspended_at ? "service"
                              : before.iccid != after.iccid               ? "card"
                                                                          : nullptr;
  if (changed == nullptr) return;
  breach(after, base::cat("its ", changed, " changed without an entry in the history"));
}

void Census::used(const vault::Iccid& card, vault::Counter counter) {
  counters_[card] = std::max(counters_[card], counter);
}

void Census::look() {
  const Records now = read();
  read_history(now);
  note_erasures(now);
  for (const auto& [id, one] : now) {
    check_versions(one);
    const auto before = seen_.find(id);
    if (before == seen_.end()) continue;
    check_history(before->second.record, one.record);
    check_keeping(before->second, one);
  }
  for (const auto& [id, before] : seen_) check_bars(before, now);
  note_pins(now);
  check_pins(now);
  check_numbers(now);
  seen_ = now;
}

Census::Records Census::read() {
  constexpr std::uint8_t kKeySet = 1;
  Records now;
  std::string open_again;
  const vault::Outcome outcome = store_.update(clock_.now(), [&](vault::RecordTx& tx) {
    now.clear();  // may be asked again
    open_again.clear();
    for (const vault::Iccid& card : cards_) {
      const vault::Counter counter = tx.counter(card, kKeySet);
      if (counter < counters_[card]) open_again = card.digits();
      counters_[card] = std::max(counters_[card], counter);
      const Record* const record = tx.find(card);
      if (record != nullptr) now.insert({record->id, {*record, tx.images(*record)}});
    }
    return false;
  });
  if (outcome != vault::Outcome::refused) throw Breach("the records cannot be read");
  if (!open_again.empty()) {
    throw Breach("card " + open_again + ": a counter that was used up is open again");
  }
  return now;
}

// Also of records that are gone: a merge stands in both histories.
void Census::read_history(const Records& now) {
  kinds_.clear();
  fresh_.clear();
  erased_records_.clear();
  for (const auto& [id, one] : now) entries_.insert({id, 0});
  for (auto& [id, count] : entries_) {
    vault::HistoryQuery query;
    query.record = id;
    query.after = {id, count};
    const auto entries = store_.history(query);
    if (!entries.ok()) throw Breach("the history cannot be read: " + entries.error());
    for (const vault::HistoryEntry& entry : *entries) {
      count = entry.seq;
      kinds_.insert(entry.note.kind);
      fresh_[id].push_back(entry);
      if (entry.note.kind == "erased") erased_records_.insert(id);
    }
  }
}

// When a move was undone in the same step, what went to the other record was not erased with this.
void Census::note_erasures(const Records& now) {
  const auto parted = [&](const ImageInfo& image) {
    return told("move_undone") && std::any_of(now.begin(), now.end(), [&](const auto& one) {
             return !erased_records_.contains(one.first) && has(one.second.versions, image.id);
           });
  };
  for (const auto& id : erased_records_) {
    const auto before = seen_.find(id);
    if (before == seen_.end()) continue;
    for (const ImageInfo& image : before->second.versions) {
      if (parted(image)) continue;
      erased_.insert(image.id);
      pinned_.erase(image.id);
    }
    if (before->second.record.key_mac != vault::KeyMac{}) {
      erased_keys_.insert(before->second.record.key_mac);
    }
  }
}

void Census::check_versions(const Kept& one) const {
  for (const ImageInfo& image : one.versions) {
    if (erased_.contains(image.id)) breach(one.record, "an erased content is there again");
    if (!theirs_(image.digest)) breach(one.record, "it has a content of somebody else");
  }
  if (one.record.image && !has(one.versions, one.record.image->id)) {
    breach(one.record, "its content is not among its versions");
  }
  if (erased_keys_.contains(one.record.key_mac)) breach(one.record, "an erased key is good again");
}

// Records that become one, or part, have rules of their own (check_pins).
void Census::check_keeping(const Kept& before, const Kept& after) const {
  static const Entries kNone;
  const auto found = fresh_.find(after.record.id);
  const Entries& entries = found == fresh_.end() ? kNone : found->second;
  const base::Now now = clock_.now();
  check_upload(before.record, entries, policy_, now);
  check_retention(before.record, after, entries, policy_, now);
  if (!told("merged") && !told("move_undone")) check_rotation(before, after, entries, policy_, now);
}

// What was behind a lock, or out of service, stays so wherever it goes, until care opens it.
void Census::check_bars(const Kept& before, const Records& now) const {
  const bool opened = told("unlocked") || told("unlocked_key_reset") || told("erased");
  for (const auto& [id, after] : now) {
    const bool same =
        std::any_of(before.versions.begin(), before.versions.end(),
                    [&](const ImageInfo& image) { return has(after.versions, image.id); });
    if (!same && id != before.record.id) continue;
    const bool timed = before.record.locked_until != 0;
    const bool over = timed && before.record.locked_until <= clock_.now().utc_ms;
    if (before.record.locked_at != 0 && after.record.locked_at == 0 && !opened && !over) {
      breach(after.record, "what was locked is open, and care did not open it");
    }
    const bool for_care = before.record.locked_at != 0 && !timed;
    if (for_care && after.record.locked_until != 0 && !opened) {
      breach(after.record, "what only care may open will open by itself");
    }
    if (before.record.suspended_at != 0 && after.record.suspended_at == 0 && !told("resumed")) {
      breach(after.record, "what was out of service is back, and care did not resume it");
    }
  }
}

// What the rules promise to keep, worked out from what was there and not from what the record says.
void Census::note_pins(const Records& now) {
  for (const auto& [id, one] : now) {
    const auto before = seen_.find(id);
    const Record& record = one.record;
    if (before != seen_.end() && record.image && before->second.record.image && told("stored")) {
      const ImageInfo& old = *before->second.record.image;
      const bool shrunk = std::uint64_t{record.image->entries} * 100 < kShrinkPerCent * old.entries;
      if (shrunk && old.id != record.image->id) {
        pinned_[old.id] = {record.image->stored_at + kPinned, old.entries};
      }
    }
    if (!told("merged") || !record.moved_from) continue;
    for (const auto& [gone, was] : seen_) {
      if (was.record.iccid != *record.moved_from || erased_records_.contains(gone)) continue;
      for (const ImageInfo& image : was.versions) {
        pinned_[image.id] = {record.moved_at + kPinned, image.entries};
      }
    }
  }
}

void Census::check_pins(const Records& now) {
  std::erase_if(pinned_, [&](const auto& pin) {
    return std::any_of(now.begin(), now.end(), [&](const auto& one) {
      return !has(one.second.versions, pin.first) &&
             gave_way(one.second, pin.second.entries, clock_.now());
    });
  });
  for (const auto& [image, pin] : pinned_) {
    const auto there = [&, id = image](const auto& one) { return has(one.second.versions, id); };
    if (pin.until <= clock_.now().utc_ms || std::any_of(now.begin(), now.end(), there)) continue;
    throw Breach("card " + cards_.front().digits() + ": a pinned content is gone before its time");
  }
}

// Provisioning's word of a number follows the record: reminders and notices go there.
void Census::check_numbers(const Records& now) const {
  const auto known = [](const auto& one) {
    return one.second.record.msisdn_provisioned.has_value();
  };
  if (told("erased") || !std::any_of(seen_.begin(), seen_.end(), known)) return;
  if (std::any_of(now.begin(), now.end(), known)) return;
  throw Breach("card " + cards_.front().digits() + ": the subscriber's number is lost");
}

}  // namespace sim
