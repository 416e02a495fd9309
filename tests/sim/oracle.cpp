#include "tests/sim/oracle.h"

#include <algorithm>

#include "base/log.h"
#include "vault/history.h"

namespace sim {

using support::TestCard;
using vault::CardResult;
using vault::Digest;
using vault::Iccid;
using vault::Record;

void Oracle::breach(const Iccid& iccid, const std::string& what) {
  throw Breach("card " + iccid.digits() + ": " + what);
}

Attempt& Oracle::begins(const Iccid& iccid, Attempt attempt) {
  auto& attempts = owner(iccid).attempts;
  attempts.push_back(std::make_unique<Attempt>(std::move(attempt)));
  return *attempts.back();
}

void Oracle::acknowledged(const Iccid& iccid, Attempt& attempt) {
  if (attempt.spoiled) breach(iccid, "content that does not match its digest was acknowledged");
  attempt.acknowledged = true;
}

// How many attempts there are up to and including the last acknowledged one; 0: none.
std::size_t Oracle::last_acknowledged(const Iccid& iccid) const {
  const auto& attempts = owner(iccid).attempts;
  for (std::size_t i = attempts.size(); i > 0; --i) {
    if (attempts[i - 1]->acknowledged) return i;
  }
  return 0;
}

// The last acknowledged content, or one tried since, whose end has left the card.
bool Oracle::may_hold(const Owner& owner, const Digest& digest, std::size_t from) const {
  for (std::size_t i = from > 0 ? from - 1 : 0; i < owner.attempts.size(); ++i) {
    const Attempt& attempt = *owner.attempts[i];
    if (attempt.digest == digest && attempt.end_sent && !attempt.spoiled) return true;
  }
  return false;
}

void Oracle::fetched(const Iccid& iccid, const Digest& digest, std::size_t from) const {
  if (owner(iccid).census) from = 0;  // whichever of his cards has stored last
  if (!may_hold(owner(iccid), digest, from)) {
    breach(iccid, "a fetch gave another content than the last acknowledged one");
  }
}

void Oracle::handed_out(const Iccid& iccid, const Digest& digest) const {
  if (may_hold(owner(iccid), digest, 0)) return;
  breach(iccid, "care handed out a content that is not its owner's");
}

void Oracle::nothing_there(const Iccid& iccid) const {
  if (owner(iccid).census) return;  // it may be with his other card, or erased
  if (last_acknowledged(iccid) > 0) breach(iccid, "an acknowledged content is not there any more");
}

void Oracle::add_pair(const Iccid& first, const Iccid& second, const std::string& number) {
  add(first, number);
  changes_card(first, second);
  phones_[number].kept = false;
  Owner& one = owner(first);
  one.census.emplace(store_, clock_, policy_,
                     [this, &one](const Digest& digest) { return may_hold(one, digest, 0); });
  one.census->add(first);
  one.census->add(second);
}

void Oracle::starts_anew(const Iccid& card) {
  Owner& one = owner(card);
  one.iccids = {card};
  one.record.reset();
  one.versions.clear();
  one.bars = Bars(policy_);
  one.wrong_told = 0;
}

void Oracle::unlocked(const Iccid& iccid) {
  owner(iccid).wrong_told = 0;
  owner(iccid).bars.unlocked();
}

void Oracle::service(const Iccid& iccid, bool suspended) {
  const auto found = store_.find_any({iccid}, std::nullopt);
  if (!found.ok() || found->empty()) breach(iccid, "its record cannot be read");
  if ((found->front().suspended_at != 0) == suspended) return;
  breach(iccid, suspended ? "care was told that its service has ended, and it has not"
                          : "care was told that its service is on, and it is not");
}

void Oracle::answered(const Iccid& iccid, const TestCard::Answer& answer) {
  if (answer.status != bip::PacketStatus::por_ok) return;
  Owner& one = owner(iccid);
  const auto result = static_cast<CardResult>(answer.message.code);
  if (answer.message.fields.key) {
    secret(std::string(base::as_text(answer.message.fields.key->view())));
  }
  if (result == CardResult::try_later) return;  // no commit
  const Command command{iccid, answer.counter};
  const bool again = one.counted.contains(command) && !one.used.insert(command).second;
  if (again) breach(iccid, "a counter was good twice");
  if (one.census) {
    if (one.counted.contains(command)) one.census->used(iccid, answer.counter);
    return;
  }
  if (one.record && one.record->iccid == iccid) told(one, command, answer);
  if (one.bars.over(clock_.now())) one.wrong_told = 0;
  // Without a number of attempts left it answers a KEY CONFIRM, which costs none.
  const bool guess = result == CardResult::wrong_key && answer.message.fields.attempts_left &&
                     !one.reports.contains(command);
  if (guess && ++one.wrong_told >= vault::kAttempts) {
    breach(iccid, "a third wrong key was answered as if there were more attempts");
  }
}

// Of his record's own card: what the bars say to it.
void Oracle::told(Owner& one, const Command& command, const TestCard::Answer& answer) const {
  const bip::Fields& fields = answer.message.fields;
  if (fields.record_state && fields.attempts_left) {
    one.bars.told_attempts(*fields.attempts_left, clock_.now());
  }
  if (!one.counted.contains(command) || one.reports.contains(command)) return;
  one.bars.told(static_cast<CardResult>(answer.message.code), clock_.now());
}

// The record keeps its id when it follows to another card.
Record Oracle::record_of(const Owner& owner) {
  for (const Iccid& iccid : owner.iccids) {
    const auto found = store_.find_any({iccid}, std::nullopt);
    if (!found.ok()) breach(iccid, "its record cannot be read");
    for (const Record& record : *found) {
      if (!owner.record || owner.record->id == record.id) return record;
    }
  }
  breach(owner.iccids.back(), "its record is gone");
}

void Oracle::look_at(const Iccid& iccid) {
  if (arrives_) arrives_();
  Owner& one = owner(iccid);
  if (one.census) return one.census->look();
  const Kept kept = kept_of(record_of(one));
  const Record& record = kept.record;
  check_kept(one, kept);
  one.bars.look(record, clock_.now());
  if (one.record && one.record->version == record.version) return;
  // What was answered counts: it was told after it was committed.
  const bool right = !one.record || record.key_mac != one.record->key_mac ||
                     record.wrong_keys < one.record->wrong_keys;
  if (record.wrong_keys < one.wrong_told && record.locked_at == 0) {
    if (!right) breach(iccid, "a wrong key was answered and not counted");
    one.wrong_told = record.wrong_keys;
  }
  if (record.image) check_image(one, record);
  if (!record.image && last_acknowledged(iccid) > 0) nothing_there(iccid);
  if (one.record) check_history(*one.record, record);
  one.record = record;
}

// With its versions, read in one transaction.
Kept Oracle::kept_of(const Record& record) {
  Kept kept{record, {}};
  bool there = false;
  const vault::Outcome outcome = store_.update(clock_.now(), [&](vault::RecordTx& tx) {
    const Record* const found = tx.find(record.id);
    there = found != nullptr;
    if (there) kept = {*found, tx.images(*found)};
    return false;
  });
  if (!there || outcome != vault::Outcome::refused)
    breach(record.iccid, "its versions cannot be read");
  return kept;
}

Entries Oracle::entries_since(const Record& before) {
  vault::HistoryQuery query;
  query.record = before.id;
  query.after = {before.id, before.history_count};
  auto entries = store_.history(query);
  if (!entries.ok()) throw Breach("the history cannot be read: " + entries.error());
  return entries.take();
}

void Oracle::check_kept(Owner& one, const Kept& kept) {
  const std::vector<vault::ImageInfo> versions = std::exchange(one.versions, kept.versions);
  if (!one.record || one.record->history_count == kept.record.history_count) return;
  const Kept before{*one.record, versions};
  const Entries entries = entries_since(before.record);
  const base::Now now = clock_.now();
  check_rotation(before, kept, entries, policy_, now);
  check_upload(before.record, entries, policy_, now);
  check_retention(before.record, kept, entries, policy_, now);
  if (sim::told(entries, "erased")) forget(one);
  for (const vault::HistoryEntry& entry : entries) {
    const bool opens = entry.note.kind.starts_with("unlocked");
    if (!opens || !entry.note.actor.starts_with("agent:")) continue;
    one.wrong_told = 0;
    one.bars.unlocked();
  }
}

// Erased: nothing that he has stored may ever be there again, unless his card sends it anew.
void Oracle::forget(Owner& one) {
  for (const auto& attempt : one.attempts) {
    attempt->acknowledged = false;
    attempt->end_sent = false;
  }
  one.wrong_told = 0;
  one.bars.erased();
  phones_[one.number].kept = false;
}

void Oracle::check_image(const Owner& one, const Record& record) const {
  const bool same = one.record && one.record->image && one.record->image->id == record.image->id;
  const Iccid& iccid = record.iccid;
  if (!may_hold(one, record.image->digest, last_acknowledged(iccid))) {
    breach(iccid, "the record has a content that it may not have");
  }
  if (same) return;
  const auto content = store_.image(record.id, *record.image);
  if (!content.ok()) breach(iccid, "the content cannot be read: " + content.error());
  if (base::sha256(*content) != record.image->digest) {
    breach(iccid, "the content does not match its digest");
  }
}

// One due date has one reminder; it is repeated after seven days. Answers are looked at with the
// next look at the calendar, at the latest on the day after.
void Oracle::reminded(const std::string& number) {
  constexpr std::int64_t kLeast = 6 * base::kDayMs;
  Phone& phone = phones_.at(number);
  const std::int64_t now = clock_.now().utc_ms;
  if (phone.reminded_at != 0 && now - phone.reminded_at < kLeast) {
    throw Breach("+" + number + " was reminded twice for one date");
  }
  if (phone.stopped_at != 0 && now - phone.stopped_at > 2 * base::kDayMs) {
    throw Breach("+" + number + " was reminded and wants no more");
  }
  phone.reminded_at = now;
}

void Oracle::stopped(const std::string& number) {
  phones_.at(number).stopped_at = clock_.now().utc_ms;
}

void Oracle::all_reminded_since(std::int64_t utc_ms) const {
  for (const auto& [number, phone] : phones_) {
    if (phone.kept && phone.stopped_at == 0 && phone.reminded_at < utc_ms) {
      throw Breach("+" + number + " is not reminded any more");
    }
  }
}

std::uint64_t Oracle::locks_ended() const {
  std::uint64_t ended = 0;
  for (const auto& one : owners_) ended += one->bars.ended();
  return ended;
}

void Oracle::whole_history() const {
  const auto faults = vault::verify_audit(store_, keys_);
  if (!faults.ok()) throw Breach("the history cannot be read: " + faults.error());
  if (!faults->empty()) throw Breach("the history is broken: " + faults->front().what);
}

void Oracle::no_secret_in(const std::string& log) const {
  for (const std::string& secret : secrets_) {
    if (log.find(secret) != std::string::npos) throw Breach("a user's key stands in the log");
  }
}

}  // namespace sim
