// Numbers of CAT_TP links. TS 102 127 clause 6.2 leaves the timers to the implementation.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace bip {

struct CatTpSettings {
  std::uint16_t port = 9000;     // CAT_TP port that is listened on; 0: any
  std::uint16_t max_pdu = 1400;  // largest PDU taken, and sent, header included; 23 or more
  std::uint16_t max_sdu = 1400;  // largest SDU taken
  std::uint16_t window = 10;     // PDUs that the peer may have under way
  std::uint16_t least_sdu = 1;   // a peer that takes no SDU of this size is refused

  std::int64_t rto_initial = 3 * base::kSecondMs;  // until the first round trip was measured
  std::int64_t rto_min = 1 * base::kSecondMs;
  std::int64_t rto_max = 60 * base::kSecondMs;
  int retries = 10;              // repetitions of a PDU before the link is given up
  std::int64_t ack_delay = 100;  // how long an acknowledgement may wait for data to ride on
  std::int64_t keep_alive = 0;   // silence before a NUL asks whether the peer lives; 0: never
  // Between two answers to PDUs that are not acceptable. Not a key: it bounds what a forger can
  // have sent, and no card waits for it, since who is not answered repeats his PDU.
  std::int64_t challenge_interval = 100;

  // Links that are not open yet (cat_tp_links.h).
  std::uint32_t half_open = 4096;
  std::uint32_t half_open_per_ip = 20;
  std::int64_t half_open_timeout = 30 * base::kSecondMs;
};

}  // namespace bip
