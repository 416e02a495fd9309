#include "smsc/esme_conn.h"

#include <boost/asio/buffer.hpp>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "base/log.h"

namespace smsc {

namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

constexpr std::size_t kReadSize = 64 * 1024;
constexpr int kReadsPerWakeUp = 4;
constexpr std::size_t kCipherAhead = 256 * 1024;  // ciphertext that waits for the socket
// What waits for an SMSC that does not read. Above all that a window holds: two who wait for each
// other to read would wait for ever.
constexpr std::size_t kMostUntaken = 8 * 1024 * 1024;

}  // namespace

Conn::Conn(const Parts& parts, Role role)
    : parts_(parts),
      role_(role),
      socket_(parts.context),
      connect_deadline_(parts.clock.now().mono_ms + parts.settings->connect_timeout),
      attempt_deadline_(connect_deadline_) {}

void Conn::open(Endpoints endpoints) {
  if (ended_) return;
  endpoints_ = std::move(endpoints);
  if (endpoints_.empty()) return fail("the name has no address");
  connect_next();
}

// One address that never answers must not take the time of those behind it.
void Conn::connect_next() {
  if (next_endpoint_ >= endpoints_.size()) return fail(error_);
  const std::int64_t now = parts_.clock.now().mono_ms;
  const auto untried = static_cast<std::int64_t>(endpoints_.size() - next_endpoint_);
  attempt_deadline_ = now + std::max<std::int64_t>(connect_deadline_ - now, 0) / untried;
  const tcp::endpoint endpoint = endpoints_[next_endpoint_++];
  error_code failed;
  socket_.close(failed);
  socket_.open(endpoint.protocol(), failed);
  // Or a program that the host starts keeps the connection open when we have closed it.
  if (!failed && ::fcntl(socket_.native_handle(), F_SETFD, FD_CLOEXEC) != 0) {
    failed = error_code(errno, boost::system::system_category());
  }
  if (failed) {
    error_ = failed.message();
    return connect_next();
  }
  const auto tried = [self = shared_from_this(),
                      attempt = next_endpoint_](const error_code& error) {
    if (self->ended_ || self->next_endpoint_ != attempt) return;
    if (error) {
      self->error_ = error.message();
      self->connect_next();
    } else {
      self->connected();
    }
  };
  socket_.async_connect(endpoint, tried);
}

void Conn::connected() {
  attempt_deadline_ = connect_deadline_;
  error_code ignored;
  socket_.non_blocking(true, ignored);
  socket_.set_option(tcp::no_delay(true), ignored);
  // What was written and never acknowledged ends the connection, also while we only wait.
  const auto timeout = static_cast<unsigned int>(parts_.settings->response_timeout +
                                                 parts_.settings->enquire_timeout);
  ::setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof timeout);
  if (!parts_.tls) {
    start_link();
  } else {
    const Settings& settings = *parts_.settings;
    tls_.emplace(parts_.tls, settings.tls_name.empty() ? settings.host : settings.tls_name);
    if (!tls_->error().empty()) return fail(tls_->error());
  }
  write_out();
  arm_read();
}

void Conn::start_link() {
  link_.emplace(parts_.settings, role_, parts_.clock.now());
  parts_.changed();
}

// Who does not take our answers is not read: they would heap up.
void Conn::arm_read() {
  if (read_armed_ || ended_ || (link_ && link_->output().size() > kMostUntaken)) return;
  read_armed_ = true;
  socket_.async_wait(tcp::socket::wait_read, [self = shared_from_this()](const error_code& error) {
    self->read_armed_ = false;
    if (error || self->ended_) return;
    self->on_readable();
  });
}

void Conn::on_readable() {
  read_buffer_.resize(kReadSize);
  for (int i = 0; i < kReadsPerWakeUp && !ended_; ++i) {
    error_code error;
    const std::size_t size = socket_.read_some(boost::asio::buffer(read_buffer_), error);
    if (error == boost::asio::error::would_block || error == boost::asio::error::try_again) break;
    if (error == boost::asio::error::interrupted) continue;
    if (error) {
      lost(error == boost::asio::error::eof ? "closed by the other side" : error.message());
      break;
    }
    if (!on_octets(base::View(read_buffer_).first(size)) || size < kReadSize) break;
  }
  if (ended_) return;
  parts_.changed();
  flush();
}

// False: nothing more can come.
bool Conn::on_octets(base::View octets) {
  const base::Now now = parts_.clock.now();
  if (!tls_) {
    link_->feed(octets, now);
    return link_->phase() != Link::Phase::closed;
  }
  tls_->feed(octets);
  const base::Bytes plain = tls_->read();
  if (!link_ && tls_->open()) start_link();
  if (link_ && !plain.empty()) link_->feed(plain, now);
  if (!tls_->error().empty() || tls_->ended()) {
    write_out();  // the alert
    lost(tls_->error().empty() ? "closed by the other side" : tls_->error());
    return false;
  }
  return true;
}

void Conn::lost(const std::string& why) {
  if (!link_) return fail(why);
  link_->connection_lost(parts_.clock.now());
}

void Conn::fail(std::string error) {
  error_ = error.empty() ? "cannot connect" : std::move(error);
  close();
  parts_.changed();
}

base::View Conn::pending() const {
  if (tls_) return tls_->output();
  return link_ ? link_->output() : base::View{};
}

void Conn::consume(std::size_t octets) {
  if (tls_) {
    tls_->consume(octets);
  } else {
    link_->consume(octets);
  }
}

void Conn::write_out() {
  if (tls_ && link_ && tls_->open() && tls_->output().size() < kCipherAhead) {
    const base::View plain = link_->output();
    tls_->write(plain);
    link_->consume(plain.size());
  }
  while (!write_armed_ && !pending().empty()) {
    const base::View octets = pending();
    error_code error;
    const std::size_t sent =
        socket_.write_some(boost::asio::buffer(octets.data(), octets.size()), error);
    if (sent > 0) consume(sent);
    if (error == boost::asio::error::would_block || error == boost::asio::error::try_again) {
      wait_writable();
    } else if (error && error != boost::asio::error::interrupted) {
      return lost(error.message());
    }
  }
}

void Conn::wait_writable() {
  write_armed_ = true;
  socket_.async_wait(tcp::socket::wait_write, [self = shared_from_this()](const error_code& error) {
    self->write_armed_ = false;
    if (error || self->ended_) return;
    self->flush();
    self->parts_.changed();
  });
}

void Conn::flush() {
  if (ended_) return;
  if (!link_) {  // in the midst of a TLS handshake, of which some is ours
    if (tls_) write_out();
    return arm_read();
  }
  const bool was_closed = link_->phase() == Link::Phase::closed;
  write_out();
  if (link_->phase() != Link::Phase::closed) return arm_read();
  if (tls_) {
    tls_->close();
    write_out();
  }
  // Its events are there to be read; what a full socket has not taken of the goodbye is dropped.
  if (was_closed) close();
}

void Conn::close() {
  if (ended_) return;
  ended_ = true;
  error_code ignored;
  socket_.close(ignored);
}

std::int64_t Conn::deadline() const {
  if (ended_) return Link::kNever;
  return link_ ? link_->deadline() : attempt_deadline_;
}

void Conn::on_deadline(base::Now now) {
  if (ended_) return;
  if (link_) {
    if (link_->deadline() <= now.mono_ms) link_->on_deadline(now);
  } else if (attempt_deadline_ <= now.mono_ms) {
    error_ = "no connection in time";
    connect_deadline_ <= now.mono_ms ? close() : connect_next();
  }
}

}  // namespace smsc
