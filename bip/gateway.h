// The card channels of the plugin: listeners, sessions, limits, workers. The only place in bip
// with sockets.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/counters.h"
#include "base/log.h"
#include "base/result.h"
#include "bip/carried_inbox.h"
#include "bip/details.h"
#include "bip/ports.h"
#include "bip/settings.h"
#include "vault/card_service.h"
#include "vault/ports.h"

namespace bip {

// Lifecycle calls come from one thread at a time (the host's main class), health() from any.
class Gateway {
 public:
  // All references outlive the gateway.
  struct Parts {
    Keys& keys;
    vault::CardService& cards;
    vault::StoreFactory& stores;
    const base::Clock& clock;
    base::Log& log;
    base::Counters& counters;
    PskSource* psks = nullptr;  // needed when Settings::tls_psk is given
    // Channels that a platform carries; both or neither.
    Platform* platform = nullptr;
    CarriedInbox* inbox = nullptr;
    DetailSink* details = nullptr;  // null: nobody wants them
  };
  Gateway(const Settings& settings, const Parts& parts);
  ~Gateway();

  // Opens the listeners, starts loop and workers. Fails for a taken port, not for a store that is
  // away: sessions are then answered `try later`.
  base::Status start();
  // New settings for new sessions. Listener addresses must be the same as at start.
  void reconfigure(const Settings& settings);
  // Closes the listeners; newcomers' BEGIN and REPORT are answered `try later`; transfers under
  // way may end. Returns at once.
  void drain();
  bool drained() const;  // no session left
  // Ends what is left and joins every thread. False: not joined within the deadline; call again.
  bool stop(std::int64_t deadline_ms);

  std::uint16_t tcp_port() const;  // 0: no such listener
  std::uint16_t tls_psk_port() const;
  std::uint16_t cat_tp_port() const;  // UDP

  struct Health {
    std::uint32_t sessions = 0;
    std::uint32_t proven = 0;  // of them, with a verified packet
    std::uint32_t jobs_queued = 0;
    std::uint32_t sessions_waiting = 0;
    std::uint64_t staging_bytes = 0;
    std::uint32_t cat_tp_links = 0;
    std::uint32_t cat_tp_half_open = 0;
    std::uint32_t carried = 0;  // channels that the platform carries
  };
  Health health() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bip
