#include "plugin/lifecycle.h"

namespace plugin {

namespace {

const char* name_of(State state) {
  switch (state) {
    case State::created:
      return "created";
    case State::ready:
      return "ready";
    case State::running:
      return "running";
    case State::draining:
      return "draining";
    case State::stopping:
      return "stopping";
    case State::failed:
      return "failed";
  }
  return "failed";
}

constexpr const char* kNoPath = "no path of a configuration was given";

}  // namespace

bv_status Lifecycle::wrong_state(const char* call, std::string& why) {
  if (state_ == State::created) host_.fetch_extensions();  // where to say it
  why = std::string(call) + ": not in state " + name_of(state_);
  HostLog(host_).warning("plugin.wrong_state", why);
  return BV_E_STATE;
}

bv_status Lifecycle::wrong_state(const char* call) {
  std::string why;
  return wrong_state(call, why);
}

void Lifecycle::set_state(State state) {
  const std::unique_lock lock(mutex_);
  state_ = state;
}

bv_status Lifecycle::init(const char* config_path, std::string& why) {
  if (config_path == nullptr) return why = kNoPath, BV_E_INVALID;
  if (state_ != State::created) return wrong_state("init", why);
  host_.fetch_extensions();
  auto config = Application::checked(config_path, host_);
  if (!config) {
    why = config.error();
    return BV_E_INVALID;
  }
  auto application = Application::build(*config, host_);
  if (!application) {
    why = application.error();
    return BV_E_INVALID;
  }
  const std::unique_lock lock(mutex_);
  application_ = application.take();
  state_ = State::ready;
  return BV_OK;
}

bv_status Lifecycle::start(std::string& why) {
  if (state_ != State::ready) return wrong_state("start", why);
  const base::Status started = application_->start();
  if (!started) {
    why = started.error();
    return BV_E_BUSY;
  }
  set_state(State::running);
  return BV_OK;
}

bv_status Lifecycle::reload(const char* config_path, std::string& why) {
  if (config_path == nullptr) return why = kNoPath, BV_E_INVALID;
  if (state_ != State::running) return wrong_state("reload", why);
  const auto config = Application::checked(config_path, host_);
  if (!config) {
    why = config.error();
    return BV_E_INVALID;
  }
  const base::Status reloaded = application_->reload(*config);
  if (!reloaded) {
    why = std::string(config_path) + ": " + reloaded.error();
    return BV_E_INVALID;
  }
  return BV_OK;
}

bv_status Lifecycle::drain(std::uint32_t) {
  if (state_ != State::running) return wrong_state("drain");
  application_->drain();
  set_state(State::draining);
  return BV_OK;
}

bv_status Lifecycle::stop(std::uint32_t deadline_ms) {
  const bool allowed = state_ == State::running || state_ == State::draining ||
                       state_ == State::stopping || state_ == State::failed;
  if (!allowed) return wrong_state("stop");
  const bool failed = state_ == State::failed;
  if (!failed) set_state(State::stopping);
  if (application_ != nullptr && !application_->stop(deadline_ms)) return BV_E_TIMEOUT;
  if (!failed) set_state(State::ready);
  return BV_OK;
}

bool Lifecycle::may_be_destroyed() const {
  return state_ == State::created || state_ == State::ready || state_ == State::failed;
}

bv_status Lifecycle::check(const char* config_path, std::string& why) {
  if (config_path == nullptr) return why = kNoPath, BV_E_INVALID;
  if (state_ == State::created) host_.fetch_extensions();
  const auto config = Application::checked(config_path, host_);
  if (!config) {
    why = config.error();
    return BV_E_INVALID;
  }
  const auto application = Application::build(*config, host_);
  if (!application) {
    why = application.error();
    return BV_E_INVALID;
  }
  if (const base::Status fit = (*application)->keys_fit(); !fit) {
    why = fit.error();
    return BV_E_INVALID;
  }
  return BV_OK;
}

std::string Lifecycle::health() const {
  const std::shared_lock lock(mutex_);
  if (application_ == nullptr) return std::string("{\"state\": \"") + name_of(state_) + "\"}";
  return health_json(application_->observe(), name_of(state_));
}

void Lifecycle::fail() noexcept {
  const std::unique_lock lock(mutex_);
  state_ = State::failed;
}

void Lifecycle::log_error(const std::string& text) {
  HostLog(host_).error("plugin.internal_failure", text);
}

}  // namespace plugin
