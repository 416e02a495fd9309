// The plugin's states and who may be called in which (plugin.h), around an Application.
#pragma once

#include <atomic>
#include <memory>
#include <shared_mutex>
#include <string>

#include "bipvault/plugin.h"
#include "plugin/application.h"
#include "plugin/host.h"

namespace plugin {

enum class State { created, ready, running, draining, stopping, failed };

// Lifecycle calls come one at a time; health() and with_inbox() from any thread at any time.
class Lifecycle {
 public:
  explicit Lifecycle(const bv_host* host) : host_(host) {}

  bv_status init(const char* config_path, std::string& why);
  bv_status start(std::string& why);
  bv_status reload(const char* config_path, std::string& why);
  bv_status drain(std::uint32_t deadline_ms);
  bv_status stop(std::uint32_t deadline_ms);
  bool may_be_destroyed() const;
  bv_status check(const char* config_path, std::string& why);
  std::string health() const;
  // Any thread. Calls f with the inbox of carried channels.
  template <class F>
  bv_status with_inbox(F f) {
    const std::shared_lock lock(mutex_);
    if (application_ == nullptr) return BV_E_STATE;
    if (host_.bip() == nullptr) return BV_E_UNSUPPORTED;
    return f(application_->inbox());
  }
  // Any thread. Calls f with what the platform tells of messages.
  template <class F>
  bv_status with_sms(F f) {
    const std::shared_lock lock(mutex_);
    return application_ == nullptr ? BV_E_STATE : application_->with_sms(f);
  }
  // After an exception that nobody expected.
  void fail() noexcept;
  void log_error(const std::string& text);

 private:
  void set_state(State state);
  bv_status wrong_state(const char* call, std::string& why);
  bv_status wrong_state(const char* call);  // nobody is to be told but the log

  Host host_;
  mutable std::shared_mutex mutex_;  // health() against the calls that replace application_
  std::atomic<State> state_{State::created};  // fail() comes from any thread
  std::unique_ptr<Application> application_;
};

}  // namespace plugin
