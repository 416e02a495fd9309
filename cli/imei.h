// What a phone has told of itself (tag 91): its IMEI, for people. Pure, any thread.
#pragma once

#include <string>

#include "base/bytes.h"

namespace cli {

// The 15 digits at its front (TS 24.008 clause 10.5.1.4). Empty: there are none, or they are none.
std::string imei_of(base::View handset);

}  // namespace cli
