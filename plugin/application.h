// The composition root: builds everything, owns it, starts and stops it. Reads like a parts list.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "base/counters.h"
#include "base/gate.h"
#include "base/guarded.h"
#include "base/result.h"
#include "base/seldom_log.h"
#include "base/thread.h"
#include "bip/carried_inbox.h"
#include "bip/gateway.h"
#include "bip/key_crypto.h"
#include "bip/wake_up.h"
#include "config/config.h"
#include "db/key_files.h"
#include "db/stores.h"
#include "plugin/alarms.h"
#include "plugin/card_keys_file.h"
#include "plugin/detail_records.h"
#include "plugin/fading_alarm.h"
#include "plugin/host.h"
#include "plugin/host_metrics.h"
#include "plugin/host_sms.h"
#include "plugin/metrics_endpoint.h"
#include "plugin/observed.h"
#include "plugin/sms_desk.h"
#include "vault/card_service.h"

namespace plugin {

// Calls come from one thread at a time, except observe() and inbox().
class Application {
 public:
  // Everything that a configuration must hold for this host; the reasons joined by newlines.
  static base::Result<config::Config> checked(const std::string& config_path, const Host& host);

  // Reads key files, takes the SQL driver; no thread, no socket, no database traffic.
  static base::Result<std::unique_ptr<Application>> build(const config::Config& config,
                                                          const Host& host);
  ~Application();

  base::Status start();
  // Whether the keys are those that the database was used with; it need not be there.
  base::Status keys_fit() const;
  base::Status reload(const config::Config& config);
  void drain();
  // False: a thread has not ended within the deadline; call again. After true nothing of start is
  // left: no thread, no descriptor.
  bool stop(std::int64_t deadline_ms);

  bip::CarriedInbox& inbox() { return inbox_; }
  // Any thread. Calls f with what the platform tells of messages; f calls nobody outside.
  template <class F>
  bv_status with_sms(F f) {
    const std::lock_guard lock(parts_mutex_);
    return host_sms_ == nullptr ? BV_E_STATE : f(*host_sms_);
  }
  Observed observe() const;

 private:
  Application(const config::Config& config, const Host& host);
  base::Status assemble();
  base::Status choose_keys();
  void choose_downlink_keys();
  base::Status open_stores();
  base::Status start_desk();
  base::Status start_metrics();
  std::string channels_text() const;
  base::Status start_details();
  struct Watch;
  void watch(const std::string& name);
  bool take_turn(Watch& watch, std::int64_t& next_beat);
  bool look_at_store(vault::Store& store, vault::InstanceRow& row);
  bool beat(vault::Store& store, vault::InstanceRow& row);
  bool note_store(const std::string& fault);
  bool rest_until(std::int64_t mono_ms);
  void look_at_hsm();
  void tell_last_figures();

  config::Config config_;
  const Host& host_;
  HostLog host_log_;
  base::SystemClock system_clock_;  // of the log: a laboratory may stop the host's
  base::SeldomLog log_{host_log_, system_clock_};
  HostClock clock_;
  base::Counters counters_;
  Alarms alarms_;
  // As long as the counters, from one start to the next.
  HostMetrics host_metrics_;
  FadingAlarm card_counters_{"bip.counter_blocked",
                             "a card's replay counter is exhausted or jumped beyond reason"};
  FadingAlarm downlinks_{"vault.downlinks_exhausted", "a card's downlink counter is used up"};
  std::unique_ptr<db::FileKeyRing> key_ring_;
  std::unique_ptr<CardKeysFile> keys_file_;  // laboratory only
  std::unique_ptr<bip::CardKeySource> key_source_;
  std::unique_ptr<bip::PskSource> psk_source_;
  std::unique_ptr<bip::Keys> keys_;
  std::unique_ptr<bip::DownlinkKeys> downlink_keys_;
  std::unique_ptr<bip::CardWakeUp> wake_up_;  // null: cards are not woken
  std::unique_ptr<vault::CardService> cards_;
  std::unique_ptr<DetailRecords> details_;  // null: not asked for
  HostPlatform platform_;
  bip::CarriedInbox inbox_;  // stopped, while no gateway listens

  // From start to stop: they hold descriptors even while nobody uses them.
  std::unique_ptr<vault::StoreFactory> stores_;
  std::unique_ptr<bip::Gateway> gateway_;
  std::unique_ptr<SmsDesk> desk_;             // null: no SMSC is configured
  HostSms* host_sms_ = nullptr;               // the desk's carrier, where the platform is it
  std::unique_ptr<MetricsEndpoint> metrics_;  // null: not asked for
  mutable std::mutex parts_mutex_;  // observe() against start and stop, which replace these three

  base::Gate watch_gate_;
  base::Guarded<std::string> store_fault_;  // empty: well
  base::Guarded<std::string> hsm_fault_;    // the same
  // Looks every five seconds whether the store is there and of the right schema, tells there how
  // this instance is, and keeps house. Last: it uses the rest.
  base::Thread watch_;
};

}  // namespace plugin
