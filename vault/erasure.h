// Everything of a customer that a record holds, gone for good; and the receipt for it, which only
// the audit key can make and which can be checked years later.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "vault/ports.h"

namespace vault {

struct ErasureReceipt {
  Iccid iccid;
  std::int64_t at = 0;         // utc_ms, whole seconds
  std::uint64_t versions = 0;  // how many
  std::uint64_t octets = 0;    // of all of them
  // Keyed digest over what was erased: each version's identity, digest and size, the numbers, the
  // customer and the key's digest. Without the audit key nothing can be learned or tried from it.
  base::Sha256 content{};
  bool operator==(const ErasureReceipt&) const = default;
};

// "erased 8986... at 2026-11-24T14:07:55Z versions 2 octets 5123 content HEX64 seal HEX64", without
// a break.
std::string receipt_line(const KeyRing& keys, const ErasureReceipt& receipt);
// Finds one in a line, whatever stands before it, with or without a closing quotation mark behind
// it. Nothing: there is none, or this audit key has not made it.
std::optional<ErasureReceipt> read_receipt(const KeyRing& keys, std::string_view line);

// Whether there is anything to erase.
bool holds_anything(RecordTx& tx, const Record& record);
// Images, staged octets, numbers, customer, key and reminder; inside an update. ICCID, id, history,
// replay counters and the end of service (suspended_at) stay. Nothing: there is nothing to erase.
// No history entry: that is the caller's.
std::optional<ErasureReceipt> erase_content(RecordTx& tx, Record& record, const KeyRing& keys,
                                            base::Now now);

// Of an erasure that the subscriber asks for on the card: the reminder's cycle and numbers go, a
// STOP stays until START or customer care. Inside an update.
void erase_reminder(RecordTx& tx, const RecordId& record);

}  // namespace vault
