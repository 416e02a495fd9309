// Short messages as EF_SMS keeps them (TS 31.102 clause 4.2.25) with their TPDUs (TS 23.040
// clauses 9.2.2.1, 9.2.2.2). Pure functions, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"

namespace card {

struct ShortMessage {
  bool received = true;     // SMS-DELIVER, else SMS-SUBMIT
  bool read = true;         // received ones only
  std::string number;       // originator or destination
  std::string text;         // UTF-8; at most 160 GSM or 70 UCS2 characters
  std::int64_t utc_ms = 0;  // received ones only
};

// A whole 176-octet record. Nothing: the text does not fit one message.
std::optional<base::Bytes> sms_record(const ShortMessage& message);

}  // namespace card
