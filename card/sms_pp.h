// Short messages that carry secured packets (TS 23.040 clauses 9.2.2.1, 9.2.2.2; TS 31.115
// clause 4): SMS-PP data download to the card, and the card's proof of receipt in an SMS-SUBMIT.
// Values and pure functions, any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

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
// Nothing also for a destination without digits.
std::optional<base::Bytes> encode_submit(const Number& destination, base::View user_data);
std::optional<Delivered> decode_submit(base::View tpdu);  // originator: the destination

// Is it for the card: (U)SIM data download in 8-bit class 2 (PID 7F; DCS F6, 16 or 56)?
bool for_card(const Delivered& message);

// User data with a header, taken apart; nothing: its lengths do not fit.
struct Part {
  bool command = false;  // has the element 70: the beginning of a command packet
  std::uint16_t reference = 0;
  std::uint8_t total = 1, number = 1;  // 1, 1: not concatenated
  base::View rest;                     // behind the header
};
std::optional<Part> read_part(base::View user_data);

// Puts a concatenated message together, one at a time: a part of another one drops what is there.
class Parts {
 public:
  // `content` of that part; the whole once all parts are there.
  std::optional<base::Bytes> add(const std::string& from, const Part& part, base::View content);

 private:
  std::string from_;
  std::uint16_t reference_ = 0;
  std::uint8_t total_ = 0;
  std::map<std::uint8_t, base::Bytes> parts_;
};

base::Bytes response_user_data(base::View response_packet);  // with its header 71

}  // namespace card
