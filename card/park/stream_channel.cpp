#include "card/park/channel.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "card/park/visit.h"
#include "card/tls_end.h"

namespace card::park {
namespace {

constexpr std::uint32_t kLoopbackNet = 0x7F000000;
constexpr std::uint8_t kResponsePacket = 0x02;

class StreamChannel : public Channel {
 public:
  StreamChannel(int descriptor, std::int64_t delay_ms) : fd_(descriptor), delay_ms_(delay_ms) {}
  ~StreamChannel() override {
    if (fd_ >= 0) ::close(fd_);
  }
  StreamChannel(const StreamChannel&) = delete;
  StreamChannel& operator=(const StreamChannel&) = delete;

  void speak_tls(std::string identity, base::View psk, std::shared_ptr<ssl_ctx_st> context,
                 base::Now now) {
    tls_ = std::make_unique<TlsEnd>(std::move(identity), psk, std::move(context));
    put(tls_->take_output(), now);
  }

  void send(base::View packet, base::Now now) override {
    if (state_ == State::closed) return;
    if (!tls_) return put(packet, now);
    if (!tls_->open()) {
      waiting_.emplace_back(packet.begin(), packet.end());
      return;
    }
    tls_->send(packet);
    put(tls_->take_output(), now);
  }
  std::optional<base::Bytes> answer(base::Now) override {
    base::Reader reader(input_);
    reader.u8();
    reader.take(reader.ber_length());
    // What cannot be a packet is given as it is: it does not verify.
    const bool none = strange();
    if (!reader.ok() && !none) return std::nullopt;
    const auto end = none ? input_.end() : input_.begin() + static_cast<long>(reader.position());
    base::Bytes packet(input_.begin(), end);
    input_.erase(input_.begin(), end);
    if (input_.empty()) base::Bytes().swap(input_);
    return packet;
  }
  void close(base::Now now) override {
    if (tls_ && tls_->open()) {
      tls_->close();
      put(tls_->take_output(), now);
      write();
    }
    state_ = State::closed;
  }
  State state() const override { return state_; }
  int descriptor() const override { return fd_; }
  bool wants_write() const override { return connecting_ || blocked_; }

  void on_ready(bool readable, bool writable, base::Now now) override {
    if (connecting_ && writable) connected();
    if (writable) blocked_ = false;
    if (readable && !connecting_) read(now);
    flush(now);
  }
  std::int64_t deadline() const override {
    return delayed_.empty() ? kNever : delayed_.front().due;
  }
  void on_deadline(base::Now now) override { flush(now); }

 private:
  struct Delayed {
    std::int64_t due;
    base::Bytes octets;
  };

  // No response packet begins like that: its identifier, or a length in another form than the one
  // of up to two octets.
  bool strange() const {
    if (input_.empty()) return false;
    const bool bad_length = input_.size() > 1 && (input_[1] == 0x80 || input_[1] > 0x82);
    return input_[0] != kResponsePacket || bad_length;
  }
  void put(base::View octets, base::Now now) {
    if (octets.empty()) return;
    if (delay_ms_ > 0) {
      delayed_.push_back({now.mono_ms + delay_ms_, base::Bytes(octets.begin(), octets.end())});
      return;
    }
    // Each packet is one piece, as a card's SEND DATA is.
    if (connecting_ || blocked_ || !output_.empty()) {
      output_.insert(output_.end(), octets.begin(), octets.end());
      return;
    }
    const ssize_t sent = ::send(fd_, octets.data(), octets.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) {
      state_ = State::closed;
      return;
    }
    const auto left = octets.subspan(static_cast<std::size_t>(std::max<ssize_t>(sent, 0)));
    blocked_ = !left.empty();
    output_.assign(left.begin(), left.end());
  }
  void flush(base::Now now) {
    while (!delayed_.empty() && delayed_.front().due <= now.mono_ms) {
      const base::Bytes& octets = delayed_.front().octets;
      output_.insert(output_.end(), octets.begin(), octets.end());
      delayed_.pop_front();
    }
    write();
  }
  void write() {
    if (connecting_ || blocked_ || output_.empty() || state_ == State::closed) return;
    const ssize_t sent = ::send(fd_, output_.data(), output_.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) {
      state_ = State::closed;
      return;
    }
    output_.erase(output_.begin(), output_.begin() + std::max<ssize_t>(sent, 0));
    blocked_ = !output_.empty();
    if (output_.empty()) base::Bytes().swap(output_);
  }
  void connected() {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    connecting_ = false;
    if (error != 0) state_ = State::closed;
    if (error == 0 && !tls_) state_ = State::open;
  }
  void read(base::Now now) {
    std::array<std::uint8_t, 4096> piece;
    const ssize_t got = ::recv(fd_, piece.data(), piece.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
      state_ = State::closed;
      return;
    }
    const auto octets = base::View(piece).first(static_cast<std::size_t>(got));
    if (!tls_) {
      input_.insert(input_.end(), octets.begin(), octets.end());
      return;
    }
    tls_->feed(octets);
    put(tls_->take_output(), now);
    const base::Bytes plain = tls_->take_plain();
    input_.insert(input_.end(), plain.begin(), plain.end());
    if (tls_->ended()) state_ = State::closed;
    if (!tls_->open() || state_ != State::opening) return;
    state_ = State::open;
    for (const base::Bytes& packet : std::exchange(waiting_, {})) send(packet, now);
  }

  int fd_;
  const std::int64_t delay_ms_;
  std::unique_ptr<TlsEnd> tls_;
  std::vector<base::Bytes> waiting_;  // packets, until TLS is open
  std::deque<Delayed> delayed_;
  base::Bytes output_;
  base::Bytes input_;
  State state_ = State::opening;
  bool connecting_ = true;
  bool blocked_ = false;
};

}  // namespace

std::unique_ptr<Channel> open_stream(const Settings& settings, const ParkCard& card,
                                     std::uint32_t source, std::shared_ptr<ssl_ctx_st> tls,
                                     base::Now now) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return nullptr;
  auto channel = std::make_unique<StreamChannel>(fd, settings.delay_ms);
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (source != 0) {
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_addr.s_addr = htonl(kLoopbackNet | source);
    ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0) return nullptr;
  }
  sockaddr_in server{};
  server.sin_family = AF_INET;
  server.sin_port = htons(settings.server.port);
  std::memcpy(&server.sin_addr, settings.server.ip.data(), 4);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&server), sizeof server) != 0 &&
      errno != EINPROGRESS) {
    return nullptr;
  }
  if (tls) {
    channel->speak_tls(iccid_digits(card.iccid), card.keys.psk.view(), std::move(tls), now);
  } else {
    channel->send(identification_packet(card.iccid), now);
  }
  return channel;
}

}  // namespace card::park
