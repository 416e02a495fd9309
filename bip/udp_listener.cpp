#include "bip/udp_listener.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/log.h"

namespace bip {

namespace {

constexpr std::size_t kBatch = 64;
constexpr std::size_t kLargest = 2048;  // more than any PDU that is taken
constexpr int kBatchesPerWakeUp = 8;    // then others have their turn
constexpr int kSocketBuffer = 4 << 20;  // as far as the system allows: a burst of many cards

base::Error system_error(const std::string& address) {
  return base::Error{base::cat("listen on UDP ", address, ": ", std::strerror(errno))};
}

}  // namespace

// What one call to the system moves.
struct UdpListener::Batch {
  std::array<mmsghdr, kBatch> headers{};
  std::array<iovec, kBatch> pieces{};
  std::array<sockaddr_storage, kBatch> peers{};
  std::array<std::array<std::uint8_t, kLargest>, kBatch> octets;
};

UdpListener::UdpListener(boost::asio::io_context& context, Hooks hooks)
    : socket_(context), hooks_(std::move(hooks)), batch_(std::make_unique<Batch>()) {}

UdpListener::~UdpListener() = default;

base::Status UdpListener::open(const std::string& address) {
  const auto place = parse_socket_address(address);
  if (!place) return base::Error{place.error()};
  family_ = place->family();
  const int fd = ::socket(family_, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return system_error(address);
  ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kSocketBuffer, sizeof kSocketBuffer);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kSocketBuffer, sizeof kSocketBuffer);
  if (::bind(fd, place->get(), place->size) != 0) {
    const base::Error error = system_error(address);
    ::close(fd);
    return error;
  }
  using boost::asio::ip::udp;
  boost::system::error_code failed;
  socket_.assign(family_ == AF_INET ? udp::v4() : udp::v6(), fd, failed);
  if (failed) {
    ::close(fd);
    return base::Error{base::cat("listen on UDP ", address, ": ", failed.message())};
  }
  port_ = bound_port(fd);
  return {};
}

void UdpListener::close() {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

void UdpListener::wait() {
  if (!socket_.is_open()) return;
  socket_.async_wait(boost::asio::ip::udp::socket::wait_read,
                     [this](const boost::system::error_code& error) {
                       if (!error) receive_some();
                     });
}

void UdpListener::receive_some() {
  for (int i = 0; i < kBatchesPerWakeUp && socket_.is_open(); ++i) {
    if (receive_batch() < kBatch) break;
  }
  wait();  // first: what the hook throws (no memory) costs what it would have sent, not the socket
  hooks_.batch_done();
}

// Errors of earlier datagrams (a peer's closed port) are nobody's here.
std::size_t UdpListener::receive_batch() {
  for (std::size_t i = 0; i < kBatch; ++i) {
    batch_->pieces[i] = {batch_->octets[i].data(), kLargest};
    msghdr& header = batch_->headers[i].msg_hdr;
    header = {};
    header.msg_name = &batch_->peers[i];
    header.msg_namelen = sizeof(sockaddr_storage);
    header.msg_iov = &batch_->pieces[i];
    header.msg_iovlen = 1;
  }
  const int got =
      ::recvmmsg(socket_.native_handle(), batch_->headers.data(), kBatch, MSG_DONTWAIT, nullptr);
  if (got <= 0) return 0;
  const auto count = static_cast<std::size_t>(got);
  for (std::size_t i = 0; i < count; ++i) {
    const auto octets = base::View(batch_->octets[i]).first(batch_->headers[i].msg_len);
    hooks_.datagram(octets, peer_of(batch_->peers[i]));
  }
  return count;
}

std::size_t UdpListener::send(const std::vector<Outgoing>& datagrams) {
  std::size_t sent = 0;
  for (std::size_t at = 0; socket_.is_open() && at < datagrams.size();) {
    const std::size_t count = std::min(kBatch, datagrams.size() - at);
    for (std::size_t i = 0; i < count; ++i) {
      const Outgoing& one = datagrams[at + i];
      const SocketAddress to = to_socket_address(one.to, family_);
      batch_->peers[i] = to.storage;
      // The system does not write through it.
      batch_->pieces[i] = {const_cast<std::uint8_t*>(one.datagram.data()), one.datagram.size()};
      msghdr& header = batch_->headers[i].msg_hdr;
      header = {};
      header.msg_name = &batch_->peers[i];
      header.msg_namelen = to.size;
      header.msg_iov = &batch_->pieces[i];
      header.msg_iovlen = 1;
    }
    const int taken = ::sendmmsg(socket_.native_handle(), batch_->headers.data(),
                                 static_cast<unsigned>(count), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (taken > 0) {
      sent += static_cast<std::size_t>(taken);
      at += static_cast<std::size_t>(taken);
    } else if (taken < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)) {
      break;  // the way out is full: the rest is lost, and sent again in time
    } else {
      ++at;  // this one cannot be sent
    }
  }
  return sent;
}

}  // namespace bip
