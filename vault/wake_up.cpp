#include "vault/wake_up.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/log.h"

namespace vault {

namespace {

using State = WakeUpRow::State;

void end(WakeUpRow& row) {
  row.state = State::idle;
  row.next_at = 0;
}

// Not before what an earlier answer has earned.
void again_at(WakeUpRow& row, std::int64_t at) {
  row.state = State::wanted;
  row.next_at = std::max(at, row.not_before);
}

// The card has been here since, so that an applet is there, and what it was woken for may be done.
std::int64_t last_session(const Record& record) {
  return std::max(record.image ? record.image->stored_at : 0, record.identity_at);
}

bool done_meanwhile(const Record& record, const WakeUpRow& row) {
  const std::int64_t done =
      row.reason == WakeReason::update ? record.updated_at : record.identity_at;
  return done > row.wanted_at;
}

bool without_applet(const Record& record, const WakeUpRow& row, base::Now now) {
  return now.utc_ms < row.without_applet_until && last_session(record) < row.last_status_at;
}

enum class Reaction { done, wait, retry_higher, delay, stop, no_applet };

Reaction reaction_to(const WakeUpRow& row, const Por& por) {
  switch (por.status) {
    case 0x00:
      return por.authentic ? Reaction::done : Reaction::wait;  // a forged one must not silence
    case 0x08:                                                 // more time
    case 0x0B:                                                 // the answer follows by SMS
    case 0x0C:                                                 // ... or by USSD
      return Reaction::wait;
    case 0x02:
      return row.counter_raised ? Reaction::delay : Reaction::retry_higher;
    case 0x04:  // counter blocked
    case 0x0A:  // insufficient security level
      return por.authentic ? Reaction::stop : Reaction::delay;
    case 0x09:
      return por.authentic ? Reaction::no_applet : Reaction::delay;
    default:
      return Reaction::delay;
  }
}

// A card that could not open the packet does not know its counter, which is ciphered: it refuses
// with 0. "Counter low" says that it has read it.
bool names_packet(const WakeUpRow& row, const Por& por) {
  if (row.state != State::waiting || por.tar != row.tar) return false;
  const bool unread =
      por.counter == 0 && !por.authentic && por.status != 0x00 && por.status != 0x02;
  return unread || por.counter == row.counter;
}

bool needs_somebody(std::uint8_t status) {
  return status == 0x01 || status == 0x04 || status == 0x05 || status == 0x06 || status == 0x0A;
}

std::string status_text(const Por& por) {
  const std::uint8_t octet[] = {por.status};
  return base::cat("status ", base::to_hex(octet), por.authentic ? "" : ", not proven");
}

}  // namespace

std::string want_wake_up(WakeUpRow& row, const Record& record, WakeReason reason,
                         const std::string& asked_by, const WakeUpSettings& settings,
                         base::Now now) {
  if (record.suspended_at != 0) return "the service has ended for this card";
  if (without_applet(record, row, now)) return "the card has said that it has no applet";
  const std::int64_t expires_at = now.utc_ms + settings.lifetime;
  row.record = record.id;
  if (row.state != State::idle) {
    if (reason == WakeReason::update) row.reason = reason;
    row.expires_at = std::max(row.expires_at, expires_at);
    return {};
  }
  row.reason = reason;
  row.asked_by = asked_by;
  row.wanted_at = now.utc_ms;
  row.expires_at = expires_at;
  row.tries = 0;
  row.counter_raised = false;
  again_at(row, now.utc_ms);
  return {};
}

WakeDecision decide_wake_up(const Record& record, const WakeUpRow& row, bool has_number,
                            const WakeUpSettings& settings, const Policy& policy, base::Now now) {
  WakeDecision decision{row, WakeDecision::Kind::wait, {}};
  WakeUpRow& after = decision.after;
  const auto give_up = [&](const char* why) {
    end(after);
    decision.kind = WakeDecision::Kind::end;
    decision.why = why;
    return decision;
  };
  if (row.state == State::idle) {
    after.next_at = 0;
    return decision;
  }
  if (done_meanwhile(record, row)) return give_up("the card has called");
  if (record.suspended_at != 0) return give_up("the service has ended");
  if (now.utc_ms >= row.expires_at) return give_up("the time is over");
  if (without_applet(record, row, now)) return give_up("no applet on the card");
  if (!has_number) return give_up("no number");
  if (row.tries >= settings.tries) return give_up("no answer");
  if (row.state == State::waiting) {  // nobody has answered in time
    again_at(after, std::max(now.utc_ms, row.sent_at + settings.retry_after));
    if (after.next_at > now.utc_ms) return decision;
  }
  if (moved_lately(record, policy, now)) {
    again_at(after, record.moved_at + policy.swap_hold);
    return decision;
  }
  if (now.utc_ms < row.not_before) {
    again_at(after, row.not_before);
    return decision;
  }
  decision.kind = WakeDecision::Kind::send;
  after.state = State::waiting;
  after.tries += 1;
  after.sent_at = now.utc_ms;
  after.next_at = now.utc_ms + settings.validity;
  return decision;
}

PorDecision react_to_por(const WakeUpRow& row, const Por& por, const WakeUpSettings& settings,
                         base::Now now) {
  PorDecision decision{row, false, false, false, {}};
  WakeUpRow& after = decision.after;
  if (!names_packet(row, por)) return decision;
  decision.counted = true;
  after.last_status = por.status;
  after.last_authentic = por.authentic;
  after.last_status_at = now.utc_ms;
  decision.alarm = needs_somebody(por.status);
  const Reaction reaction = reaction_to(row, por);
  if (reaction == Reaction::wait) return decision;
  decision.note = status_text(por);
  switch (reaction) {
    case Reaction::retry_higher:
      after.counter_raised = true;
      decision.leap = true;
      again_at(after, now.utc_ms);
      break;
    case Reaction::delay:
      after.not_before = now.utc_ms + settings.retry_after;
      again_at(after, after.not_before);
      break;
    case Reaction::no_applet:
      after.without_applet_until = now.utc_ms + settings.without_applet;
      end(after);
      break;
    default:
      end(after);
      break;
  }
  return decision;
}

bool phone_is_back(WakeUpRow& row, const WakeUpSettings& settings, base::Now now) {
  if (row.state == State::idle || now.utc_ms < row.not_before) return false;
  if (row.sent_at != 0 && now.utc_ms < row.sent_at + settings.back_pause) return false;
  // Its PoR is on the way, or the card said that it takes its time.
  if (row.state == State::waiting && row.last_status_at >= row.sent_at) return false;
  again_at(row, now.utc_ms);
  return true;
}

void wake_up_failed(WakeUpRow& row, bool left_us, const WakeUpSettings& settings, base::Now now) {
  if (row.state != State::waiting) return;
  constexpr std::int64_t kSoon = base::kMinuteMs;
  if (!left_us && row.tries > 0) row.tries -= 1;
  again_at(row, now.utc_ms + (left_us ? settings.retry_after : kSoon));
}

}  // namespace vault
