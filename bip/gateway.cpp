#include "bip/gateway.h"

#include "base/event_loop.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <unordered_map>
#include <utility>

#include "base/workers.h"
#include "bip/exchange.h"
#include "bip/faults.h"
#include "bip/limiter.h"
#include "bip/listener.h"
#include "bip/session.h"

namespace bip {

namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

constexpr std::size_t kReadBuffer = 64 * 1024;
constexpr auto kTick = std::chrono::milliseconds(200);  // how late a deadline may be noticed

std::string to_text(const Address& address) {
  boost::asio::ip::address_v6 v6(address);
  if (v6.is_v4_mapped()) {
    return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, v6).to_string();
  }
  return v6.to_string();
}

std::optional<Fault> fault_of(Session::End end) {
  switch (end) {
    case Session::End::bad_identification:
      return Fault::bad_identification;
    case Session::End::never_identified:
      return Fault::never_identified;
    case Session::End::second_identification:
      return Fault::second_identification;
    case Session::End::bad_packet:
      return Fault::bad_packet;
    case Session::End::packet_too_large:
      return Fault::packet_too_large;
    case Session::End::packet_timeout:
    case Session::End::idle:
      return Fault::timeouts;
    case Session::End::limited:
      return Fault::limited;
    default:
      return std::nullopt;
  }
}

// True for the scope.
class Flag {
 public:
  explicit Flag(bool& flag) : flag_(flag) { flag_ = true; }
  Flag(const Flag&) = delete;
  Flag& operator=(const Flag&) = delete;
  ~Flag() { flag_ = false; }

 private:
  bool& flag_;
};

struct Client;
// Shared: operations of the event loop and a worker's job may outlive the session.
using ClientPtr = std::shared_ptr<Client>;

// An ended channel whose card's state has not been put away yet. Newcomers that name the card
// wait for it: they are to find everything that was uploaded.
struct Ending {
  int pending = 0;
  std::vector<ClientPtr> held;
};

struct Worker {
  std::unique_ptr<vault::Store> store;
};

// One connection. Loop thread only; a worker merely keeps it alive.
struct Client {
  Client(tcp::socket connection, std::shared_ptr<const Settings> settings, const Address& from,
         base::Now now)
      : socket(std::move(connection)), session(std::move(settings), now), address(from) {}

  tcp::socket socket;
  Session session;
  Address address;
  std::int64_t waiting_since = 0;            // since when a batch of it waits for a worker
  std::int64_t scheduled = Session::kNever;  // its place among the deadlines
  bool waiting = false;                      // in the ready-list
  bool held = false;                         // until an older channel of its card has ended
  bool read_armed = false;
  bool write_armed = false;
  bool ended = false;
};

}  // namespace

class Gateway::Impl {
 public:
  Impl(const Settings& settings, const Parts& parts)
      : parts_(parts),
        faults_(parts.log, parts.counters),
        settings_(std::make_shared<const Settings>(settings)),
        read_buffer_(kReadBuffer) {
    limiter_.configure(settings.bad_per_ip, settings.bad_per_iccid, settings.exempt_ranges);
  }

  base::Status start();
  void reconfigure(const Settings& settings);
  void drain();
  bool drained() const { return quiet_.load(); }
  bool stop(std::int64_t deadline_ms);
  std::uint16_t port() const { return port_; }
  Health health() const;

 private:
  // Connections.
  void accepted(int descriptor, const Address& from);
  void arm_read(const ClientPtr& client);
  void on_readable(const ClientPtr& client);
  void on_octets(Client& client, base::View octets, base::Now now);
  void flush(const ClientPtr& client, base::Now now);
  void pump(const ClientPtr& client, base::Now now);
  void end(Client& client, base::Now now);

  // Work for the workers.
  void enqueue(const ClientPtr& client, std::int64_t since);
  void dispatch();
  bool may_try(const Client& client, base::Now now) const;
  void post_batch(const ClientPtr& client, base::Now now);
  void post_close(std::unique_ptr<Card> card);
  void ending_done(const std::string& iccid_digits);
  bool hold(const ClientPtr& client);
  std::optional<Batch::Rival> rival_of(const Client& client) const;
  void serve(Worker& worker, Batch& batch);
  bool store_at_hand(Worker& worker);
  void on_reply(const ClientPtr& client, std::unique_ptr<Batch> batch);
  void note_tally(const Client& client, const Tally& tally, base::Now now);
  void note_proven(const ClientPtr& client, base::Now now);
  void supersede(const ClientPtr& by, base::Now now);
  void keep_for_close(Client& client);

  // Time.
  void schedule(Client& client);
  void unschedule(Client& client);
  void tick();
  void check_deadlines(base::Now now);

  void close_all();
  void update_gauges();
  std::string about(const Client& client) const;

  // Runs f; an exception (out of memory) ends the client, never the loop.
  template <class F>
  void guarded(const ClientPtr& client, F f) {
    try {
      f();
    } catch (...) {
      client->session.close(Session::End::failed);
      end(*client, parts_.clock.now());
    }
  }

  Parts parts_;
  base::EventLoop loop_;  // before everything that hangs on its context
  base::Workers<Worker> workers_;
  std::unique_ptr<Listener> listener_;
  std::unique_ptr<boost::asio::steady_timer> timer_;
  FaultLog faults_;
  Limiter limiter_;
  std::shared_ptr<const Settings> settings_;  // sessions keep those that they began with
  base::Bytes read_buffer_;

  std::unordered_map<Client*, ClientPtr> clients_;
  std::unordered_map<std::string, Client*> by_card_;  // proven ones
  std::deque<ClientPtr> ready_;                       // whose batch waits for a worker, in order
  std::deque<std::unique_ptr<Card>> closing_;         // whose CardService::close is due
  std::unordered_map<std::string, Ending> endings_;   // by ICCID
  std::set<std::pair<std::int64_t, Client*>> deadlines_;
  std::uint32_t outstanding_ = 0;  // jobs posted and not yet back
  std::uint32_t most_outstanding_ = 0;
  bool dispatching_ = false;
  bool draining_ = false;
  bool stopping_ = false;
  bool started_ = false;  // lifecycle thread only
  std::uint16_t port_ = 0;

  std::atomic<std::uint32_t> sessions_{0};
  std::atomic<std::uint32_t> proven_{0};
  std::atomic<std::uint32_t> sessions_waiting_{0};
  std::atomic<bool> quiet_{true};
  std::mutex quiet_mutex_;
  std::condition_variable quiet_changed_;
};

// ---- lifecycle --------------------------------------------------------------------------------

base::Status Gateway::Impl::start() {
  if (started_) return base::Error{"bip: already started"};
  Listener::Hooks hooks;
  hooks.accepted = [this](int descriptor, const Address& from) {
    try {
      accepted(descriptor, from);
    } catch (...) {  // out of memory: this one is lost, the listener goes on
      parts_.counters.add(counter_name(Fault::accept_failed));
    }
  };
  hooks.may_accept = [this] { return clients_.size() < settings_->sessions; };
  hooks.fault = [this](Fault fault) { faults_.note(fault, "", parts_.clock.now()); };
  listener_ = std::make_unique<Listener>(loop_.context(), std::move(hooks));
  if (!settings_->tcp.empty()) {
    if (auto opened = listener_->open(settings_->tcp); !opened) return opened;
    port_ = listener_->port();
  }
  draining_ = stopping_ = false;
  endings_.clear();
  const std::uint32_t workers = std::max(settings_->workers, 1u);
  // As many as run plus a few waiting ones: the rest waits in the sessions, where it is fair.
  most_outstanding_ = workers * (1 + settings_->queue_per_worker);
  const auto make = [this] {
    auto worker = std::make_unique<Worker>();
    store_at_hand(*worker);
    return worker;
  };
  if (!workers_.start(static_cast<int>(workers), most_outstanding_, "bip-worker", make) ||
      !loop_.start("bip-loop")) {
    workers_.stop();
    listener_.reset();
    return base::Error{"bip: no threads to be had"};
  }
  started_ = true;
  timer_ = std::make_unique<boost::asio::steady_timer>(loop_.context());
  loop_.post([this] {
    listener_->start();
    tick();
  });
  parts_.log.info("bip", base::cat("listening on TCP port ", port_, ", ", workers, " workers"));
  return {};
}

void Gateway::Impl::reconfigure(const Settings& settings) {
  auto fresh = std::make_shared<const Settings>(settings);
  const auto apply = [this, fresh] {
    settings_ = fresh;
    limiter_.configure(fresh->bad_per_ip, fresh->bad_per_iccid, fresh->exempt_ranges);
    if (!draining_ && listener_) listener_->resume();
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
  loop_.post([this] {
    draining_ = true;
    listener_->close();
    for (const auto& [client, owner] : clients_) {
      client->session.drain();
      schedule(*client);
    }
    parts_.log.info("bip", base::cat("draining, ", clients_.size(), " sessions left"));
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
  });
  // Handlers of closed sockets are queued by now: they end before the loop does.
  loop_.run_and_wait([] {});
  loop_.stop();
  timer_.reset();
  listener_.reset();
  started_ = false;
  parts_.log.info("bip", "stopped");
  return true;
}

void Gateway::Impl::close_all() {
  listener_->close();
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
  return health;
}

std::string Gateway::Impl::about(const Client& client) const {
  const auto& iccid = client.session.iccid();
  return iccid ? base::cat("card ", iccid->digits(), " at ", to_text(client.address))
               : to_text(client.address);
}

// ---- connections ------------------------------------------------------------------------------

void Gateway::Impl::accepted(int descriptor, const Address& from) {
  const base::Now now = parts_.clock.now();
  tcp::socket socket(loop_.context());
  error_code failed;
  const Address any_v4{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  const bool v4 = std::equal(any_v4.begin(), any_v4.begin() + 12, from.begin());
  socket.assign(v4 ? tcp::v4() : tcp::v6(), descriptor, failed);
  if (failed) {
    ::close(descriptor);
    return faults_.note(Fault::accept_failed, "", now);
  }
  if (!limiter_.address_allowed(from, now)) {
    return faults_.note(Fault::limited, to_text(from), now);  // the socket closes here
  }
  socket.non_blocking(true, failed);
  socket.set_option(tcp::no_delay(true), failed);
  auto client = std::make_shared<Client>(std::move(socket), settings_, from, now);
  if (draining_) client->session.drain();
  clients_.emplace(client.get(), client);
  parts_.counters.add("bip.sessions");
  update_gauges();
  pump(client, now);
}

void Gateway::Impl::arm_read(const ClientPtr& client) {
  if (client->read_armed || client->ended || client->session.room() == 0) return;
  client->read_armed = true;
  client->socket.async_wait(tcp::socket::wait_read, [this, client](const error_code& error) {
    client->read_armed = false;
    if (error || client->ended) return;
    guarded(client, [&] { on_readable(client); });
  });
}

void Gateway::Impl::on_readable(const ClientPtr& client) {
  const base::Now now = parts_.clock.now();
  const std::size_t room = std::min(client->session.room(), read_buffer_.size());
  if (room == 0) return;
  error_code error;
  const std::size_t size =
      client->socket.read_some(boost::asio::buffer(read_buffer_.data(), room), error);
  if (!error) {
    on_octets(*client, base::View(read_buffer_).first(size), now);
  } else if (error == boost::asio::error::eof) {
    client->session.end_of_input(now);
  } else if (error != boost::asio::error::would_block && error != boost::asio::error::interrupted) {
    client->session.close(Session::End::by_card);
  }
  pump(client, now);
}

void Gateway::Impl::on_octets(Client& client, base::View octets, base::Now now) {
  const bool was_known = client.session.iccid().has_value();
  client.session.feed(octets, now);
  if (was_known || !client.session.iccid()) return;
  parts_.counters.add("bip.identified");
  if (!limiter_.card_allowed(client.session.iccid()->digits(), now)) {
    client.session.close(Session::End::limited);
  }
}

void Gateway::Impl::flush(const ClientPtr& client, base::Now now) {
  while (!client->write_armed && !client->session.output().empty()) {
    const base::View output = client->session.output();
    error_code error;
    const std::size_t sent =
        client->socket.write_some(boost::asio::buffer(output.data(), output.size()), error);
    if (sent > 0) client->session.consume(sent, now);
    if (error == boost::asio::error::would_block) {
      client->write_armed = true;
      client->socket.async_wait(tcp::socket::wait_write, [this, client](const error_code& failed) {
        client->write_armed = false;
        if (failed || client->ended) return;
        guarded(client, [&] { pump(client, parts_.clock.now()); });
      });
    } else if (error && error != boost::asio::error::interrupted) {
      client->session.close(Session::End::by_card);
    }
  }
}

// After anything that happened to a session: what it has to say, to do, to wait for.
void Gateway::Impl::pump(const ClientPtr& client, base::Now now) {
  if (client->ended) return;
  flush(client, now);
  if (client->session.phase() == Session::Phase::closed) return end(*client, now);
  if (client->session.ready()) enqueue(client, now.mono_ms);
  if (client->ended) return;
  arm_read(client);
  schedule(*client);
}

void Gateway::Impl::end(Client& client, base::Now now) {
  if (client.ended) return;
  client.ended = true;
  const Session& session = client.session;
  if (const auto fault = fault_of(session.end())) faults_.note(*fault, about(client), now);
  if (session.end() == Session::End::bad_identification) limiter_.failed(client.address, "", now);
  error_code ignored;
  client.socket.close(ignored);
  unschedule(client);
  if (session.iccid()) {
    const auto found = by_card_.find(session.iccid()->digits());
    if (found != by_card_.end() && found->second == &client) by_card_.erase(found);
  }
  if (session.iccid()) {
    ++endings_[session.iccid()->digits()].pending;
    if (!session.under_way()) keep_for_close(client);
  }
  clients_.erase(&client);  // may be the last owner: `client` is not touched any more
  update_gauges();
  if (!draining_ && !stopping_ && clients_.size() < settings_->sessions) listener_->resume();
  dispatch();
}

// ---- work for the workers ---------------------------------------------------------------------

void Gateway::Impl::enqueue(const ClientPtr& client, std::int64_t since) {
  if (client->waiting || client->held) return;
  client->waiting_since = since;
  if (hold(client)) return;
  client->waiting = true;
  ready_.push_back(client);
  dispatch();
}

void Gateway::Impl::dispatch() {
  if (dispatching_) return;  // a session that ends inside comes back here
  const Flag inside(dispatching_);
  while (outstanding_ < most_outstanding_ && (!closing_.empty() || !ready_.empty())) {
    if (!closing_.empty()) {
      std::unique_ptr<Card> card = std::move(closing_.front());
      closing_.pop_front();
      post_close(std::move(card));
      continue;
    }
    const ClientPtr client = std::move(ready_.front());
    ready_.pop_front();
    client->waiting = false;
    if (client->ended) continue;
    const base::Now now = parts_.clock.now();
    if (!may_try(*client, now)) {
      client->session.close(Session::End::limited);
      end(*client, now);
    } else if (client->session.ready()) {
      post_batch(client, now);
    }
  }
  update_gauges();
}

// Who has not proved itself is not tried once too many have failed from there or for that card.
bool Gateway::Impl::may_try(const Client& client, base::Now now) const {
  if (client.session.proven() || !client.session.iccid()) return true;
  return limiter_.address_allowed(client.address, now) &&
         limiter_.card_allowed(client.session.iccid()->digits(), now);
}

void Gateway::Impl::post_batch(const ClientPtr& client, base::Now now) {
  std::unique_ptr<Batch> batch = client->session.next_batch(now);
  batch->waiting_since = client->waiting_since;
  batch->rival = rival_of(*client);
  ++outstanding_;
  workers_.post(
      [this, client = ClientPtr(client), batch = std::move(batch)](Worker& worker) mutable {
        serve(worker, *batch);
        loop_.post([this, client = std::move(client), batch = std::move(batch)]() mutable {
          --outstanding_;
          guarded(client, [&] { on_reply(client, std::move(batch)); });
          dispatch();
        });
      });
}

void Gateway::Impl::post_close(std::unique_ptr<Card> card) {
  ++outstanding_;
  workers_.post([this, card = std::move(card)](Worker& worker) mutable {
    try {
      if (store_at_hand(worker)) {
        parts_.cards.close(*worker.store, *card->channel, parts_.clock.now());
      }
    } catch (...) {
      parts_.counters.add(counter_name(Fault::worker_failed));
    }
    const std::string digits = card->iccid.digits();
    card.reset();
    loop_.post([this, digits] {
      --outstanding_;
      ending_done(digits);
      dispatch();
    });
  });
}

void Gateway::Impl::ending_done(const std::string& iccid_digits) {
  const auto found = endings_.find(iccid_digits);
  if (found == endings_.end() || --found->second.pending > 0) return;
  const std::vector<ClientPtr> held = std::move(found->second.held);
  endings_.erase(found);
  for (const ClientPtr& client : held) {
    client->held = false;
    if (!client->ended && client->session.ready()) enqueue(client, client->waiting_since);
  }
}

// True: the client waits for the end of an older channel of its card.
bool Gateway::Impl::hold(const ClientPtr& client) {
  if (client->session.proven()) return false;
  const auto found = endings_.find(client->session.iccid()->digits());
  if (found == endings_.end()) return false;
  found->second.held.push_back(client);
  client->held = true;
  return true;
}

std::optional<Batch::Rival> Gateway::Impl::rival_of(const Client& client) const {
  if (client.session.proven()) return std::nullopt;
  const auto found = by_card_.find(client.session.iccid()->digits());
  if (found == by_card_.end() || found->second == &client) return std::nullopt;
  const Session& other = found->second->session;
  return Batch::Rival{other.key_set(), other.last_counter()};
}

bool Gateway::Impl::store_at_hand(Worker& worker) {
  if (!worker.store) {
    try {
      worker.store = parts_.stores.open();
    } catch (...) {
      worker.store.reset();  // tried again with the next job
    }
  }
  return worker.store != nullptr;
}

void Gateway::Impl::serve(Worker& worker, Batch& batch) {
  try {
    if (store_at_hand(worker)) {
      return exchange(batch, {parts_.keys, parts_.cards, *worker.store, parts_.clock});
    }
  } catch (...) {
  }
  batch.close = true;
  batch.tally.add(Fault::worker_failed);
}

void Gateway::Impl::on_reply(const ClientPtr& client, std::unique_ptr<Batch> batch) {
  const base::Now now = parts_.clock.now();
  note_tally(*client, batch->tally, now);
  const bool was_proven = client->session.proven();
  const bool beats_rival = batch->beats_rival;
  client->session.reply(std::move(batch), now);
  if (client->ended) return keep_for_close(*client);
  if (beats_rival) supersede(client, now);
  if (client->session.proven() && !was_proven) note_proven(client, now);
  pump(client, now);
}

void Gateway::Impl::note_tally(const Client& client, const Tally& tally, base::Now now) {
  parts_.counters.add("bip.packets", tally.packets);
  if (tally.answers > 0) parts_.counters.add("bip.answers", tally.answers);
  if (tally.dropped > 0) parts_.counters.add("bip.data_dropped", tally.dropped);
  if (tally.try_later > 0) parts_.counters.add("bip.try_later", tally.try_later);
  for (std::size_t i = 0; i < kFaults; ++i) {
    if (tally.faults[i] > 0) {
      faults_.note(static_cast<Fault>(i), about(client), now, tally.faults[i]);
    }
  }
  const std::string digits = client.session.iccid()->digits();
  for (int i = 0; i < tally.of(Fault::wrong_cc); ++i) limiter_.failed(client.address, digits, now);
}

// Two channels of one card: the older one is a link that dropped without anybody being told.
void Gateway::Impl::note_proven(const ClientPtr& client, base::Now now) {
  parts_.counters.add("bip.proven");
  supersede(client, now);
  by_card_[client->session.iccid()->digits()] = client.get();
}

void Gateway::Impl::supersede(const ClientPtr& by, base::Now now) {
  const auto found = by_card_.find(by->session.iccid()->digits());
  if (found == by_card_.end() || found->second == by.get()) return;
  Client* const older = found->second;
  parts_.counters.add("bip.superseded");
  older->session.close(Session::End::superseded);
  end(*older, now);
}

// Counted among the endings already.
void Gateway::Impl::keep_for_close(Client& client) {
  std::unique_ptr<Card> card = client.session.take_card();
  if (card && card->channel) {
    closing_.push_back(std::move(card));
  } else {
    ending_done(client.session.iccid()->digits());
  }
}

// ---- time -------------------------------------------------------------------------------------

// A client has one place among the deadlines, at or before its real one: most deadlines only move
// away, and are looked at again when the old one comes.
void Gateway::Impl::schedule(Client& client) {
  const std::int64_t deadline = client.session.deadline();
  if (deadline >= client.scheduled) return;
  unschedule(client);
  client.scheduled = deadline;
  deadlines_.emplace(deadline, &client);
}

void Gateway::Impl::unschedule(Client& client) {
  if (client.scheduled != Session::kNever) deadlines_.erase({client.scheduled, &client});
  client.scheduled = Session::kNever;
}

void Gateway::Impl::tick() {
  if (stopping_) return;
  timer_->expires_after(kTick);
  timer_->async_wait([this](const error_code& error) {
    if (error) return;
    tick();
    check_deadlines(parts_.clock.now());
  });
}

void Gateway::Impl::check_deadlines(base::Now now) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now.mono_ms) {
    Client* const client = deadlines_.begin()->second;
    const ClientPtr owner = clients_.at(client);
    unschedule(*client);
    guarded(owner, [&] {
      client->session.on_deadline(now);
      pump(owner, now);
    });
  }
}

// ---- the interface ----------------------------------------------------------------------------

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
Gateway::Health Gateway::health() const { return impl_->health(); }

}  // namespace bip
