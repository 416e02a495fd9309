// Secured packets of TS 102 225 (clauses 5.1, 5.2) and TS 31.115, encode and decode. Used by the
// vault's side and by the card simulator. Pure functions, any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.h"

namespace base {
class PacketCiphers;
}

namespace bip {

enum class Family : std::uint8_t { aes, des3 };  // KIc/KID low nibble 2 and 5 (clause 5.1.2)

// Response status (TS 102 225 table 5).
enum class PacketStatus : std::uint8_t {
  por_ok = 0x00,
  cc_failed = 0x01,
  counter_low = 0x02,
  counter_high = 0x03,
  counter_blocked = 0x04,
  ciphering_error = 0x05,
  security_error = 0x06,
  more_time = 0x08,
  tar_unknown = 0x09,
  insufficient_security = 0x0A,
};

// How lengths are coded and which octets the checksum covers differ by carrier (clause 1.8 of
// docs/protocol.md): BIP has packet identifier and BER lengths. In SMS a packet begins with CPL or
// RPL: the user data header is the caller's, but a response's CC covers the octets 02 71 00.
enum class Carrier : std::uint8_t { sms, bip };

// The clear part of a command packet.
struct CommandHead {
  std::array<std::uint8_t, 2> spi{};
  std::uint8_t kic = 0;
  std::uint8_t kid = 0;
  std::array<std::uint8_t, 3> tar{};

  bool has_cc() const { return (spi[0] & 0x03) == 0x02; }
  bool ciphered() const { return (spi[0] & 0x04) != 0; }
  std::uint8_t key_set() const { return static_cast<std::uint8_t>(kic >> 4); }
};

struct CommandPacket {
  CommandHead head;
  std::uint64_t counter = 0;
  base::Bytes data;
};
struct ResponsePacket {
  std::array<std::uint8_t, 3> tar{};
  std::uint64_t counter = 0;
  PacketStatus status = PacketStatus::por_ok;
  base::Bytes data;
  bool verified = false;  // set when it was read: it had a CC, and that was right
};

struct KeyView {
  base::View kic;
  base::View kid;
};

// The head alone: what can be read before any key is known. Nothing: malformed.
std::optional<CommandHead> read_command_head(Carrier carrier, base::View packet);

// Protects as head.spi[0] says (none, CC, ciphered); the family is the low nibble of KIc/KID.
std::optional<base::Bytes> wrap_command(Carrier carrier, const CommandPacket& packet,
                                        const KeyView& keys);
// Nothing: malformed, or the CC does not verify (compared in constant time).
std::optional<CommandPacket> unwrap_command(Carrier carrier, base::View packet,
                                            const KeyView& keys);
// On ciphers that the caller keeps for packets of the same keys.
std::optional<CommandPacket> unwrap_command(Carrier carrier, base::View packet, const KeyView& keys,
                                            base::PacketCiphers& ciphers);

// Response protected as the command's spi[1] says (b4b3 CC, b5 ciphered). Without keys only a
// clear one can be made.
std::optional<base::Bytes> wrap_response(Carrier carrier, const CommandHead& command,
                                         const ResponsePacket& packet, const KeyView& keys);
std::optional<base::Bytes> wrap_response(Carrier carrier, const CommandHead& command,
                                         const ResponsePacket& packet, const KeyView& keys,
                                         base::PacketCiphers& ciphers);
std::optional<ResponsePacket> unwrap_response(Carrier carrier, const CommandHead& command,
                                              base::View packet, const KeyView& keys);
// A clear response without CC, whatever the SPI asked: carries a negative status only.
base::Bytes clear_response(Carrier carrier, const std::array<std::uint8_t, 3>& tar,
                           std::uint64_t counter, PacketStatus status);

}  // namespace bip
