// Delivery receipts: SMPP 3.4 appendix B, the TLVs that say the same, and what SMSCs make of both.
// Pure functions, any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "smsc/pdu.h"
#include "smsc/settings.h"
#include "vault/sms_ports.h"

namespace smsc {

// The fields of "id:... sub:... dlvrd:... submit date:... done date:... stat:... err:... text:...",
// in any case and order, with ':' or '='. What is missing stays empty; dates are not looked at.
struct ReceiptText {
  std::string id;
  std::string stat;
  std::string err;
  bool shaped = false;  // begins with "id", and has "stat" and one more field
};
ReceiptText parse_receipt_text(base::View octets);

// By esm_class, by TLV, or by a text of the full shape.
bool is_receipt(const DeliverSm& message);
vault::SmsReceipt read_receipt(const DeliverSm& message, const Settings& settings);

// The form in which ids are compared. text: without leading zeros, in lower case; exact: as they
// came; hex_dec: submit_sm_resp says hexadecimal where receipts say decimal; dec_hex: the reverse.
// What is no such number goes through `text`.
std::string submitted_id(std::string_view message_id, IdMatch match);
std::string receipted_id(std::string_view message_id, IdMatch match);

}  // namespace smsc
