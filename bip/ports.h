// What bip needs from outside. Card keys, by ICCID or PSK identity: called on workers only; may
// block up to their own deadline (an HSM). Two kinds of implementation of Keys: keys handed out and
// the cryptography done here (bip/key_crypto.h), or whole packets done by the host (plugin/). And
// the platform that carries channels.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"
#include "bip/secured_packet.h"
#include "vault/types.h"

namespace bip {

enum class Transport : std::uint8_t { sms = 0, tcp = 1, cat_tp = 2 };

// OTA keys of one card and key set.
struct CardKeys {
  Family family = Family::aes;
  base::Secret kic;
  base::Secret kid;
};

class CardKeySource {
 public:
  virtual ~CardKeySource() = default;
  // Nothing: no such card or key set. An error: the source failed, and has logged it.
  virtual base::Result<std::optional<CardKeys>> get(const vault::Iccid& iccid,
                                                    std::uint8_t key_set) = 0;
};

// Pre-shared keys for TLS.
class PskSource {
 public:
  virtual ~PskSource() = default;
  // `identity` names a card: the ICCID's digits, optionally followed by '@' and a realm. Nothing:
  // no key for it. An error: the source failed, and has logged it. Of a usable key TlsPsk knows the
  // sizes.
  virtual base::Result<std::optional<base::Secret>> get(std::string_view identity) = 0;
};

class Keys {
 public:
  virtual ~Keys() = default;

  struct Unwrapped {
    PacketStatus status = PacketStatus::cc_failed;  // por_ok: verified and deciphered
    bool keys_away = false;  // their source failed, and has logged it: the packet may be good
    base::Bytes data;
    std::uint64_t counter = 0;  // deciphered CNTR; only with por_ok
  };
  // `packet` is a whole command packet whose clear head was already read and accepted.
  virtual Unwrapped unwrap_command(const vault::Iccid& iccid, Transport transport,
                                   const CommandHead& head, base::View packet) = 0;
  // A response packet protected as the command's SPI second octet asks.
  virtual std::optional<base::Bytes> wrap_response(const vault::Iccid& iccid, Transport transport,
                                                   const CommandHead& head, std::uint64_t counter,
                                                   PacketStatus status, base::View data) = 0;
  // The same for packets of one card that are dealt with together, by one thread: its keys are
  // asked for once. Not longer than these. Null: nothing would be gained.
  virtual std::unique_ptr<Keys> together() { return nullptr; }
};

// A platform that carries channels and hears of them from CarriedInbox. Called on the loop's
// thread, with no lock held; never blocks.
class Platform {
 public:
  virtual ~Platform() = default;

  enum class Sent { taken, busy, lost };
  // `busy`: nothing was taken, the inbox tells when there is room. `lost`: nobody can be reached.
  virtual Sent send(std::uint64_t channel, base::View answer) = 0;
  virtual void close(std::uint64_t channel) = 0;
  virtual void pause(std::uint64_t channel) = 0;
  virtual void resume(std::uint64_t channel) = 0;
};

// How a packet to a card by SMS is protected. KIc and KID name `key_set` and, where the keys do not
// say it themselves, `family`.
struct Downlink {
  std::array<std::uint8_t, 2> spi{};
  std::array<std::uint8_t, 3> tar{};
  std::uint8_t key_set = 1;
  Family family = Family::aes;
};

// Packets to cards by SMS and their answers; two kinds of implementation as of Keys. Called on one
// thread of ours; may block up to its own deadline.
class DownlinkKeys {
 public:
  virtual ~DownlinkKeys() = default;

  struct Wrapped {
    enum class Kind : std::uint8_t { done, no_keys, failed };  // failed: later, perhaps
    Kind kind = Kind::failed;
    base::Bytes packet;         // from its CPL on
    std::uint64_t counter = 0;  // the one used
    bool host_counts = false;   // it is the platform's own, not the one that was given
  };
  virtual Wrapped wrap_downlink(const vault::Iccid& iccid, const Downlink& how,
                                std::uint64_t counter, base::View data) = 0;
  // `packet` from its RPL on. Nothing: no response packet, or its CC is wrong; an error: the keys
  // are away. What is not `verified` is a refusal in clear, which anybody may have sent.
  using Answer = std::optional<ResponsePacket>;
  virtual base::Result<Answer> unwrap_downlink_answer(const vault::Iccid& iccid,
                                                      const Downlink& how, base::View packet) = 0;
};

// The clear head of such a packet: KIc and KID name the same key set and algorithm.
inline CommandHead head_of(const Downlink& how, Family family) {
  CommandHead head;
  head.spi = how.spi;
  head.tar = how.tar;
  head.kic = head.kid =
      static_cast<std::uint8_t>(how.key_set << 4 | (family == Family::aes ? 0x02 : 0x05));
  return head;
}

}  // namespace bip
