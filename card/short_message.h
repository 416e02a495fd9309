// Short messages as EF_SMS keeps them (TS 31.102 clause 4.2.25) with their TPDUs (TS 23.040
// clauses 9.2.2.1, 9.2.2.2), and texts on their way. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "card/number.h"

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

// A text, or a part of one, as the network delivers it (SMS-DELIVER): GSM 7 bit, 8 bit as Latin-1,
// or UCS2.
struct ReceivedText {
  Number from;
  std::string text;  // UTF-8
  std::uint16_t reference = 0;
  std::uint8_t total = 1, number = 1;  // 1, 1: not concatenated
};
std::optional<ReceivedText> decode_text(base::View tpdu);
// SMS-SUBMIT without validity period. Nothing: the text does not fit one message, or the
// destination has no digits.
std::optional<base::Bytes> encode_text(const Number& to, std::string_view text);
std::optional<base::Bytes> encode_text_deliver(const Number& from, std::string_view text,
                                               std::int64_t utc_ms);

}  // namespace card
