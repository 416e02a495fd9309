// What bip needs from outside. Card keys, by ICCID or PSK identity: called on workers only; may
// block up to their own deadline (an HSM). Two kinds of implementation of Keys: keys handed out and
// the cryptography done here (bip/key_crypto.h), or whole packets done by the host (plugin/). And
// the platform that carries channels.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
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
  // Nothing: no such card or key set, or the source failed (logged there).
  virtual std::optional<CardKeys> get(const vault::Iccid& iccid, std::uint8_t key_set) = 0;
};

// Pre-shared keys for TLS.
class PskSource {
 public:
  virtual ~PskSource() = default;
  // `identity` names a card: the ICCID's digits, optionally followed by '@' and a realm. Nothing:
  // no key for it, or the source failed (logged there). Of a usable key TlsPsk knows the sizes.
  virtual std::optional<base::Secret> get(std::string_view identity) = 0;
};

class Keys {
 public:
  virtual ~Keys() = default;

  struct Unwrapped {
    PacketStatus status = PacketStatus::cc_failed;  // por_ok: verified and deciphered
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

}  // namespace bip
