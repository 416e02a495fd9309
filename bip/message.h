// The messages inside the secured data (docs/protocol.md "Messages"): INS or result, then TLVs.
// Encode and decode in one place, used by the vault's side and by the card simulator; values are
// raw octets, their meaning is for the user. Pure, any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/secret.h"

namespace bip {

enum class Ins : std::uint8_t {
  report = 0x01,
  store_begin = 0x02,
  store_data = 0x03,
  store_end = 0x04,
  key_confirm = 0x05,
  fetch_begin = 0x06,
  fetch_data = 0x07,
  erase = 0x08,
  status = 0x09,
  fetch_report = 0x0A,
};

// Every TLV that a message can carry. A tag given twice: the first counts; unknown: skipped.
struct Fields {
  std::optional<std::array<std::uint8_t, 10>> iccid;       // 80
  std::optional<std::array<std::uint8_t, 10>> previous;    // 81
  base::Bytes number;                                      // 82 TON/NPI + BCD; empty: absent
  std::optional<base::Secret> key;                         // 83 ASCII digits
  std::optional<std::uint32_t> transaction;                // 84
  std::optional<std::uint32_t> total;                      // 85
  std::optional<std::uint32_t> offset;                     // 86
  std::optional<base::Bytes> data;                         // 87
  std::optional<std::array<std::uint8_t, 32>> digest;      // 88
  std::optional<std::uint8_t> attempts_left;               // 89
  std::optional<std::array<std::uint8_t, 7>> date;         // 8A
  std::optional<std::uint8_t> record_state;                // 8B
  std::optional<std::uint16_t> max_data;                   // 8C
  std::optional<std::uint8_t> key_state;                   // 8D
  std::optional<std::uint16_t> version;                    // 8E
  std::optional<std::array<std::uint16_t, 2>> counts;      // 8F
  std::optional<std::uint8_t> flags;                       // 90
  std::optional<base::Bytes> handset;                      // 91
  std::optional<std::uint8_t> origin;                      // 92
};

struct Message {
  std::uint8_t code = 0;  // INS of a command, result of a response
  Fields fields;
};

// Nothing: a length lies, or a known tag has a length it cannot have.
std::optional<Message> decode_message(base::View data);
base::Bytes encode_message(const Message& message);

}  // namespace bip
