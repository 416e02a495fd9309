// The rules of wake-ups: one at a time per card, what its proof of receipt does, when the next one
// may leave. Pure: no I/O, no clock, no randomness.
#pragma once

#include <string>

#include "vault/policy.h"
#include "vault/record.h"
#include "vault/reminder_settings.h"
#include "vault/sms_ports.h"

namespace vault {

// After "counter too low" the one retry uses a counter this much higher.
inline constexpr Counter kCounterLeap = 256;

// Wishes a wake-up. One that is under way stays and takes the more urgent reason (update before
// identity) and the later end. Empty: noted, else why not.
std::string want_wake_up(WakeUpRow& row, const Record& record, WakeReason reason,
                         const std::string& asked_by, const WakeUpSettings& settings,
                         base::Now now);

struct WakeDecision {
  enum class Kind : std::uint8_t { wait, send, end };
  WakeUpRow after;
  Kind kind = Kind::wait;
  std::string why;  // end: for the history
};
// Looks at a wish whose next_at has come. `send`: after is `waiting` already and counts the try;
// number, packet and counter are the caller's.
WakeDecision decide_wake_up(const Record& record, const WakeUpRow& row, bool has_number,
                            const WakeUpSettings& settings, const Policy& policy, base::Now now);

struct PorDecision {
  WakeUpRow after;
  bool counted = false;  // it answers the packet under way
  bool leap = false;     // the next packet's counter: kCounterLeap higher
  bool alarm = false;    // keys or security level do not fit: somebody must look
  std::string note;      // for the history, empty: nothing worth an entry
};
// TS 102 225 table 5. Only an answer whose CC verified has lasting effects; a clear negative one is
// counted, may cause the one retry with a higher counter, and delays the next by retry_after.
PorDecision react_to_por(const WakeUpRow& row, const Por& por, const WakeUpSettings& settings,
                         base::Now now);

// The network says that the phone is back: what found nobody is repeated at once. True: changed.
bool phone_is_back(WakeUpRow& row, const WakeUpSettings& settings, base::Now now);

// The message did not get to an SMSC, or never reached the phone: the try is given back or over.
void wake_up_failed(WakeUpRow& row, bool left_us, const WakeUpSettings& settings, base::Now now);

}  // namespace vault
