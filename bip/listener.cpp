#include "bip/listener.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>

#include "base/log.h"

namespace bip {

namespace {

constexpr int kAcceptsPerWakeUp = 64;
constexpr auto kRetryAfter = std::chrono::seconds(1);

base::Result<boost::asio::ip::tcp::endpoint> parse_endpoint(const std::string& text) {
  const base::Error bad{base::cat("not an address and port: ", text)};
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return bad;
  std::string host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  std::uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data() + colon + 1, end, port);
  if (read.ec != std::errc() || read.ptr != end) return bad;
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(host, error);
  if (error) return bad;
  return boost::asio::ip::tcp::endpoint(address, port);
}

Address address_of(const sockaddr_storage& peer) {
  Address address{};
  if (peer.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &peer, sizeof v6);
    std::memcpy(address.data(), &v6.sin6_addr, 16);
  } else if (peer.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &peer, sizeof v4);
    address[10] = address[11] = 0xFF;
    std::memcpy(address.data() + 12, &v4.sin_addr, 4);
  }
  return address;
}

base::Error system_error(const std::string& what) {
  return base::Error{base::cat(what, ": ", std::strerror(errno))};
}

}  // namespace

Listener::Listener(boost::asio::io_context& context, Hooks hooks)
    : acceptor_(context), retry_(context), hooks_(std::move(hooks)) {}

base::Status Listener::open(const std::string& address) {
  auto endpoint = parse_endpoint(address);
  if (!endpoint) return base::Error{endpoint.error()};
  const int family = endpoint->address().is_v6() ? AF_INET6 : AF_INET;
  const int fd = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return system_error("socket for " + address);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const auto size = static_cast<socklen_t>(endpoint->size());
  if (::bind(fd, endpoint->data(), size) != 0 || ::listen(fd, SOMAXCONN) != 0) {
    const base::Error error = system_error("listen on " + address);
    ::close(fd);
    return error;
  }
  boost::system::error_code failed;
  acceptor_.assign(endpoint->protocol(), fd, failed);
  if (failed) {
    ::close(fd);
    return base::Error{base::cat("listen on ", address, ": ", failed.message())};
  }
  port_ = acceptor_.local_endpoint(failed).port();
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
      hooks_.accepted(fd, address_of(peer));
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
