// CAT_TP PDUs (TS 102 127 clauses 5.6 to 5.12): one PDU is one UDP datagram. Values that refer to
// the octets which they were read from. Pure, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"

namespace bip {

namespace cat_tp {
inline constexpr std::uint8_t kSyn = 0x80, kAck = 0x40, kEack = 0x20, kRst = 0x10, kNul = 0x08,
                              kSeg = 0x04, kVersion = 0x03;  // first octet
inline constexpr std::size_t kHeader = 18;                   // without the variable area
inline constexpr std::size_t kSynHeader = 23;                // without identification data
inline constexpr std::size_t kRstHeader = 19;
inline constexpr std::uint16_t kLeastPdu = 23;  // smallest maximum PDU that a SYN may announce
inline constexpr std::size_t kMostIdentification = 232;
inline constexpr std::size_t kMostEacks = 118;
}  // namespace cat_tp

// Reason code of an RST (clause 5.10).
enum class CatTpReset : std::uint8_t {
  normal = 0,
  illegal_parameters = 1,
  temporarily_unable = 2,
  port_not_available = 3,
  unexpected_pdu = 4,
  retries_exceeded = 5,
  version_not_supported = 6,
};

struct CatTpPdu {
  std::uint8_t flags = 0;
  std::uint16_t source = 0;  // CAT_TP ports
  std::uint16_t destination = 0;
  std::uint16_t sequence = 0;
  std::uint16_t acknowledgement = 0;
  std::uint16_t window = 0;  // PDUs

  std::uint16_t max_pdu = 0;  // of a SYN; header included
  std::uint16_t max_sdu = 0;
  base::View identification;
  std::uint8_t reason = 0;  // of an RST
  base::View eacks;         // of an EACK: sequence numbers, two octets each
  base::View data;

  bool is(std::uint8_t flag) const { return (flags & flag) != 0; }
  std::uint8_t version() const { return flags & cat_tp::kVersion; }
  // Takes a sequence number, is acknowledged and sent again until it is.
  bool counted() const { return is(cat_tp::kSyn) || is(cat_tp::kNul) || !data.empty(); }
};

// Nothing: not a PDU (lengths, checksum, combination of flags). Of another version than 0 only
// ports and numbers are read; the caller looks at version(). An EACK without ACK counts as having
// it, since there are cards' peers that send it so.
std::optional<CatTpPdu> decode_cat_tp(base::View datagram);

// PDUs on their way out, in order, in one block of memory.
class CatTpOutput {
 public:
  // Identification, acknowledgements and data are copied; they must fit (see above, and FFFF).
  void add(const CatTpPdu& pdu);

  std::size_t count() const { return ends_.size(); }
  base::View operator[](std::size_t index) const;
  void clear();  // keeps the memory

 private:
  base::Bytes octets_;
  std::vector<std::size_t> ends_;
};

// Distance from b to a, modulo 65536: positive when a comes after b.
inline int cat_tp_distance(std::uint16_t a, std::uint16_t b) {
  return static_cast<std::int16_t>(static_cast<std::uint16_t>(a - b));
}

}  // namespace bip
