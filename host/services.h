// What this host offers to a plugin: bv.log/1, bv.alarm/1 (lines of the log), bv.ota-keys/1
// and bv.clock/1; bv.psk/1 when it has card keys, bv.bip/1 when it carries channels, bv.sms/1 when
// it carries messages.
#pragma once

#include <memory>
#include <string_view>

#include "base/clock.h"
#include "base/guarded.h"
#include "base/log.h"
#include "bipvault/plugin.h"
#include "host/card_keys.h"
#include "host/carrier.h"
#include "host/messenger.h"

namespace host {

// Must outlive the plugin. Every function may be called from any thread.
class Services {
 public:
  // `carrier`, `messenger`: null, or what carries channels and messages. Without pre-shared keys
  // bv.psk/1 is not offered, so that a plugin knows that it gets none.
  Services(base::Log& log, const base::Clock& clock, Carrier* carrier, Messenger* messenger,
           bool has_psks);
  Services(const Services&) = delete;
  Services& operator=(const Services&) = delete;

  const bv_host* table() const { return &host_; }
  void set_card_keys(CardKeys keys);

  bv_status card_key(const EfIccid& iccid, std::uint8_t key_set, bv_ota_key_set* out) const;
  bv_status card_psk(std::string_view identity, bv_buffer* out) const;
  base::Log& log() const { return log_; }
  const base::Clock& clock() const { return clock_; }
  Carrier* carrier() const { return carrier_; }
  Messenger* messenger() const { return messenger_; }
  bool has_psks() const { return has_psks_; }

 private:
  base::Log& log_;
  const base::Clock& clock_;
  Carrier* const carrier_;
  Messenger* const messenger_;
  const bool has_psks_;
  base::Guarded<CardKeys> keys_;
  bv_host host_{};
};

}  // namespace host
