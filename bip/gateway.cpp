#include "bip/gateway.h"

#include <algorithm>
#include <chrono>

#include "bip/gateway_impl.h"

namespace bip {

namespace {

constexpr std::size_t kReadBuffer = 64 * 1024;

}  // namespace

Gateway::Impl::Impl(const Settings& settings, const Parts& parts)
    : parts_(parts),
      faults_(parts.log, parts.counters),
      settings_(std::make_shared<const Settings>(settings)),
      read_buffer_(kReadBuffer) {
  limiter_.configure(settings.bad_per_ip, settings.bad_per_iccid, settings.exempt_ranges);
}

base::Status Gateway::Impl::start() {
  if (started_) return base::Error{"bip: already started"};
  if (const base::Status opened = open_listeners(); !opened) return opened;
  if (const base::Status opened = open_cat_tp(); !opened) {
    listener_.reset();
    tls_listener_.reset();
    return opened;
  }
  draining_ = stopping_ = false;
  endings_.clear();
  const std::uint32_t workers = std::max(settings_->workers, 1u);
  // As many as run plus a few waiting ones: the rest waits in the sessions, where it is fair.
  most_outstanding_ = workers * (1 + settings_->queue_per_worker);
  const auto make = [this] {
    auto worker = std::make_unique<Worker>();
    try {
      store_of(*worker);
    } catch (...) {  // tried again with its first job, which tells it
    }
    return worker;
  };
  if (!workers_.start(static_cast<int>(workers), most_outstanding_, "bip-worker", make) ||
      !loop_.start("bip-loop")) {
    workers_.stop();
    listener_.reset();
    tls_listener_.reset();
    udp_.reset();
    return base::Error{"bip: no threads to be had"};
  }
  started_ = true;
  timer_ = std::make_unique<boost::asio::steady_timer>(loop_.context());
  link_timer_ = std::make_unique<boost::asio::steady_timer>(loop_.context());
  loop_.post([this] {
    if (listener_) listener_->start();
    if (tls_listener_) tls_listener_->start();
    if (udp_) udp_->start();
    tick();
  });
  const auto tell = [&](bool open, const char* what, std::uint16_t port) {
    if (!open) return;
    parts_.log.info("bip.listening",
                    base::cat("listening ", what, " port ", port, ", ", workers, " workers"));
  };
  tell(listener_ != nullptr, "on TCP", port_);
  tell(tls_listener_ != nullptr, "for TLS-PSK on TCP", tls_port_);
  tell(udp_ != nullptr, "for CAT_TP on UDP", cat_tp_port_);
  if (parts_.platform != nullptr) listen_to_platform();
  return {};
}

base::Status Gateway::Impl::open_listeners() {
  port_ = tls_port_ = 0;
  auto tcp = open(settings_->tcp, false);
  if (!tcp) return base::Error{tcp.error()};
  if (!settings_->tls_psk.empty()) {
    if (parts_.psks == nullptr) return base::Error{"[bip] tls_psk: nobody gives pre-shared keys"};
    auto context = TlsContext::make(*settings_);
    if (!context) return base::Error{context.error()};
    tls_context_ = context.take();
  }
  auto tls = open(settings_->tls_psk, true);
  if (!tls) return base::Error{tls.error()};
  listener_ = tcp.take();
  tls_listener_ = tls.take();
  if (listener_) port_ = listener_->port();
  if (tls_listener_) tls_port_ = tls_listener_->port();
  return {};
}

// Null: no address is given.
base::Result<std::unique_ptr<Listener>> Gateway::Impl::open(const std::string& address, bool tls) {
  if (address.empty()) return std::unique_ptr<Listener>();
  Listener::Hooks hooks;
  hooks.accepted = [this, tls](int descriptor, const Address& from) {
    try {
      accepted(descriptor, from, tls);
    } catch (...) {  // out of memory: this one is lost, the listener goes on
      parts_.counters.add(counter_name(Fault::accept_failed));
    }
  };
  hooks.may_accept = [this] { return clients_.size() < settings_->sessions; };
  hooks.fault = [this](Fault fault) {
    faults_.note(fault, parts_.clock.now(), 1, [] { return std::string(); });
  };
  auto listener = std::make_unique<Listener>(loop_.context(), std::move(hooks));
  if (auto opened = listener->open(address); !opened) return base::Error{opened.error()};
  return listener;
}

void Gateway::Impl::resume_listeners() {
  if (listener_) listener_->resume();
  if (tls_listener_) tls_listener_->resume();
}

void Gateway::Impl::close_listeners() {
  if (listener_) listener_->close();
  if (tls_listener_) tls_listener_->close();
}

void Gateway::Impl::reconfigure(const Settings& settings) {
  auto fresh = std::make_shared<const Settings>(settings);
  const auto apply = [this, fresh] {
    settings_ = fresh;
    limiter_.configure(fresh->bad_per_ip, fresh->bad_per_iccid, fresh->exempt_ranges);
    if (parts_.inbox != nullptr) parts_.inbox->set_limits(carried_limits());
    if (!draining_) resume_listeners();
  };
  if (started_) {
    loop_.post(apply);
  } else {
    settings_ = fresh;
    limiter_.configure(fresh->bad_per_ip, fresh->bad_per_iccid, fresh->exempt_ranges);
  }
}

void Gateway::Impl::drain() {
  if (!started_) return;
  if (parts_.inbox != nullptr) parts_.inbox->accept(false);
  loop_.post([this] {
    draining_ = true;
    close_listeners();
    for (const auto& [client, owner] : clients_) {
      client->session.drain();
      schedule(*client);
    }
    parts_.log.info("bip.draining", base::cat("draining, ", clients_.size(), " sessions left"));
  });
}

bool Gateway::Impl::stop(std::int64_t deadline_ms) {
  if (!started_) return true;
  loop_.post([this] { close_all(); });
  {
    std::unique_lock lock(quiet_mutex_);
    // Wall time, not the clock port: a laboratory's clock may stand still.
    const bool quiet = quiet_changed_.wait_for(
        lock, std::chrono::milliseconds(std::max<std::int64_t>(deadline_ms, 0)),
        [this] { return quiet_.load() && stopping_; });
    if (!quiet) return false;
  }
  workers_.stop();
  loop_.run_and_wait([this] {
    boost::system::error_code ignored;
    timer_->cancel(ignored);
    link_timer_->cancel(ignored);
    if (udp_) udp_->close();
  });
  // Handlers of closed sockets are queued by now: they end before the loop does.
  loop_.run_and_wait([] {});
  loop_.stop();
  timer_.reset();
  link_timer_.reset();
  listener_.reset();
  tls_listener_.reset();
  udp_.reset();
  started_ = false;
  parts_.log.info("bip.stopped", "stopped");
  return true;
}

void Gateway::Impl::close_all() {
  close_listeners();
  if (parts_.inbox != nullptr) {
    for (const std::uint64_t untold : parts_.inbox->hang_up()) parts_.platform->close(untold);
  }
  const base::Now now = parts_.clock.now();
  std::vector<ClientPtr> all;
  all.reserve(clients_.size());
  for (const auto& [client, owner] : clients_) all.push_back(owner);
  for (const ClientPtr& client : all) {
    client->session.close(Session::End::stopped);
    end(*client, now);
  }
  ready_.clear();
  {
    std::lock_guard lock(quiet_mutex_);
    stopping_ = true;
  }
  update_gauges();
}

void Gateway::Impl::update_gauges() {
  sessions_.store(static_cast<std::uint32_t>(clients_.size()), std::memory_order_relaxed);
  proven_.store(static_cast<std::uint32_t>(by_card_.size()), std::memory_order_relaxed);
  sessions_waiting_.store(static_cast<std::uint32_t>(ready_.size()), std::memory_order_relaxed);
  const bool quiet = clients_.empty() && outstanding_ == 0 && closing_.empty();
  if (quiet == quiet_.load(std::memory_order_relaxed) && !stopping_) return;
  {
    std::lock_guard lock(quiet_mutex_);
    quiet_ = quiet;
  }
  if (quiet) quiet_changed_.notify_all();
}

Gateway::Health Gateway::Impl::health() const {
  Health health;
  health.sessions = sessions_.load(std::memory_order_relaxed);
  health.proven = proven_.load(std::memory_order_relaxed);
  health.jobs_queued = static_cast<std::uint32_t>(workers_.queued());
  health.sessions_waiting = sessions_waiting_.load(std::memory_order_relaxed);
  health.staging_bytes = parts_.cards.staging().used();
  health.cat_tp_links = links_open_.load(std::memory_order_relaxed);
  health.cat_tp_half_open = links_half_open_.load(std::memory_order_relaxed);
  if (parts_.inbox != nullptr) {
    health.carried = static_cast<std::uint32_t>(parts_.inbox->channels());
  }
  return health;
}

Gateway::Gateway(const Settings& settings, const Parts& parts)
    : impl_(std::make_unique<Impl>(settings, parts)) {}

Gateway::~Gateway() {
  while (!impl_->stop(60 * base::kSecondMs)) {
  }
}

base::Status Gateway::start() { return impl_->start(); }
void Gateway::reconfigure(const Settings& settings) { impl_->reconfigure(settings); }
void Gateway::drain() { impl_->drain(); }
bool Gateway::drained() const { return impl_->drained(); }
bool Gateway::stop(std::int64_t deadline_ms) { return impl_->stop(deadline_ms); }
std::uint16_t Gateway::tcp_port() const { return impl_->port(); }
std::uint16_t Gateway::tls_psk_port() const { return impl_->tls_port(); }
std::uint16_t Gateway::cat_tp_port() const { return impl_->cat_tp_port(); }
Gateway::Health Gateway::health() const { return impl_->health(); }

}  // namespace bip
