#include "plugin/application.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "db/key_checks.h"
#include "plugin/card_keys_file.h"
#include "smsc/esme.h"

namespace plugin {

namespace {

constexpr std::int64_t kGiveUpMs = 10 * base::kSecondMs;

base::Status load_password(const std::string& path, smsc::Password& password) {
  if (path.empty()) return {};
  auto content = db::read_secret_file(path);
  if (!content) return base::Error{content.error()};
  password = std::make_shared<const base::Secret>(content.take());
  return {};
}

base::Status load_passwords(config::Config& config) {
  for (config::Smsc& smsc : config.smscs) {
    smsc::Settings& s = smsc.settings;
    if (auto got = load_password(s.password_file, s.password); !got) return got;
    if (auto got = load_password(s.receiver_password_file, s.receiver_password); !got) return got;
  }
  return {};
}

// What their start would refuse, all of it.
base::Status can_be_started(const config::Config& config) {
  std::string text;
  for (const config::Smsc& smsc : config.smscs) {
    const base::Status good = smsc::Esme::check(smsc.settings);
    if (!good) text += base::cat(text.empty() ? "" : "\n", good.error());
  }
  return text.empty() ? base::Status() : base::Status(base::Error{text});
}

std::string machine_name() {
  char name[65] = {};
  return ::gethostname(name, sizeof name - 1) == 0 && name[0] != 0 ? name : "localhost";
}

std::string instance_name(const config::Config& config) {
  return config.instance.empty() ? machine_name() : config.instance;
}

SmsDesk::Settings desk_settings(const config::Config& config) {
  SmsDesk::Settings settings;
  for (const config::Smsc& smsc : config.smscs) settings.smscs.push_back(smsc.settings);
  settings.common = config.smsc_common;
  settings.reminder = config.reminder;
  settings.policy = config.vault;
  settings.instance = instance_name(config);
  return settings;
}

}  // namespace

Application::Application(const config::Config& config, const Host& host)
    : config_(config),
      host_(host),
      host_log_(host),
      clock_(host, log_),
      alarms_(host),
      host_metrics_(host),
      platform_(host) {}

Application::~Application() {
  while (!stop(kGiveUpMs)) {
  }
}

base::Result<std::unique_ptr<Application>> Application::build(const config::Config& config,
                                                              const Host& host) {
  std::unique_ptr<Application> application(new Application(config, host));
  const base::Status assembled = application->assemble();
  if (!assembled) return base::Error{assembled.error()};
  return application;
}

base::Status Application::assemble() {
  auto key_ring = db::FileKeyRing::load(config_.keys);
  if (!key_ring) return base::Error{key_ring.error()};
  key_ring_ = key_ring.take();
  key_ring_->master_keys().release();  // until start
  if (const base::Status stores = open_stores(); !stores) return stores;
  if (const base::Status keys = choose_keys(); !keys) return keys;
  choose_downlink_keys();
  if (const base::Status passwords = load_passwords(config_); !passwords) return passwords;
  if (const base::Status smscs = can_be_started(config_); !smscs) return smscs;
  cards_ = std::make_unique<vault::CardService>(config_.vault, *key_ring_, log_, counters_);
  return {};
}

// In a thread that takes no signals, as everything else that talks to a database. The host's own
// thread waits for it: not long.
base::Status Application::keys_fit() const {
  constexpr std::int64_t kNotLong = base::kSecondMs;
  db::Settings brief = config_.store;
  brief.connect_timeout_ms = std::min(brief.connect_timeout_ms, kNotLong);
  brief.query_timeout_ms = std::min(brief.query_timeout_ms, kNotLong);
  std::string text;
  base::Thread look;
  const bool begun = look.start("bv-check", [&] {
    for (const db::KeyFault& fault : db::foreign_keys(brief, *key_ring_)) {
      text += base::cat(text.empty() ? "" : "\n", "[keys] ", fault.key, ": ", fault.text);
    }
  });
  if (!begun) return base::Error{"the system gives no thread"};
  look.join();
  key_ring_->master_keys().release();
  return text.empty() ? base::Status() : base::Status(base::Error{text});
}

base::Status Application::open_stores() {
  auto stores = db::make_store_factory(config_.store, *key_ring_, log_, counters_);
  if (!stores) return base::Error{stores.error()};
  stores_ = stores.take();
  return {};
}

base::Status Application::choose_keys() {
  const bool packets = host_.ota_crypto() != nullptr;
  const bool keys = packets || host_.ota_keys() != nullptr;
  const bool psks = host_.psk() != nullptr || config_.bip.tls_psk.empty();
  if (!keys || !psks) {
    auto file = CardKeysFile::load(config_.card_keys);
    if (!file) return base::Error{file.error()};
    keys_file_ = file.take();
    log_.warning("plugin.laboratory_keys", "card keys come from a file: for laboratories only");
  }
  if (host_.psk() != nullptr) psk_source_ = std::make_unique<HostPskSource>(host_, log_);
  if (packets) {
    keys_ = std::make_unique<HostCrypto>(host_, log_);
    return {};
  }
  if (keys && key_source_ == nullptr) key_source_ = std::make_unique<HostKeySource>(host_, log_);
  keys_ = std::make_unique<bip::KeyCrypto>(keys ? *key_source_ : *keys_file_);
  return {};
}

void Application::choose_downlink_keys() {
  if (!config_.has_sms() || config_.wake_up.mode == bip::WakeMode::off) return;
  if (host_.makes_downlink()) {
    downlink_keys_ = std::make_unique<HostCrypto>(host_, log_);
  } else if (host_.ota_keys() != nullptr) {
    if (key_source_ == nullptr) key_source_ = std::make_unique<HostKeySource>(host_, log_);
    downlink_keys_ = std::make_unique<bip::KeyCrypto>(*key_source_);
  } else if (host_.ota_crypto() == nullptr) {
    downlink_keys_ = std::make_unique<bip::KeyCrypto>(*keys_file_);
  } else {
    return log_.warning("plugin.no_wake_up",
                        "cards are not woken: bv.ota-crypto/1 has no wrap_command or no "
                        "unwrap_response, and there is no bv.ota-keys/1");
  }
  wake_up_ = std::make_unique<bip::CardWakeUp>(config_.wake_up, *downlink_keys_);
}

base::Status Application::start() {
  if (stores_ == nullptr) {
    if (const base::Status stores = open_stores(); !stores) return stores;
  }
  if (const base::Status details = start_details(); !details) return details;
  auto gateway = std::make_unique<bip::Gateway>(
      config_.bip, bip::Gateway::Parts{*keys_, *cards_, *stores_, clock_, log_, counters_,
                                       psk_source_ ? psk_source_.get() : keys_file_.get(),
                                       host_.bip() != nullptr ? &platform_ : nullptr,
                                       host_.bip() != nullptr ? &inbox_ : nullptr, details_.get()});
  if (const base::Status started = gateway->start(); !started) {
    details_.reset();
    return started;
  }
  {
    const std::lock_guard lock(parts_mutex_);
    gateway_ = std::move(gateway);
  }
  watch_gate_.reopen();
  base::Status rest = start_metrics();  // before the desk, whose stop may wait for the store
  if (rest) rest = start_desk();
  if (rest && !watch_.start("bv-watch", [this, name = instance_name(config_)] { watch(name); })) {
    rest = base::Error{"the system gives no thread"};
  }
  if (!rest) {
    stop(kGiveUpMs);
    return rest;
  }
  log_.info("plugin.running", base::cat("running; card channels: ", channels_text()));
  return {};
}

std::string Application::channels_text() const {
  const std::pair<const char*, std::uint16_t> listeners[] = {
      {"TCP", gateway_->tcp_port()},
      {"TLS-PSK on TCP", gateway_->tls_psk_port()},
      {"CAT_TP on UDP", gateway_->cat_tp_port()}};
  std::string text;
  for (const auto& [channel, port] : listeners) {
    if (port != 0) text += base::cat(text.empty() ? "" : ", ", channel, " port ", port);
  }
  if (host_.bip() != nullptr) {
    text += base::cat(text.empty() ? "" : ", ", "carried by the platform");
  }
  return text;
}

base::Status Application::start_details() {
  if (config_.detail_records.directory.empty()) return {};
  details_ = std::make_unique<DetailRecords>(
      config_.detail_records, instance_name(config_),
      DetailRecords::Parts{clock_, log_, counters_, [this](const std::string& text) {
                             alarms_.set("detail_records", text, BV_ALARM_WARNING);
                           }});
  return details_->start();
}

base::Status Application::start_desk() {
  if (!config_.has_sms()) return {};
  HostSms* host_sms = nullptr;
  std::function<std::unique_ptr<SmsCarrier>(SmsInbox&)> carrier;
  if (config_.sms_by_host) {
    carrier = [&](SmsInbox& inbox) {
      auto made = std::make_unique<HostSms>(host_, log_, inbox);
      host_sms = made.get();
      return made;
    };
  }
  auto desk = std::make_unique<SmsDesk>(
      desk_settings(config_),
      SmsDesk::Parts{*stores_, wake_up_.get(), clock_, log_, counters_,
                     [this](const std::string& smsc, const std::string& text) {
                       alarms_.set("smsc." + smsc, text);
                     },
                     carrier});
  const auto listen = [this](HostSms* carrier_of_desk) {
    const std::lock_guard lock(parts_mutex_);
    host_sms_ = carrier_of_desk;
  };
  listen(host_sms);  // before the desk hands the platform anything: it may answer from inside
  if (base::Status started = desk->start(); !started) {
    listen(nullptr);
    return started;
  }
  const std::lock_guard lock(parts_mutex_);
  desk_ = std::move(desk);
  return {};
}

base::Status Application::start_metrics() {
  if (config_.metrics_listen.empty()) return {};
  auto metrics =
      std::make_unique<MetricsEndpoint>([this] { return metrics_text(observe()); }, log_);
  if (base::Status started = metrics->start(config_.metrics_listen); !started) return started;
  const std::lock_guard lock(parts_mutex_);
  metrics_ = std::move(metrics);
  return {};
}

void Application::drain() {
  gateway_->drain();
  if (desk_ != nullptr) desk_->drain();
}

base::Status Application::reload(const config::Config& config) {
  const std::vector<std::string> fixed = config::not_reloadable(config_, config);
  if (!fixed.empty()) {
    std::string names;
    for (const std::string& name : fixed) names += (names.empty() ? "" : ", ") + name;
    return base::Error{"needs a restart: " + names};
  }
  config::Config wanted = config;
  if (base::Status passwords = load_passwords(wanted); !passwords) return passwords;
  config_ = std::move(wanted);
  cards_->set_policy(config_.vault);
  gateway_->reconfigure(config_.bip);
  if (wake_up_ != nullptr) wake_up_->reconfigure(config_.wake_up);
  if (desk_ != nullptr) desk_->reconfigure(config_.reminder, config_.vault);
  log_.info("plugin.reloaded", "configuration reloaded");
  return {};
}

// What has come since the watch told them last.
void Application::tell_last_figures() {
  if (gateway_ == nullptr) return;
  try {
    host_metrics_.publish(observe());
  } catch (...) {  // out of memory: nothing of a stop hangs on them
  }
}

bool Application::stop(std::int64_t deadline_ms) {
  const std::int64_t began = base::SystemClock().now().mono_ms;  // the host's clock may stand still
  watch_gate_.close();
  if (gateway_ != nullptr && !gateway_->stop(deadline_ms)) return false;
  const auto left = [&] {
    return std::max<std::int64_t>(began + deadline_ms - base::SystemClock().now().mono_ms, 0);
  };
  if (desk_ != nullptr && !desk_->stop(left())) return false;
  if (!watch_gate_.empty_within(std::chrono::milliseconds(left()))) return false;
  watch_.join();
  if (details_ != nullptr && !details_->stop(left())) return false;  // after the last card
  tell_last_figures();
  std::unique_ptr<bip::Gateway> gateway;
  std::unique_ptr<SmsDesk> desk;
  std::unique_ptr<MetricsEndpoint> metrics;
  {
    const std::lock_guard lock(parts_mutex_);
    gateway = std::move(gateway_);
    desk = std::move(desk_);
    host_sms_ = nullptr;
    metrics = std::move(metrics_);
  }
  metrics.reset();
  desk.reset();
  gateway.reset();
  details_.reset();
  stores_.reset();
  if (key_ring_ != nullptr) key_ring_->master_keys().release();
  alarms_.clear_all();
  return true;
}

Observed Application::observe() const {
  Observed observed;
  bip::Gateway::Health gateway;
  {
    const std::lock_guard lock(parts_mutex_);
    if (gateway_ != nullptr) {
      gateway = gateway_->health();
      observed.ports = {{"tcp", gateway_->tcp_port()},
                        {"tls_psk", gateway_->tls_psk_port()},
                        {"cat_tp", gateway_->cat_tp_port()}};
    }
    if (desk_ != nullptr) observed.smscs = desk_->state();
    if (metrics_ != nullptr) observed.ports.emplace_back("metrics", metrics_->port());
  }
  std::erase_if(observed.ports, [](const auto& port) { return port.second == 0; });
  observed.alarms = alarms_.raised();
  observed.gauges = gauges_of(gateway, observed.smscs, observed.alarms.size());
  observed.store_fault = store_fault_.with([](const std::string& text) { return text; });
  if (key_ring_->master_keys().has_token()) {
    observed.hsm_fault = hsm_fault_.with([](const std::string& text) { return text; });
  }
  observed.log_lines_dropped = host_log_.dropped();
  observed.counters = counters_.snapshot();
  observed.durations = counters_.durations();
  return observed;
}

}  // namespace plugin
