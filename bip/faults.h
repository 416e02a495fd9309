// What goes wrong on card channels: counted always, logged once a minute per kind, so that no
// peer can fill the log.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/counters.h"
#include "base/log.h"
#include "base/seldom.h"
#include "base/time.h"

namespace bip {

enum class Fault : std::uint8_t {
  wrong_cc,
  keys_away,  // the key service failed: nobody's fault, so no limit counts it
  counter_low,
  counter_blocked,  // an alarm: FFFFFFFFFF or an impossible jump
  tar_unknown,
  insufficient_security,
  security_error,  // KIc/KID, or an unreadable head
  malformed,
  unsupported,
  other_iccid,  // tag 80 is not the identified card
  wrap_failed,  // no keys for an answer
  bad_identification,
  never_identified,
  never_proven,
  second_identification,
  bad_packet,
  packet_too_large,
  cut_packet,
  superseded,  // two channels of one card
  timeouts,
  limited,
  tls_failed,        // a handshake or a record: wrong key, unknown identity, no TLS
  cat_tp_malformed,  // a datagram that is no PDU
  cat_tp_refused,    // a SYN that opened nothing
  cat_tp_displaced,  // a half-open link that made room
  cat_tp_unopened,   // one on which nothing followed
  sessions_full,
  accept_paused,
  accept_failed,
  worker_failed,
  count_
};
inline constexpr std::size_t kFaults = static_cast<std::size_t>(Fault::count_);

std::string_view counter_name(Fault fault);  // "bip.wrong_cc"

// How often each fault happened within a batch.
struct Tally {
  std::array<std::uint16_t, kFaults> faults{};
  std::uint16_t packets = 0;
  std::uint16_t answers = 0;
  std::uint16_t dropped = 0;    // data left unanswered: after an error, or the store was away
  std::uint16_t try_later = 0;  // answered without the store

  void add(Fault fault) { ++faults[static_cast<std::size_t>(fault)]; }
  std::uint16_t of(Fault fault) const { return faults[static_cast<std::size_t>(fault)]; }
};

// One thread.
class FaultLog {
 public:
  FaultLog(base::Log& log, base::Counters& counters) : log_(log), counters_(counters) {}

  // `about()` names the peer (address, card; never a secret) and is asked only for a line.
  template <class About>
  void note(Fault fault, base::Now now, std::int64_t amount, About about) {
    counters_.add(counter_name(fault), amount);
    const auto left_out = kinds_[static_cast<std::size_t>(fault)].happened(now, amount);
    if (left_out) write(fault, about(), *left_out);
  }

 private:
  void write(Fault fault, std::string_view about, std::int64_t left_out);

  base::Log& log_;
  base::Counters& counters_;
  std::array<base::Seldom, kFaults> kinds_{};
};

}  // namespace bip
