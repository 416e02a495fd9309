// The host as the plugin sees it: the C tables behind C++ ports, every pointer checked, every call
// guarded. Only this file knows that structs of the border may be older and shorter than ours.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/guarded.h"
#include "base/log.h"
#include "bipvault/ext/alarm.h"
#include "bipvault/ext/bip.h"
#include "bipvault/ext/clock.h"
#include "bipvault/ext/log.h"
#include "bipvault/ext/metrics.h"
#include "bipvault/ext/ota_crypto.h"
#include "bipvault/ext/ota_keys.h"
#include "bipvault/ext/psk.h"
#include "bipvault/ext/sms.h"
#include "bipvault/plugin.h"
#include "bip/ports.h"

namespace plugin {

// Copies the host's struct into the newest shape at once. The host outlives this object.
class Host {
 public:
  // Why a host cannot be served; nothing: it can.
  static std::optional<std::string> refusal(const bv_host* host);
  explicit Host(const bv_host* host);

  const bv_host* handle() const { return handle_; }
  // Fetches the extension tables: not before the first call, since create may not call the host.
  void fetch_extensions();

  const bv_log_1* log() const { return log_; }
  const bv_clock_1* clock() const { return clock_; }
  const bv_ota_keys_1* ota_keys() const { return keys_; }
  const bv_ota_crypto_1* ota_crypto() const { return crypto_; }
  const bv_psk_1* psk() const { return psk_; }
  const bv_bip_1* bip() const { return bip_; }
  const bv_metrics_1* metrics() const { return metrics_; }
  const bv_sms_1* sms() const { return sms_; }
  // Only with sms().
  bv_status sms_submit(const bv_sms_message& message) const;
  std::uint32_t sms_room() const;
  void sms_kept(std::uint64_t id, bv_status status) const;
  // What the host throws is its own affair. Any thread. An empty text: it is over.
  void alarm(const std::string& id, const std::string& text, std::int32_t severity) const;
  // Only with metrics().
  std::uint64_t define_metric(const std::string& name, int kind, const std::string& help) const;
  void add_metric(std::uint64_t handle, std::int64_t amount) const;
  void set_metric(std::uint64_t handle, std::int64_t value) const;
  // bv.ota-crypto/1 has the functions by which cards are woken, which are not needed otherwise.
  bool makes_downlink() const {
    return crypto_ != nullptr && crypto_->wrap_command != nullptr &&
           crypto_->unwrap_response != nullptr;
  }

 private:
  template <class Table>
  const Table* table(const char* id) const;

  const bv_host* handle_;
  bv_host host_{};
  const bv_log_1* log_ = nullptr;
  const bv_clock_1* clock_ = nullptr;
  const bv_ota_keys_1* keys_ = nullptr;
  const bv_ota_crypto_1* crypto_ = nullptr;
  const bv_psk_1* psk_ = nullptr;
  const bv_bip_1* bip_ = nullptr;
  const bv_alarm_1* alarm_ = nullptr;
  const bv_metrics_1* metrics_ = nullptr;
  const bv_sms_1* sms_ = nullptr;
};

// Any thread. Without bv.log/1 the lines are dropped and counted.
class HostLog : public base::Log {
 public:
  explicit HostLog(const Host& host) : host_(host) {}
  void write(base::Severity severity, std::string_view id, std::string_view text) override;
  std::uint64_t dropped() const { return dropped_; }

 private:
  const Host& host_;
  std::atomic<std::uint64_t> dropped_{0};
};

// Any thread. Without bv.clock/1 the system's clocks. While a host's clock fails, both go on from
// where it left them; when its monotonic clock jumps back, ours stands and then goes on with it.
class HostClock : public base::Clock {
 public:
  HostClock(const Host& host, base::Log& log) : host_(host), log_(log) {}
  base::Now now() const override;

 private:
  struct Track {
    base::Now ahead;             // of the system's clocks, as last heard
    std::int64_t shift = 0;      // what jumps back have cost
    std::int64_t last_mono = 0;  // never less than this
    bool failing = false;
  };
  bool ask(base::Now& now) const;

  const Host& host_;
  base::Log& log_;
  base::SystemClock system_;
  mutable base::Guarded<Track> track_;
};

// Workers only.
class HostKeySource : public bip::CardKeySource {
 public:
  HostKeySource(const Host& host, base::Log& log) : host_(host), log_(log) {}
  base::Result<std::optional<bip::CardKeys>> get(const vault::Iccid& iccid,
                                                 std::uint8_t key_set) override;

 private:
  const Host& host_;
  base::Log& log_;
};

// Workers only.
class HostPskSource : public bip::PskSource {
 public:
  HostPskSource(const Host& host, base::Log& log) : host_(host), log_(log) {}
  base::Result<std::optional<base::Secret>> get(std::string_view identity) override;

 private:
  const Host& host_;
  base::Log& log_;
};

// Whole packets in the host, for example in an HSM. Workers only; the downlink functions on the
// thread of the SMS desk, where the host has both of them (Host::makes_downlink).
class HostCrypto : public bip::Keys, public bip::DownlinkKeys {
 public:
  HostCrypto(const Host& host, base::Log& log) : host_(host), log_(log) {}
  Unwrapped unwrap_command(const vault::Iccid& iccid, bip::Transport transport,
                           const bip::CommandHead& head, base::View packet) override;
  std::optional<base::Bytes> wrap_response(const vault::Iccid& iccid, bip::Transport transport,
                                           const bip::CommandHead& head, std::uint64_t counter,
                                           bip::PacketStatus status, base::View data) override;
  Wrapped wrap_downlink(const vault::Iccid& iccid, const bip::Downlink& how, std::uint64_t counter,
                        base::View data) override;
  base::Result<Answer> unwrap_downlink_answer(const vault::Iccid& iccid, const bip::Downlink& how,
                                              base::View packet) override;

 private:
  const Host& host_;
  base::Log& log_;
};

// A host that carries channels. The gateway's loop only. A host that fails has lost the channel.
class HostPlatform : public bip::Platform {
 public:
  explicit HostPlatform(const Host& host) : host_(host) {}
  Sent send(std::uint64_t channel, base::View answer) override;
  void close(std::uint64_t channel) override;
  void pause(std::uint64_t channel) override;
  void resume(std::uint64_t channel) override;

 private:
  const Host& host_;
};

}  // namespace plugin
