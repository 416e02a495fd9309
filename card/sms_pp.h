// Short messages that carry secured packets (TS 23.040 clauses 9.2.2.1, 9.2.2.2; TS 31.115
// clause 4): SMS-PP data download to the card, and the card's proof of receipt in an SMS-SUBMIT.
// Single messages only: the wake-up is one. Pure functions, any thread.
#pragma once

#include <optional>

#include "base/bytes.h"
#include "card/number.h"

namespace card {

struct Delivered {
  Number originator;
  std::uint8_t pid = 0;
  std::uint8_t dcs = 0;
  bool has_header = false;
  base::Bytes user_data;  // with its header
};
std::optional<Delivered> decode_deliver(base::View tpdu);
// For the network's side in a laboratory: PID 7F, DCS F6, UDHI set, 8-bit user data of at most
// 140 octets. Nothing: it is longer.
std::optional<base::Bytes> encode_deliver(const Number& originator, base::View user_data,
                                          std::int64_t utc_ms);
std::optional<base::Bytes> encode_submit(const Number& destination, base::View user_data);
std::optional<Delivered> decode_submit(base::View tpdu);  // originator: the destination

// The command packet behind the header 70 of a single message; nothing: none there, or it is a
// part of a concatenated message.
std::optional<base::View> command_packet(base::View user_data);
base::Bytes response_user_data(base::View response_packet);  // with its header 71

}  // namespace card
