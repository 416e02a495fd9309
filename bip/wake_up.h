// What wakes a card by SMS, and the card's proof of receipt (docs/protocol.md section 5): a packet
// to the vault's applet, or PUSH (TS 102 226 clause 9).
#pragma once

#include <atomic>

#include "base/guarded.h"
#include "bip/ports.h"
#include "bip/settings.h"
#include "vault/sms_ports.h"

namespace bip {

// One thread at a time, but for reconfigure().
class CardWakeUp : public vault::WakeUp {
 public:
  CardWakeUp(const WakeUpSettings& settings, DownlinkKeys& keys)
      : settings_(settings), keys_(keys) {}

  void reconfigure(const WakeUpSettings& settings) {  // any thread
    settings_.with([&](WakeUpSettings& held) { held = settings; });
  }

  std::uint8_t key_set() const override { return settings().key_set; }
  // As its last packet has shown: nobody says so before.
  bool platform_counts() const override { return platform_counts_; }
  vault::WakeBuilt build(const vault::Iccid& card, vault::WakeReason reason, std::uint8_t key_set,
                         vault::Counter counter) override;
  base::Result<std::optional<vault::Por>> read_por(const vault::Iccid& card, std::uint8_t key_set,
                                                   base::View user_data) override;

 private:
  WakeUpSettings settings() const {
    return settings_.with([](const WakeUpSettings& held) { return held; });
  }

  base::Guarded<WakeUpSettings> settings_;
  DownlinkKeys& keys_;
  std::atomic<bool> platform_counts_{false};
};

// The secured data: 57 01 reason, for the applet.
base::Bytes applet_data(vault::WakeReason reason);
// The secured data: PUSH "BIP channel opening" and, for CAT_TP, "link establishment", as a compact
// script. Nothing: `server` is no address, or a field is too long for an APDU.
std::optional<base::Bytes> push_data(const WakeUpSettings& settings, const vault::Iccid& card);

// What is behind the user data header of a response packet (element 71, TS 31.115 clause 4).
// Nothing: it is none.
std::optional<base::View> response_in(base::View user_data);

}  // namespace bip
