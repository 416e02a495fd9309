// A deliver_sm turned into what the vault keeps: text or user data, who sent it, which part of a
// concatenated message it is, and the mark by which it is known when it comes again.
// One thread at a time per object.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/crypto.h"
#include "base/time.h"
#include "smsc/pdu.h"
#include "smsc/settings.h"
#include "vault/sms_ports.h"

namespace smsc {

// The elements of a user data header that matter here (TS 23.040 9.2.3.24), in any order.
struct UserDataHeader {
  std::size_t size = 0;  // with its length octet
  std::uint16_t reference = 0;
  int parts = 1;
  int part = 1;
  bool secured = false;  // an element 70-7F: SIM toolkit security headers
};
// Nothing: it does not fit into the octets. A concatenation that cannot be (part 0, part above
// parts) counts as none.
std::optional<UserDataHeader> read_user_data_header(base::View user_data);

// The same message delivered again - its answer was lost, or late - gets the same mark; the same
// words sent once more after others do not. Bounded: the oldest sender is forgotten first.
class Marks {
 public:
  base::Sha256 mark(const DeliverSm& message, bool part_of_many, std::int64_t window_ms,
                    base::Now now);

 private:
  struct Sender {
    base::Sha256 last_key{};
    base::Sha256 last_mark{};
    std::int64_t last_at = 0;
    std::uint32_t changes = 0;  // of what was said, since `period`
    std::int64_t period = 0;
  };
  std::unordered_map<std::string, Sender> senders_;
  std::deque<std::string> order_;
};

// Nothing: letters, a short code, or no number at all.
std::optional<vault::Msisdn> subscriber_number(const Address& address);

// Everything but the mark.
vault::IncomingSms read_incoming(const DeliverSm& message, const Settings& settings, base::Now now);

}  // namespace smsc
