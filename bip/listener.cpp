#include "bip/listener.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "base/log.h"
#include "bip/socket_address.h"

namespace bip {

namespace {

constexpr int kAcceptsPerWakeUp = 64;
constexpr auto kRetryAfter = std::chrono::seconds(1);

base::Error system_error(const std::string& what) {
  return base::Error{base::cat(what, ": ", std::strerror(errno))};
}

}  // namespace

Listener::Listener(boost::asio::io_context& context, Hooks hooks)
    : acceptor_(context), retry_(context), hooks_(std::move(hooks)) {}

base::Status Listener::open(const std::string& address) {
  const auto place = parse_socket_address(address);
  if (!place) return base::Error{place.error()};
  const int fd = ::socket(place->family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return system_error("socket for " + address);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd, place->get(), place->size) != 0 || ::listen(fd, SOMAXCONN) != 0) {
    const base::Error error = system_error("listen on " + address);
    ::close(fd);
    return error;
  }
  boost::system::error_code failed;
  using boost::asio::ip::tcp;
  acceptor_.assign(place->family() == AF_INET6 ? tcp::v6() : tcp::v4(), fd, failed);
  if (failed) {
    ::close(fd);
    return base::Error{base::cat("listen on ", address, ": ", failed.message())};
  }
  port_ = bound_port(fd);
  return {};
}

void Listener::wait() {
  if (waiting_ || !acceptor_.is_open()) return;
  waiting_ = true;
  acceptor_.async_wait(boost::asio::ip::tcp::acceptor::wait_read,
                       [this](const boost::system::error_code& error) {
                         waiting_ = false;
                         if (!error) accept_some();
                       });
}

void Listener::accept_some() {
  if (!acceptor_.is_open()) return;  // closed after the wait had ended
  for (int i = 0; i < kAcceptsPerWakeUp; ++i) {
    if (!hooks_.may_accept()) {
      full_ = true;
      return hooks_.fault(Fault::sessions_full);
    }
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    const int fd = ::accept4(acceptor_.native_handle(), reinterpret_cast<sockaddr*>(&peer), &size,
                             SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      hooks_.accepted(fd, peer_of(peer).address);
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) break;
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) return pause();
    // The peer was gone before it was taken, or the network had an error of its own (accept(2)).
    if (errno != EINTR && errno != ECONNABORTED) hooks_.fault(Fault::accept_failed);
  }
  wait();
}

void Listener::pause() {
  hooks_.fault(Fault::accept_paused);
  retry_.expires_after(kRetryAfter);
  retry_.async_wait([this](const boost::system::error_code& error) {
    if (!error) wait();
  });
}

void Listener::resume() {
  if (!full_) return;
  full_ = false;
  wait();
}

void Listener::close() {
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  retry_.cancel(ignored);
}

}  // namespace bip
