#include "host/carrier.h"

#include "base/event_loop.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <unordered_map>
#include <utility>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/guarded.h"
#include "base/seldom.h"
#include "base/text.h"
#include "bipvault/ext/ota_crypto.h"

namespace host {

namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

constexpr std::size_t kMostOutput = 32 * 1024;  // octets for a card that wait here
constexpr auto kRetryAccept = std::chrono::seconds(1);

// What the plugin may touch from its own thread.
struct Output {
  base::Bytes octets;
  bool full = false;     // the plugin was answered BUSY
  bool closing = false;  // the plugin is done with the channel
};
using Outputs = std::unordered_map<std::uint64_t, Output>;

// The loop's thread only.
struct Link {
  Link(tcp::socket connection, std::uint64_t number) : socket(std::move(connection)), id(number) {}
  tcp::socket socket;
  const std::uint64_t id;
  base::Bytes held;   // the plugin was busy: it gets them again
  bool busy = false;  // it has said so
  bool paused = false;
  bool reading = false;  // a wait is under way
  bool writing = false;  // the same
  bool at_end = false;   // the card sends no more
  bool gone = false;
};
using LinkPtr = std::shared_ptr<Link>;

}  // namespace

class Carrier::Impl {
 public:
  explicit Impl(base::Log& log) : log_(log), acceptor_(loop_.context()), retry_(loop_.context()) {}

  base::Status open(const std::string& address);
  std::uint16_t port() const { return port_; }
  bool start(bv_plugin* plugin, const bv_bip_sink_1* sink);
  void drain();
  void stop();

  bv_status send(std::uint64_t id, bv_bytes octets);
  bv_status close(std::uint64_t id);
  void pause(std::uint64_t id, bool yes);

 private:
  void accept();
  void opened(tcp::socket socket);
  void read(const LinkPtr& link);
  void on_readable(const LinkPtr& link);
  void hand_over(const LinkPtr& link);
  struct Written {
    bool all = false;         // nothing waits any more
    bool room_again = false;  // the plugin waits for room, and there is some
    bool finished = false;    // all, and the plugin is done with the channel
  };
  Written write_some(Link& link, error_code& failed);
  void flush(const LinkPtr& link);
  void flush_later(const LinkPtr& link);
  void end(const LinkPtr& link, std::uint32_t how);
  void drop(const LinkPtr& link);
  LinkPtr find(std::uint64_t id) const;
  // Runs f on the loop with the link, if it is still there.
  template <class F>
  void later(std::uint64_t id, F f) {
    loop_.post([this, id, f] {
      if (const LinkPtr link = find(id)) f(link);
    });
  }

  base::Log& log_;
  base::EventLoop loop_;  // before everything that hangs on its context
  tcp::acceptor acceptor_;
  boost::asio::steady_timer retry_;
  base::Seldom paused_;
  std::unordered_map<std::uint64_t, LinkPtr> links_;
  base::Guarded<Outputs> outputs_;
  std::array<std::uint8_t, 4096> piece_{};
  bv_plugin* plugin_ = nullptr;
  const bv_bip_sink_1* sink_ = nullptr;
  std::uint64_t next_id_ = 1;
  std::uint16_t port_ = 0;
};

base::Status Carrier::Impl::open(const std::string& address) {
  const auto parts = base::parse_host_port(address);
  error_code failed;
  const auto ip = boost::asio::ip::make_address(parts ? parts->host : "", failed);
  if (!parts || failed) return base::Error{base::cat("not an address and port: ", address)};
  const tcp::endpoint place(ip, parts->port);
  acceptor_.open(place.protocol(), failed);
  if (!failed) acceptor_.set_option(tcp::acceptor::reuse_address(true), failed);
  if (!failed) acceptor_.bind(place, failed);
  if (!failed) acceptor_.listen(tcp::acceptor::max_listen_connections, failed);
  if (failed) return base::Error{base::cat("listen on ", address, ": ", failed.message())};
  port_ = acceptor_.local_endpoint(failed).port();
  return {};
}

bool Carrier::Impl::start(bv_plugin* plugin, const bv_bip_sink_1* sink) {
  plugin_ = plugin;
  sink_ = sink;
  if (!loop_.start("host-carrier")) {
    sink_ = nullptr;  // nobody runs what stop() would wait for
    return false;
  }
  loop_.post([this] { accept(); });
  log_.info("carrier.listening", base::cat("carrying card channels on TCP port ", port_));
  return true;
}

void Carrier::Impl::drain() {
  if (sink_ == nullptr) return;
  loop_.post([this] {
    error_code ignored;
    acceptor_.close(ignored);
    retry_.cancel(ignored);
  });
}

void Carrier::Impl::stop() {
  if (sink_ == nullptr) return;
  loop_.run_and_wait([this] {
    error_code ignored;
    acceptor_.close(ignored);
    retry_.cancel(ignored);
    const auto left = std::move(links_);
    links_.clear();
    for (const auto& [id, link] : left) link->socket.close(ignored);
  });
  loop_.run_and_wait([] {});  // handlers of closed sockets
  loop_.stop();
  sink_ = nullptr;
}

LinkPtr Carrier::Impl::find(std::uint64_t id) const {
  const auto found = links_.find(id);
  return found == links_.end() ? nullptr : found->second;
}

void Carrier::Impl::accept() {
  acceptor_.async_accept([this](const error_code& failed, tcp::socket socket) {
    if (!acceptor_.is_open()) return;
    if (!failed) {
      opened(std::move(socket));
      return accept();
    }
    if (failed == boost::asio::error::connection_aborted) return accept();
    if (const auto left_out = paused_.happened(base::SystemClock().now())) {
      log_.warning("carrier.accept_paused",
                   "accepting pauses: " + failed.message() + base::told_left_out(*left_out));
    }
    retry_.expires_after(kRetryAccept);
    retry_.async_wait([this](const error_code& cancelled) {
      if (!cancelled && acceptor_.is_open()) accept();
    });
  });
}

void Carrier::Impl::opened(tcp::socket socket) {
  error_code failed;
  const auto address = socket.remote_endpoint(failed).address();
  socket.non_blocking(true, failed);
  socket.set_option(tcp::no_delay(true), failed);
  if (failed) return;
  bv_bip_channel channel{};
  channel.id = next_id_++;
  channel.transport = BV_TRANSPORT_TCP;
  const auto v6 = address.is_v6()
                      ? address.to_v6().to_bytes()
                      : make_address_v6(boost::asio::ip::v4_mapped, address.to_v4()).to_bytes();
  std::copy(v6.begin(), v6.end(), channel.address);
  auto link = std::make_shared<Link>(std::move(socket), channel.id);
  links_.emplace(channel.id, link);
  outputs_.with([&](Outputs& outputs) { outputs[channel.id]; });
  // BUSY or worse: the card tries again later.
  if (sink_->on_open(plugin_, &channel) != BV_OK) return drop(link);
  read(link);
}

void Carrier::Impl::read(const LinkPtr& link) {
  if (link->reading || link->busy || link->paused || link->at_end || link->gone) return;
  link->reading = true;
  link->socket.async_wait(tcp::socket::wait_read, [this, link](const error_code& failed) {
    link->reading = false;
    if (failed || link->gone) return;
    on_readable(link);
  });
}

void Carrier::Impl::on_readable(const LinkPtr& link) {
  if (link->paused) return;
  error_code failed;
  const std::size_t size =
      link->socket.read_some(boost::asio::buffer(piece_.data(), piece_.size()), failed);
  if (failed == boost::asio::error::would_block) return read(link);
  if (failed == boost::asio::error::eof) return end(link, BV_BIP_ENDED);
  if (failed) return end(link, BV_BIP_GONE);
  link->held.assign(piece_.begin(), piece_.begin() + static_cast<long>(size));
  hand_over(link);
}

void Carrier::Impl::hand_over(const LinkPtr& link) {
  const bv_status status =
      sink_->on_data(plugin_, link->id, bv_bytes{link->held.data(), link->held.size()});
  link->busy = status == BV_E_BUSY;
  if (link->busy) return;  // until resume, which this thread sees later than this
  base::Bytes().swap(link->held);
  if (status != BV_OK) return;  // the plugin has ended it: its close is on its way
  read(link);
}

Carrier::Impl::Written Carrier::Impl::write_some(Link& link, error_code& failed) {
  return outputs_.with([&](Outputs& outputs) {
    Output& output = outputs[link.id];
    base::Bytes& octets = output.octets;
    Written written;
    if (!octets.empty()) {
      const auto buffer = boost::asio::buffer(octets.data(), octets.size());
      const auto sent = static_cast<long>(link.socket.write_some(buffer, failed));
      octets.erase(octets.begin(), octets.begin() + sent);
    }
    if (octets.empty()) base::Bytes().swap(octets);
    written.room_again = output.full && octets.size() <= kMostOutput / 2;
    if (written.room_again) output.full = false;
    written.all = octets.empty();
    written.finished = written.all && output.closing;
    return written;
  });
}

void Carrier::Impl::flush(const LinkPtr& link) {
  while (!link->writing && !link->gone) {
    error_code failed;
    const Written written = write_some(*link, failed);
    if (written.finished) return drop(link);
    if (written.room_again) sink_->on_writable(plugin_, link->id);
    if (failed == boost::asio::error::would_block) return flush_later(link);
    if (failed) return end(link, BV_BIP_GONE);
    if (written.all) return;
  }
}

void Carrier::Impl::flush_later(const LinkPtr& link) {
  link->writing = true;
  link->socket.async_wait(tcp::socket::wait_write, [this, link](const error_code& failed) {
    link->writing = false;
    if (!failed) flush(link);
  });
}

// The card's side has ended, wholly or its sending half.
void Carrier::Impl::end(const LinkPtr& link, std::uint32_t how) {
  link->at_end = true;
  sink_->on_closed(plugin_, link->id, how);
  if (how == BV_BIP_GONE) drop(link);
}

void Carrier::Impl::drop(const LinkPtr& link) {
  link->gone = true;
  error_code ignored;
  link->socket.close(ignored);
  outputs_.with([&](Outputs& outputs) { outputs.erase(link->id); });
  links_.erase(link->id);
}

bv_status Carrier::Impl::send(std::uint64_t id, bv_bytes octets) {
  const bv_status status = outputs_.with([&](Outputs& outputs) -> bv_status {
    const auto found = outputs.find(id);
    if (found == outputs.end() || found->second.closing) return BV_E_NOT_FOUND;
    Output& output = found->second;
    if (!output.octets.empty() && output.octets.size() + octets.size > kMostOutput) {
      output.full = true;
      return BV_E_BUSY;
    }
    output.octets.insert(output.octets.end(), octets.data, octets.data + octets.size);
    return BV_OK;
  });
  if (status == BV_OK) later(id, [this](const LinkPtr& link) { flush(link); });
  return status;
}

bv_status Carrier::Impl::close(std::uint64_t id) {
  const bool known = outputs_.with([&](Outputs& outputs) {
    const auto found = outputs.find(id);
    if (found != outputs.end()) found->second.closing = true;
    return found != outputs.end();
  });
  later(id, [this](const LinkPtr& link) { flush(link); });
  return known ? BV_OK : BV_E_NOT_FOUND;
}

void Carrier::Impl::pause(std::uint64_t id, bool yes) {
  later(id, [this, yes](const LinkPtr& link) {
    link->paused = yes;
    if (yes) return;
    if (link->busy) return hand_over(link);
    read(link);
  });
}

Carrier::Carrier(base::Log& log) : impl_(std::make_unique<Impl>(log)) {}
Carrier::~Carrier() { impl_->stop(); }
base::Status Carrier::open(const std::string& address) { return impl_->open(address); }
std::uint16_t Carrier::port() const { return impl_->port(); }
bool Carrier::start(bv_plugin* plugin, const bv_bip_sink_1* sink) {
  return impl_->start(plugin, sink);
}
void Carrier::drain() { impl_->drain(); }
void Carrier::stop() { impl_->stop(); }
bv_status Carrier::send(std::uint64_t channel, bv_bytes octets) {
  return impl_->send(channel, octets);
}
bv_status Carrier::close(std::uint64_t channel) { return impl_->close(channel); }
bv_status Carrier::pause(std::uint64_t channel, bool yes) {
  impl_->pause(channel, yes);
  return BV_OK;
}

}  // namespace host
