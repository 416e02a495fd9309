#include "host/runner.h"

#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <memory>
#include <utility>

#include "bipvault/ext/check.h"
#include "bipvault/ext/health.h"
#include "host/json.h"
#include "host/library.h"
#include "host/ports_file.h"
#include "host/services.h"

namespace host {

namespace {

using base::cat;

constexpr std::uint32_t kStopDeadlineMs = 10'000;
constexpr int kStopTries = 3;
constexpr std::int64_t kDrainPollMs = 50;
constexpr std::size_t kLargestHealth = 4 * 1024 * 1024;

sigset_t our_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (int number : {SIGHUP, SIGTERM, SIGINT, SIGUSR1}) sigaddset(&set, number);
  return set;
}

// The next signal, or 0 when none came in time. Negative: waits without end.
int next_signal(std::int64_t timeout_ms) {
  const sigset_t set = our_signals();
  for (;;) {
    int number = 0;
    if (timeout_ms < 0) {
      number = sigwaitinfo(&set, nullptr);
    } else {
      const timespec timeout{timeout_ms / 1000, timeout_ms % 1000 * 1'000'000};
      number = sigtimedwait(&set, nullptr, &timeout);
    }
    if (number > 0) return number;
    if (errno == EAGAIN) return 0;
    if (errno != EINTR) return SIGTERM;
  }
}

const char* signal_name(int number) { return number == SIGINT ? "SIGINT" : "SIGTERM"; }

class Runner {
 public:
  Runner(const Settings& settings, base::Log& log, const base::Clock& clock,
         std::function<void()> reopen_log = {})
      : settings_(settings),
        log_(log),
        reopen_log_(std::move(reopen_log)),
        carrier_(log),
        messenger_(log, clock),
        services_(log, clock, settings.carry_bip ? &carrier_ : nullptr,
                  settings.carry_sms ? &messenger_ : nullptr, !settings.card_keys.empty()) {}

  ~Runner() {
    if (plugin_ != nullptr) plugin_->destroy(plugin_);
  }

  // The plugin did not stop: nothing of this may go while the process is there.
  bool stuck() const { return stuck_; }
  ExitCode run() {
    ports_file_.begin();
    if (!load_card_keys() || !open_carrier() || !open_messenger() || !ready()) return failure_;
    if (!call("init", [&](bv_buffer* why) {
          return plugin_->init(plugin_, settings_.plugin_config.c_str(), why);
        })) {
      return kFailed;
    }
    if (!call("start", [&](bv_buffer* why) { return plugin_->start(plugin_, why); })) {
      return kFailed;
    }
    const bool ports = carry() && carry_sms() && write_ports();
    if (ports) {
      log_.info("host.started", "started");
      serve();
    }
    const bool stopped = stop();
    ports_file_.remove();
    if (!stopped) return kFailed;
    plugin_->destroy(std::exchange(plugin_, nullptr));
    log_.info("host.ended", "ended");
    return ports ? kDone : kFailed;
  }

  ExitCode check(std::vector<std::string>& faults) {
    if (!settings_.card_keys.empty()) {
      const auto keys = CardKeys::load(settings_.card_keys);
      if (const auto* wrong = std::get_if<CardKeys::Faults>(&keys)) {
        for (const std::string& line : wrong->lines) faults.push_back("card_keys: " + line);
      }
    }
    std::string why;
    if (!load(why)) {
      faults.push_back(why);
      return failure_;
    }
    const auto* checker =
        static_cast<const bv_check_1*>(plugin_->get_extension(plugin_, BV_EXT_CHECK));
    if (checker == nullptr) {
      faults.push_back("the plugin offers no check (bv.check/1)");
      return kFailed;
    }
    Why found;
    const bv_status status = checker->check(plugin_, settings_.plugin_config.c_str(), found.out());
    if (status != BV_OK) {
      faults.push_back(found.text().empty() ? "check: " + status_name(status) : found.text());
    }
    return faults.empty() ? kDone : kFailed;
  }

 private:
  bool load(std::string& why) {
    failure_ = kRefused;
    auto library = Library::load(settings_.plugin);
    if (!library) {
      why = cat("plugin ", settings_.plugin, " refused: ", library.error());
      return false;
    }
    const bv_entry& entry = library->entry();
    name_ = cat(entry.name, " ", entry.version, " of ", entry.vendor);
    bv_plugin* made = entry.create(services_.table());
    const std::string fault = plugin_fault(made);
    if (!fault.empty()) {
      why = cat("plugin ", settings_.plugin, " (", name_, ") refused: ", fault);
      return false;
    }
    plugin_ = made;
    failure_ = kFailed;
    return true;
  }

  bool ready() {
    std::string why;
    if (!load(why)) {
      log_.error("host.plugin_refused", why);
      return false;
    }
    log_.info("host.plugin_loaded", cat("loaded ", name_, " from ", settings_.plugin));
    return true;
  }

  bool load_card_keys() {
    if (settings_.card_keys.empty()) return log_.warning("host.no_card_keys", kNoCardKeys), true;
    auto keys = CardKeys::load(settings_.card_keys);
    if (const auto* faults = std::get_if<CardKeys::Faults>(&keys)) {
      for (const std::string& line : faults->lines) {
        log_.error("host.card_keys_wrong", cat("card_keys ", settings_.card_keys, ": ", line));
      }
      return false;
    }
    CardKeys& good = std::get<CardKeys>(keys);
    log_.info("host.card_keys", cat("card keys: ", good.size(), " key sets"));
    services_.set_card_keys(std::move(good));
    return true;
  }

  template <class F>
  bool call(const char* name, F f) {
    Why why;
    const bv_status status = f(why.out());
    if (status == BV_OK) return true;
    log_refusal(cat(name, " refused: ", status_name(status)), why.text());
    return false;
  }

  // A plugin may name several faults of its configuration, one a line.
  void log_refusal(const std::string& what, std::string_view faults) {
    if (faults.empty()) log_.error("host.call_refused", what);
    while (!faults.empty()) {
      const std::size_t end = std::min(faults.find('\n'), faults.size());
      if (end > 0) log_.error("host.call_refused", cat(what, ": ", faults.substr(0, end)));
      faults.remove_prefix(std::min(end + 1, faults.size()));
    }
  }

  // Empty when the plugin does not tell.
  std::string health() {
    const auto* extension =
        static_cast<const bv_health_1*>(plugin_->get_extension(plugin_, BV_EXT_HEALTH));
    if (extension == nullptr) return {};
    std::string memory(16 * 1024, '\0');
    for (int i = 0; i < 4; ++i) {
      bv_buffer out{reinterpret_cast<std::uint8_t*>(memory.data()), memory.size(), 0};
      const bv_status status = extension->snapshot(plugin_, &out);
      if (status == BV_OK) {
        memory.resize(std::min(out.size, memory.size()));
        memory.resize(std::min(memory.find('\0'), memory.size()));
        return memory;
      }
      if (status != BV_E_TOO_SMALL || out.size > kLargestHealth) return {};
      // It may grow until it is asked again.
      memory.resize(out.size + 1024);
    }
    return {};
  }

  bool open_carrier() {
    if (!settings_.carry_bip) return true;
    const base::Status opened = carrier_.open(settings_.carry_bip_address);
    if (!opened) log_.error("host.carrier_refused", "carry_bip_address: " + opened.error());
    return opened.ok();
  }

  // Lets the cards in whose channels this host carries.
  bool carry() {
    if (!settings_.carry_bip) return true;
    const auto* sink =
        static_cast<const bv_bip_sink_1*>(plugin_->get_extension(plugin_, BV_EXT_BIP_SINK));
    if (sink == nullptr) log_.error("host.no_sink", "carry_bip: the plugin takes no channels");
    return sink != nullptr && carrier_.start(plugin_, sink);
  }

  bool open_messenger() {
    if (!settings_.carry_sms) return true;
    const base::Status opened = messenger_.open(settings_.smsc);
    if (!opened) log_.error("host.no_messages", "carry_sms: " + opened.error());
    return opened.ok();
  }

  bool carry_sms() {
    if (!settings_.carry_sms) return true;
    const auto* sink =
        static_cast<const bv_sms_sink_1*>(plugin_->get_extension(plugin_, BV_EXT_SMS_SINK));
    const base::Status started = sink == nullptr ? base::Error{"the plugin takes no messages"}
                                                 : messenger_.start(plugin_, sink);
    if (!started) log_.error("host.no_messages", "carry_sms: " + started.error());
    return started.ok();
  }

  // The plugin's ports and ours.
  std::string with_carried(std::string_view ports) const {
    if (!settings_.carry_bip || ports.size() < 2 || ports.front() != '{') return std::string(ports);
    std::string text = cat("{\"carried\": ", carrier_.port());
    if (!json_member(ports, "tcp")) text += cat(", \"tcp\": ", carrier_.port());
    const bool others = ports.find('"') != std::string_view::npos;
    return cat(text, others ? ", " : "", ports.substr(1));
  }

  bool write_ports() {
    if (!ports_file_.wanted()) return true;
    const std::string text = health();
    const auto ports = json_member(text, "ports");
    if (!ports) {
      log_.error("host.ports_unknown",
                 "ports_file cannot be written: the plugin does not tell its ports");
      return false;
    }
    const base::Status written = ports_file_.write(with_carried(*ports));
    if (!written) log_.error("host.ports_file", "ports_file: " + written.error());
    return written.ok();
  }

  void serve() {
    for (;;) {
      const int number = next_signal(-1);
      if (number == SIGHUP) {
        reload();
      } else if (number == SIGUSR1) {
        log_health();
      } else {
        log_.info("host.draining", cat(signal_name(number), ": draining"));
        drain();
        return;
      }
    }
  }

  void reload() {
    reopen_log_();
    const bool keys = load_card_keys();
    if (!keys) log_.error("host.card_keys_kept", "the card keys stay as they were");
    if (call("reload", [&](bv_buffer* why) {
          return plugin_->reload(plugin_, settings_.plugin_config.c_str(), why);
        })) {
      log_.info("host.reloaded", "reloaded");
    } else {
      log_.error("host.configuration_kept", "the configuration stays as it was");
    }
  }

  void log_health() {
    const std::string text = health();
    log_.info("health", text.empty() ? "the plugin does not tell" : text);
  }

  bool drained() {
    const std::string text = health();
    const auto sessions = json_member(text, "sessions");
    return !sessions || *sessions == "0";
  }

  // Until nothing is left, the deadline, or a second signal.
  void drain() {
    carrier_.drain();
    const auto deadline = static_cast<std::uint32_t>(settings_.drain_deadline_ms);
    const bv_status status = plugin_->drain(plugin_, deadline);
    if (status != BV_OK) {
      log_.warning("host.drain_failed", "drain: " + status_name(status));
      return;
    }
    const base::SystemClock clock;  // a laboratory's jump in time must not cut a drain short
    const std::int64_t until = clock.now().mono_ms + settings_.drain_deadline_ms;
    while (!drained()) {
      const std::int64_t left = until - clock.now().mono_ms;
      if (left <= 0) {
        log_.warning("host.drain_deadline", "drain: the deadline is over");
        return;
      }
      const int number = next_signal(std::min(left, kDrainPollMs));
      if (number == SIGTERM || number == SIGINT) {
        log_.warning("host.drain_cut", cat(signal_name(number), " again: the drain is cut short"));
        return;
      }
      if (number == SIGUSR1) log_health();
    }
    log_.info("host.drained", "drained");
  }

  bool stop() {
    for (int i = 0; i < kStopTries; ++i) {
      const bv_status status = plugin_->stop(plugin_, kStopDeadlineMs);
      if (status == BV_OK) {
        carrier_.stop();
        messenger_.stop();
        return true;
      }
      log_.warning("host.stop_failed", "stop: " + status_name(status));
      if (status != BV_E_TIMEOUT) break;
    }
    // Threads of the plugin may still run: it cannot be destroyed.
    plugin_ = nullptr;
    stuck_ = true;
    log_.error("host.plugin_stuck", "the plugin does not stop; the process ends without it");
    return false;
  }

  const Settings& settings_;
  base::Log& log_;
  const std::function<void()> reopen_log_;
  Carrier carrier_;      // before the plugin can call it, until it cannot any more
  Messenger messenger_;  // the same
  Services services_;
  PortsFile ports_file_{settings_.ports_file};
  std::string name_;
  bv_plugin* plugin_ = nullptr;
  bool stuck_ = false;
  ExitCode failure_ = kFailed;
};

}  // namespace

void take_signals() {
  std::signal(SIGPIPE, SIG_IGN);
  const sigset_t set = our_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

void forbid_core_dumps() {
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

// A login shell gives 1,024 where a hundred thousand are allowed. Nothing here uses select().
void allow_descriptors() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

ExitCode run(const Settings& settings, base::Log& log, const base::Clock& clock,
             std::function<void()> reopen_log) {
  auto runner = std::make_unique<Runner>(settings, log, clock, std::move(reopen_log));
  const ExitCode code = runner->run();
  if (runner->stuck()) runner.release();  // threads of the plugin still use it
  return code;
}

ExitCode check(const Settings& settings, base::Log& log, const base::Clock& clock,
               std::vector<std::string>& faults) {
  return Runner(settings, log, clock).check(faults);
}

}  // namespace host
