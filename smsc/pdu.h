// The SMPP 3.4 PDUs of an ESME as plain structs. pdu.cpp is the only file that knows libsmpp34:
// the library packs and unpacks mandatory parts only, as copies made by us, without the message
// itself; TLVs, answers and lengths are ours. Decoders are bounded and take what they can: a bad
// TLV is left out, a value out of range is kept as it came. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"
#include "smsc/codes.h"
#include "smsc/framing.h"

namespace smsc {

struct Address {
  std::uint8_t ton = 0;
  std::uint8_t npi = 0;
  std::string digits;  // at most 20; letters for TON 5
  bool operator==(const Address&) const = default;
};

struct Tlv {
  std::uint16_t tag = 0;
  base::Bytes value;
  bool operator==(const Tlv&) const = default;
};

// Body of submit_sm (4.4.1) and deliver_sm (4.6.1); data_sm (4.7.1) has fewer fields.
struct ShortMessage {
  std::string service_type;  // at most 5
  Address source;
  Address destination;
  std::uint8_t esm_class = 0;
  std::uint8_t protocol_id = 0;
  std::uint8_t priority = 0;
  std::string schedule;  // empty, or 16 characters
  std::string validity;
  std::uint8_t registered_delivery = 0;
  std::uint8_t replace_if_present = 0;
  std::uint8_t data_coding = 0;
  std::uint8_t default_message = 0;
  base::Bytes text;  // short_message, at most 254; longer ones in kMessagePayload
  std::vector<Tlv> tlvs;

  const Tlv* find(std::uint16_t tag) const;
  // The message itself, wherever it stands.
  base::View content() const;
  bool operator==(const ShortMessage&) const = default;
};
using SubmitSm = ShortMessage;
using DeliverSm = ShortMessage;

struct Bind {
  std::string system_id;    // at most 15
  base::Secret password;    // at most 8
  std::string system_type;  // at most 12
  std::uint8_t addr_ton = 0;
  std::uint8_t addr_npi = 0;
  std::string address_range;  // at most 40
};

// bind_*_resp; every field may be missing.
struct BindAnswer {
  std::string system_id;
  std::optional<std::uint8_t> interface_version;
};

struct AlertNotification {
  Address source;  // who is reachable again
  Address esme;
  std::optional<std::uint8_t> availability;  // 0 available, 1 denied, 2 unavailable
};

struct Decoded {
  ShortMessage message;
  bool odd = false;  // something was ignored or repaired
};

// Each appends one PDU to `out`, or nothing: then the error says which field is too long.
base::Status append_bind(base::Bytes& out, std::uint32_t command, std::uint32_t sequence,
                         const Bind& bind);
base::Status append_submit_sm(base::Bytes& out, std::uint32_t sequence, const SubmitSm& message);
// The same for one message after the other: the library packs what a message does not have in
// common with the one before, which is little when many get the same text. One thread at a time.
class SubmitPacker {
 public:
  base::Status append(base::Bytes& out, std::uint32_t sequence, const SubmitSm& message);

 private:
  base::Status pack_head(const SubmitSm& message);

  SubmitSm head_;              // of what is packed: without destination digits, text and TLVs
  base::Bytes packed_;         // empty: nothing yet
  std::size_t digits_at_ = 0;  // where the destination's digits belong
};
// Answer to deliver_sm and data_sm: message_id is one 00.
void append_delivered(base::Bytes& out, std::uint32_t command, std::uint32_t status,
                      std::uint32_t sequence);

// submit_sm, deliver_sm or data_sm. Error: the mandatory part cannot be read.
base::Result<Decoded> decode_message(const Frame& frame);
base::Result<AlertNotification> decode_alert(const Frame& frame);
// message_id of a submit_sm_resp: as it came, at most 65 octets; empty when there is none,
// whatever the status. Never fails.
std::string decode_message_id(const Frame& frame);
BindAnswer decode_bind_answer(const Frame& frame);

// For a diagnosis of the library's guard: octets that its error text has ever held.
std::size_t library_text_high_water();

}  // namespace smsc
