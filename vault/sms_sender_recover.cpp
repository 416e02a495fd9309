// Messages that another instance, or this one before it ended, has left behind.
#include <algorithm>

#include "vault/sms_sender.h"

namespace vault {

namespace {

constexpr std::size_t kLeftBehind = 50;  // rows of others looked at in one go

}  // namespace

bool SmsSender::is_ready(SmsRef ref) const {
  return std::find(ready_.begin(), ready_.end(), ref) != ready_.end();
}

bool SmsSender::recover(base::Now now) {
  auto& scan = world_.store.messages();
  const auto claimed = scan.left_behind(SmsStep::claimed, now.utc_ms, kLeftBehind);
  if (claimed && !claimed->empty()) adopt_claimed(*claimed, now);
  const auto submitting = scan.left_behind(SmsStep::submitting, now.utc_ms, kLeftBehind);
  if (submitting && !submitting->empty()) end_interrupted(*submitting, now);
  return (claimed && claimed->size() == kLeftBehind) ||
         (submitting && submitting->size() == kLeftBehind);
}

void SmsSender::adopt_claimed(const std::vector<SmsRef>& refs, base::Now now) {
  const ReminderSettings& settings = world_.settings;
  std::vector<SmsRef> taken;
  const Outcome outcome = world_.store.update(now, [&](RecordTx& tx) {
    taken.clear();
    for (const SmsRef ref : refs) {
      Sms* const sms = tx.messages().sms(ref);
      if (sms == nullptr || sms->step != SmsStep::claimed || sms->lease_until > now.utc_ms) {
        continue;
      }
      const bool reminder = sms->kind == SmsKind::reminder;
      if (reminder && !world_.calendar.inside(settings.hours, now.utc_ms)) {
        // Nobody need look at it before; it may be too late by then, which is found out then.
        sms->lease_until = world_.calendar.next_inside(settings.hours, now.utc_ms);
        continue;
      }
      sms->owner = world_.owner;
      sms->lease_until = now.utc_ms + settings.lease;
      taken.push_back(ref);
    }
    return true;
  });
  if (outcome == Outcome::unavailable) return;
  for (const SmsRef ref : taken) {
    if (!is_ready(ref)) ready_.push_back(ref);
  }
  world_.counters.add("vault.sms_taken_over", static_cast<std::int64_t>(taken.size()));
}

void SmsSender::end_interrupted(const std::vector<SmsRef>& refs, base::Now now) {
  std::vector<SmsRef> over;
  const Outcome outcome = world_.store.update(now, [&](RecordTx& tx) {
    over.clear();
    for (const SmsRef ref : refs) {
      Sms* const sms = tx.messages().sms(ref);
      if (sms == nullptr || sms->step != SmsStep::submitting || sms->lease_until > now.utc_ms ||
          under_way_.contains(ref) || is_ready(ref)) {
        continue;
      }
      const SmsStep before = sms->step;
      const std::string smsc = sms->segments.empty() ? sms->smsc : sms->segments.front().smsc;
      take_interruption(*sms, on_timeout(smsc));
      changed(tx, *sms, before, false, now);
      over.push_back(ref);
    }
    return true;
  });
  if (outcome != Outcome::unavailable) {
    world_.counters.add("vault.sms_uncertain", static_cast<std::int64_t>(over.size()));
  }
}

}  // namespace vault
