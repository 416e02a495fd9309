#include "plugin/sms_inbox.h"

namespace plugin {

void SmsInbox::outcome(const vault::SmsOutcome& outcome) {
  const std::lock_guard lock(mutex_);
  contents_.outcomes.push_back(outcome);
  changed_.notify_one();
}

void SmsInbox::receipt(vault::SmsReceipt receipt, vault::Kept kept) {
  if (!offer(std::move(receipt), kept)) kept(false);
}

void SmsInbox::incoming(vault::IncomingSms sms, vault::Kept kept) {
  if (!offer(std::move(sms), kept)) kept(false);
}

bool SmsInbox::offer(vault::Arrival arrival, vault::Kept kept) {
  const std::lock_guard lock(mutex_);
  if (contents_.arrivals.size() >= limit_) return false;
  contents_.arrivals.push_back(std::move(arrival));
  contents_.kept.push_back(std::move(kept));
  changed_.notify_one();
  return true;
}

// A hint, which comes again: more than anybody could use is let go.
void SmsInbox::subscriber_back(const vault::Msisdn& number) {
  const std::lock_guard lock(mutex_);
  if (contents_.back.size() >= kMostBack) return;
  contents_.back.push_back(number);
  changed_.notify_one();
}

void SmsInbox::wake() {
  const std::lock_guard lock(mutex_);
  contents_.woken = true;
  changed_.notify_one();
}

SmsInbox::Contents SmsInbox::take(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, patience, [this] { return !contents_.empty(); });
  return std::exchange(contents_, {});
}

}  // namespace plugin
