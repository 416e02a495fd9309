// One outgoing message cut into submit_sm requests (TS 23.040 9.2.3.24, SMPP 3.4 5.3.2.22-24).
// Pure function, any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "smsc/pdu.h"
#include "smsc/settings.h"
#include "vault/sms_ports.h"

namespace smsc {

// The requests of a message, in order; all of them, whatever was accepted before. The same message
// and settings give the same cuts: a part that is sent again fits to the others. Error: not to be
// encoded, empty, or more than max_segments (text) or 255 (packet) parts.
base::Result<std::vector<SubmitSm>> cut(const vault::OutgoingSms& sms, const Settings& settings);

// Relative time of SMPP 3.4 7.1.1, "000001000000000R" for a day; empty for 0. At most 63 weeks, the
// longest that TS 23.040 9.2.3.12.1 knows; at least a minute.
std::string relative_time(std::int64_t ms);

}  // namespace smsc
