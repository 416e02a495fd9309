#include "vault/sms_sender.h"

#include <algorithm>
#include <set>
#include <unordered_set>

#include "vault/wake_up.h"

namespace vault {

namespace {

constexpr std::size_t kMarked = 20;    // messages marked in one transaction: what a kill can cost
constexpr std::size_t kSettled = 100;  // outcomes in one transaction
constexpr std::int64_t kPause = 30 * base::kSecondMs;

bool is_accepted(const SmsSegment& segment) {
  return segment.step == SmsStep::sent || segment.step == SmsStep::delivered;
}

std::uint64_t accepted_mask(const Sms& sms) {
  std::uint64_t mask = 0;
  for (const SmsSegment& segment : sms.segments) {
    if (is_accepted(segment) && segment.number >= 1 && segment.number <= 64) {
      mask |= std::uint64_t{1} << (segment.number - 1);
    }
  }
  return mask;
}

// The rest of a message goes where its beginning is: another SMSC may cut it otherwise.
OutgoingSms outgoing_of(const Sms& sms, base::Now now) {
  const std::uint64_t accepted = accepted_mask(sms);
  std::string smsc = sms.smsc;
  for (const SmsSegment& segment : sms.segments) {
    if (smsc.empty() && is_accepted(segment)) smsc = segment.smsc;
  }
  return {sms.ref,
          sms.kind,
          *sms.to,
          sms.text,
          {},
          std::max<std::int64_t>(sms.expires_at - now.utc_ms, base::kMinuteMs),
          accepted,
          std::move(smsc),
          accepted != 0 ? sms.segment_count : 0};
}

bool ended(SmsStep step) { return step != SmsStep::claimed && step != SmsStep::submitting; }

std::string result_of(const Sms& sms) {
  std::string ids;
  for (const SmsSegment& segment : sms.segments) {
    if (segment.message_id.empty()) continue;
    ids += ids.empty() ? " as " : ", ";
    ids += segment.message_id;
  }
  const std::string smsc = sms.segments.empty() ? "" : " by " + sms.segments.front().smsc;
  switch (sms.step) {
    case SmsStep::sent:
      return "accepted" + smsc + ids;
    case SmsStep::delivered:
      return "delivered" + smsc + ids;
    case SmsStep::uncertain:
      return "not answered" + smsc;
    case SmsStep::refused:
      return "refused" + smsc;
    case SmsStep::failed:
      return "not delivered" + smsc;
    default:
      return "never sent";
  }
}

// Marked, but never handed out.
void unmark(Sms& sms) {
  if (sms.step != SmsStep::submitting) return;
  sms.step = SmsStep::claimed;
  sms.tries -= 1;
  for (SmsSegment& segment : sms.segments) {
    if (segment.step == SmsStep::submitting) segment.step = SmsStep::claimed;
  }
}

// The request behind a message learns what became of it.
void settle_outbox(MessageTx& messages, const Sms& sms, base::Now now) {
  OutboxItem* const item = sms.outbox == 0 ? nullptr : messages.outbox(sms.outbox);
  if (item == nullptr) return;
  const bool good = sms.step == SmsStep::sent || sms.step == SmsStep::delivered;
  item->state = good ? OutboxItem::State::done : OutboxItem::State::failed;
  item->result = result_of(sms);
  item->done_at = now.utc_ms;
}

}  // namespace

Sms& claim_sms(RecordTx& tx, const SmsWorld& world, SmsKind kind, const Msisdn& to,
               std::int64_t validity_ms, base::Now now) {
  Sms& sms = tx.messages().add_sms();
  sms.kind = kind;
  sms.to = to;
  sms.step = SmsStep::claimed;
  sms.owner = world.owner;
  sms.lease_until = now.utc_ms + world.settings.lease;
  sms.created_at = now.utc_ms;
  sms.expires_at = now.utc_ms + validity_ms;
  return sms;
}

void end_incoming(MessageTx& messages, const std::vector<std::uint64_t>& rows,
                  const std::string& result) {
  for (const std::uint64_t id : rows) {
    IncomingSms* const row = messages.incoming(id);
    if (row == nullptr || row->next_at == 0) continue;
    row->next_at = 0;
    row->result = result;
  }
}

OnTimeout SmsSender::on_timeout(const std::string& smsc) const {
  const auto found = world_.settings.on_timeout_of.find(smsc);
  return found == world_.settings.on_timeout_of.end() ? world_.settings.on_timeout : found->second;
}

SmsOut::Taken SmsSender::submit_now(const OutgoingSms& sms, base::Now now) {
  const SmsOut::Taken taken = world_.out.submit(sms);
  if (taken == SmsOut::Taken::yes) {
    under_way_[sms.ref] = now.utc_ms + world_.settings.lease / 2;
    world_.counters.add("vault.sms_submitted");
  }
  return taken;
}

// What follows from a message's step having changed; its row is written by the same update.
void SmsSender::changed(RecordTx& tx, Sms& sms, SmsStep before, bool bad_number, base::Now now,
                        const std::string& obstacle) {
  if (sms.kind == SmsKind::wake_up) settle_wake_up(tx, sms, now);
  if (sms.step == before || !ended(sms.step)) return;
  settle_outbox(tx.messages(), sms, now);
  if (sms.kind != SmsKind::reminder) return;
  Record* const record = tx.find(sms.record);
  if (record == nullptr) return;
  Reminder& reminder = tx.messages().reminder(sms.record);
  const HistoryNote note = settle_reminder(reminder, sms, bad_number, obstacle, now);
  if (sms.step != SmsStep::delivered) tx.note(*record, note);
}

// A wake-up is never handed out again as it was: its counter is used up. The card's row decides.
void SmsSender::settle_wake_up(RecordTx& tx, Sms& sms, base::Now now) {
  if (sms.step == SmsStep::claimed) sms.step = SmsStep::given_up;
  const Record* const record = tx.find(sms.record);
  if (record == nullptr) return;
  WakeUpRow& row = tx.messages().wake_up(record->iccid);
  if (row.ref != sms.ref) return;
  const bool failed = sms.step == SmsStep::refused || sms.step == SmsStep::failed;
  if (failed || sms.step == SmsStep::given_up) {
    wake_up_failed(row, failed, world_.settings.wake_up, now);
  }
}

// An outcome is told again when it was not known that it is kept; by then the message may have gone
// on in other hands. That an SMSC has it stays true.
bool SmsSender::still_counts(const Sms& sms, const SmsOutcome& outcome) const {
  return sms.owner == world_.owner || outcome.kind == SmsOutcome::Kind::accepted;
}

bool SmsSender::settle(base::Now now) {
  if (outcomes_.empty()) return false;
  const std::size_t count = std::min(outcomes_.size(), kSettled);
  std::set<SmsRef> over;
  const Outcome outcome = world_.store.update(now, [&](RecordTx& tx) {
    over.clear();
    for (std::size_t i = 0; i < count; ++i) {
      const SmsOutcome& one = outcomes_[i];
      Sms* const sms = tx.messages().sms(one.ref);
      if (sms == nullptr) continue;
      const SmsStep before = sms->step;
      if (still_counts(*sms, one)) {
        take_outcome(*sms, one, on_timeout(one.smsc));
        changed(tx, *sms, before, one.bad_number, now);
      }
      const bool others = sms->owner != world_.owner;
      if (others || sms->step != SmsStep::submitting) over.insert(one.ref);
    }
    return true;
  });
  if (outcome == Outcome::unavailable) return false;
  for (std::size_t i = 0; i < count; ++i) {
    if (outcomes_[i].kind == SmsOutcome::Kind::uncertain) {
      world_.counters.add("vault.sms_uncertain");
    } else if (outcomes_[i].kind == SmsOutcome::Kind::refused) {
      world_.counters.add("vault.sms_refused");
    }
  }
  for (const SmsRef ref : over) under_way_.erase(ref);
  outcomes_.erase(outcomes_.begin(), outcomes_.begin() + static_cast<std::ptrdiff_t>(count));
  return !outcomes_.empty();
}

bool SmsSender::submit(base::Now now) {
  if (!outcomes_.empty()) return false;  // the store is behind: nothing new before it has caught up
  std::unordered_set<SmsRef> turned_away;  // theirs is an SMSC that is away: behind the others
  while (!ready_.empty()) {
    const std::size_t room = std::min(world_.out.room(), kMarked);
    std::size_t count = 0;
    while (count < std::min(room, ready_.size()) && !turned_away.contains(ready_[count])) ++count;
    if (count == 0) return false;
    const std::vector<SmsRef> refs(ready_.begin(),
                                   ready_.begin() + static_cast<std::ptrdiff_t>(count));
    std::vector<OutgoingSms> outgoing;
    if (!mark(refs, outgoing, now)) return false;
    ready_.erase(ready_.begin(), ready_.begin() + static_cast<std::ptrdiff_t>(count));
    std::vector<SmsRef> back;
    bool full = false;
    for (const OutgoingSms& sms : outgoing) {
      const SmsOut::Taken taken = submit_now(sms, now);
      if (taken == SmsOut::Taken::busy) {
        back.push_back(sms.ref);
        if (sms.smsc.empty()) full = true;
      }
      if (taken == SmsOut::Taken::impossible) refused(sms);
    }
    if (!back.empty()) put_back(back, now);
    if (full) {
      ready_.insert(ready_.begin(), back.begin(), back.end());
      return false;
    }
    ready_.insert(ready_.end(), back.begin(), back.end());
    turned_away.insert(back.begin(), back.end());
  }
  return !outcomes_.empty();
}

// Commits `submitting` for those that may still leave; they and no others are handed out.
bool SmsSender::mark(const std::vector<SmsRef>& refs, std::vector<OutgoingSms>& outgoing,
                     base::Now now) {
  const Outcome outcome = world_.store.update(now, [&](RecordTx& tx) {
    outgoing.clear();
    for (const SmsRef ref : refs) {
      Sms* const sms = tx.messages().sms(ref);
      if (sms == nullptr || sms->owner != world_.owner) continue;
      // `submitting` here: the commit of an earlier try went through after all.
      if (sms->step != SmsStep::claimed && sms->step != SmsStep::submitting) continue;
      const SmsStep before = sms->step;
      std::string obstacle = now.utc_ms >= sms->expires_at ? "too late" : "";
      if (sms->kind == SmsKind::reminder) {
        if (!world_.calendar.inside(world_.settings.hours, now.utc_ms)) {
          sms->step = SmsStep::claimed;
          sms->lease_until = world_.calendar.next_inside(world_.settings.hours, now.utc_ms);
          continue;
        }
        const Record* const record = tx.find(sms->record);
        obstacle = record == nullptr
                       ? "the record is gone"
                       : reminder_obstacle(*record, tx.messages().reminder(sms->record), *sms,
                                           world_.context(), now);
      }
      if (!obstacle.empty()) {
        sms->step = SmsStep::given_up;
        changed(tx, *sms, before, false, now, obstacle);
        continue;
      }
      sms->step = SmsStep::submitting;
      sms->lease_until = now.utc_ms + world_.settings.lease;
      if (before == SmsStep::claimed) {
        sms->submitted_at = now.utc_ms;
        sms->tries += 1;
        for (SmsSegment& segment : sms->segments) {
          if (segment.step == SmsStep::claimed) segment.step = SmsStep::submitting;
        }
      }
      outgoing.push_back(outgoing_of(*sms, now));
    }
    return true;
  });
  return outcome != Outcome::unavailable;
}

// What no SMSC has of it can never leave.
void SmsSender::refused(const OutgoingSms& sms) {
  const int total = std::max(sms.accepted_of, 1);
  for (int number = 1; number <= total; ++number) {
    if (sms.is_accepted(number)) continue;
    outcome({sms.ref, number, total, SmsOutcome::Kind::refused, "", "", 0, false});
  }
}

// The SmsOut had no room for them: they were not written, so they are claimed again. If that cannot
// be committed, they are ready all the same, and the rows say so when they are marked or released.
void SmsSender::put_back(const std::vector<SmsRef>& refs, base::Now now) {
  world_.store.update(now, [&](RecordTx& tx) {
    for (const SmsRef ref : refs) {
      Sms* const sms = tx.messages().sms(ref);
      if (sms != nullptr) unmark(*sms);
    }
    return true;
  });
}

void SmsSender::renew(base::Now now) {
  std::vector<SmsRef> due;
  for (const auto& [ref, at] : under_way_) {
    if (at <= now.utc_ms) due.push_back(ref);
  }
  for (std::size_t at = 0; at < due.size(); at += kSettled) {
    const std::size_t end = std::min(due.size(), at + kSettled);
    const Outcome outcome = world_.store.update(now, [&](RecordTx& tx) {
      for (std::size_t i = at; i < end; ++i) {
        Sms* const sms = tx.messages().sms(due[i]);
        const bool ours =
            sms != nullptr && sms->owner == world_.owner && sms->step == SmsStep::submitting;
        if (ours) sms->lease_until = now.utc_ms + world_.settings.lease;
      }
      return true;
    });
    if (outcome == Outcome::unavailable) return;
    for (std::size_t i = at; i < end; ++i) {
      under_way_[due[i]] = now.utc_ms + world_.settings.lease / 2;
    }
  }
  // Ready, but there was no room for long: the lease of a claim that is still ours. `submitting`
  // when it could not be committed that there was none (put_back).
  if (ready_.empty()) return;
  world_.store.update(now, [&](RecordTx& tx) {
    for (std::size_t i = 0; i < std::min(ready_.size(), kSettled); ++i) {
      Sms* const sms = tx.messages().sms(ready_[i]);
      const bool ours = sms != nullptr && sms->owner == world_.owner && !ended(sms->step);
      if (ours && sms->lease_until < now.utc_ms + kPause) {
        sms->lease_until = now.utc_ms + world_.settings.lease;
      }
    }
    return true;
  });
}

void SmsSender::release(base::Now now) {
  world_.store.update(now, [&](RecordTx& tx) {
    for (const SmsRef ref : ready_) {
      Sms* const sms = tx.messages().sms(ref);
      if (sms == nullptr || sms->owner != world_.owner || ended(sms->step)) continue;
      unmark(*sms);
      sms->lease_until = now.utc_ms;
    }
    return true;
  });
  ready_.clear();
}

// Inside an update of the caller's. True: at least one was known.
bool SmsSender::receipts(const std::vector<SmsReceipt>& receipts, RecordTx& tx,
                         const std::vector<std::vector<std::pair<SmsRef, int>>>& meant,
                         base::Now now) {
  bool known = false;
  for (std::size_t i = 0; i < receipts.size(); ++i) {
    for (const auto& [ref, segment] : meant[i]) {
      Sms* const sms = tx.messages().sms(ref);
      if (sms == nullptr) continue;
      const SmsStep before = sms->step;
      take_receipt(*sms, segment, receipts[i].kind);
      changed(tx, *sms, before, false, now);
      known = true;
      break;
    }
  }
  return known;
}

}  // namespace vault
