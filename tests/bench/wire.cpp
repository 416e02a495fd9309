#include "tests/bench/wire.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <array>
#include <chrono>
#include <random>

#include "base/clock.h"
#include "bip/cat_tp.h"
#include "card/tls_end.h"

namespace bench {

namespace {

using boost::asio::ip::tcp;
using boost::asio::ip::udp;
using boost::system::error_code;

constexpr std::uint16_t kOwnPort = 1;
constexpr std::uint16_t kVaultPort = 9000;
constexpr auto kPatience = std::chrono::seconds(5);  // for the datagrams of a replay

class StreamWire : public Wire, public std::enable_shared_from_this<StreamWire> {
 public:
  StreamWire(boost::asio::io_context& context, std::uint16_t port,
             std::unique_ptr<card::TlsEnd> tls)
      : socket_(context),
        server_(boost::asio::ip::address_v4::loopback(), port),
        tls_(std::move(tls)) {}

  void open(std::function<void()> event) override {
    event_ = std::move(event);
    error_code error;
    socket_.open(tcp::v4(), error);
    if (error) return fail();
    socket_.async_connect(server_, [self = shared_from_this()](const error_code& failed) {
      if (failed) return self->fail();
      error_code ignored;
      self->socket_.non_blocking(true, ignored);
      self->socket_.set_option(tcp::no_delay(true), ignored);
      self->connected_ = true;
      if (self->tls_) self->write(self->tls_->take_output());
      self->read();
      if (!self->tls_) self->tell();
    });
  }
  void send(base::View piece) override {
    if (!tls_) return write(piece);
    tls_->send(piece);
    write(tls_->take_output());
  }
  std::optional<base::Bytes> answer() override {
    base::Reader reader(input_);
    reader.u8();
    reader.take(reader.ber_length());
    if (!reader.ok()) return std::nullopt;
    const auto end = input_.begin() + static_cast<long>(reader.position());
    base::Bytes first(input_.begin(), end);
    input_.erase(input_.begin(), end);
    return first;
  }
  bool is_open() const override { return connected_ && (!tls_ || tls_->open()); }
  bool failed() const override { return failed_; }
  void close() override {
    event_ = nullptr;
    if (tls_ && tls_->open()) {
      tls_->close();
      write(tls_->take_output());
    }
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  void tell() {
    const auto event = event_;  // it may close this wire
    if (event) event();
  }
  void fail() {
    failed_ = true;
    tell();
  }
  void write(base::View octets) {
    std::size_t sent = 0;
    error_code error;
    if (output_.empty() && !octets.empty()) {
      sent = socket_.write_some(boost::asio::buffer(octets.data(), octets.size()), error);
      if (error && error != boost::asio::error::would_block) return fail();
    }
    const bool waits = !output_.empty();
    output_.insert(output_.end(), octets.begin() + static_cast<long>(sent), octets.end());
    if (!waits && !output_.empty()) write_later();
  }
  void write_later() {
    socket_.async_wait(tcp::socket::wait_write, [self = shared_from_this()](const error_code& e) {
      if (e) return;
      const base::Bytes octets = std::exchange(self->output_, {});
      self->write(octets);
    });
  }
  void read() {
    socket_.async_wait(tcp::socket::wait_read, [self = shared_from_this()](const error_code& e) {
      if (!e && self->event_) self->on_readable();
    });
  }
  void on_readable() {
    std::array<std::uint8_t, 4096> octets;
    error_code error;
    const std::size_t got = socket_.read_some(boost::asio::buffer(octets), error);
    if (error && error != boost::asio::error::would_block) return fail();
    base::View plain = base::View(octets).first(got);
    base::Bytes deciphered;
    if (tls_) {
      tls_->feed(plain);
      write(tls_->take_output());
      deciphered = tls_->take_plain();
      plain = deciphered;
      if (tls_->ended()) return fail();
    }
    input_.insert(input_.end(), plain.begin(), plain.end());
    read();
    tell();
  }

  tcp::socket socket_;
  tcp::endpoint server_;
  std::unique_ptr<card::TlsEnd> tls_;
  std::function<void()> event_;
  base::Bytes input_, output_;
  bool connected_ = false;
  bool failed_ = false;
};

// What the two that speak UDP share.
class DatagramWire : public Wire {
 public:
  DatagramWire(boost::asio::io_context& context, std::uint16_t port)
      : socket_(context), timer_(context), server_(boost::asio::ip::address_v4::loopback(), port) {}
  bool failed() const override { return failed_; }

 protected:
  bool connect(std::function<void()> event) {
    event_ = std::move(event);
    error_code error;
    socket_.open(udp::v4(), error);
    if (!error) socket_.connect(server_, error);
    if (!error) socket_.non_blocking(true, error);
    failed_ = static_cast<bool>(error);
    return !failed_;
  }
  void put(base::View datagram) {
    error_code ignored;
    socket_.send(boost::asio::buffer(datagram.data(), datagram.size()), 0, ignored);
  }
  // Nothing: none is there.
  std::optional<base::View> get() {
    error_code error;
    const std::size_t got = socket_.receive(boost::asio::buffer(octets_), 0, error);
    if (error) return std::nullopt;
    return base::View(octets_).first(got);
  }
  void end() {
    event_ = nullptr;
    error_code ignored;
    timer_.cancel(ignored);
    socket_.close(ignored);
  }
  void tell() {
    const auto event = event_;  // it may close this wire
    if (event) event();
  }

  udp::socket socket_;
  boost::asio::steady_timer timer_;
  std::function<void()> event_;
  bool failed_ = false;

 private:
  udp::endpoint server_;
  std::array<std::uint8_t, 2048> octets_{};
};

class LinkWire : public DatagramWire, public std::enable_shared_from_this<LinkWire> {
 public:
  LinkWire(boost::asio::io_context& context, std::uint16_t port, const support::TestCard& card,
           Recording* recording)
      : DatagramWire(context, port),
        identification_(card.iccid.to_ef()),
        recording_(recording),
        machine_(settings(), {kOwnPort, kVaultPort}) {}

  void open(std::function<void()> event) override {
    if (!connect(std::move(event))) return tell();
    static std::mt19937 random{std::random_device{}()};
    machine_.open(identification_, static_cast<std::uint16_t>(random()), clock_.now(), out_);
    flush();
    read();
  }
  void send(base::View piece) override {
    machine_.send(piece, clock_.now(), out_);
    flush();
  }
  std::optional<base::Bytes> answer() override {
    auto sdu = machine_.take(clock_.now(), out_);
    flush();
    return sdu;
  }
  bool is_open() const override { return machine_.phase() == bip::CatTp::Phase::open; }
  void close() override {
    machine_.close(bip::CatTpReset::normal, clock_.now(), out_);
    flush();
    end();
  }

 private:
  static const bip::CatTpSettings& settings() {
    static const bip::CatTpSettings numbers;
    return numbers;
  }
  void flush() {
    for (std::size_t i = 0; i < out_.count(); ++i) {
      if (recording_ != nullptr) recording_->push_back({true, out_[i].size()});
      put(out_[i]);
    }
    out_.clear();
  }
  void read() {
    socket_.async_wait(udp::socket::wait_read, [self = shared_from_this()](const error_code& e) {
      if (!e && self->event_) self->on_readable();
    });
    watch();
  }
  void on_readable() {
    while (const auto datagram = get()) {
      if (recording_ != nullptr) recording_->push_back({false, datagram->size()});
      if (const auto pdu = bip::decode_cat_tp(*datagram)) machine_.feed(*pdu, clock_.now(), out_);
    }
    flush();
    failed_ = machine_.phase() == bip::CatTp::Phase::closed && !machine_.readable();
    if (!failed_) read();
    tell();
  }
  void watch() {
    const std::int64_t due = machine_.deadline();
    if (due == watched_) return;
    watched_ = due;
    if (due == bip::CatTp::kNever) return;
    timer_.expires_after(std::chrono::milliseconds(due - clock_.now().mono_ms));
    timer_.async_wait([self = shared_from_this()](const error_code& e) {
      if (e || !self->event_) return;
      self->machine_.on_deadline(self->clock_.now(), self->out_);
      self->flush();
      self->failed_ = self->machine_.phase() == bip::CatTp::Phase::closed;
      self->watched_ = bip::CatTp::kNever;
      self->watch();
      if (self->failed_) self->tell();
    });
  }

  const std::array<std::uint8_t, 10> identification_;
  Recording* const recording_;
  const base::SystemClock clock_;
  bip::CatTp machine_;
  bip::CatTpOutput out_;
  std::int64_t watched_ = bip::CatTp::kNever;
};

class ReplayWire : public DatagramWire, public std::enable_shared_from_this<ReplayWire> {
 public:
  ReplayWire(boost::asio::io_context& context, std::uint16_t port, const Recording& recording)
      : DatagramWire(context, port), recording_(recording) {}

  void open(std::function<void()> event) override {
    if (!connect(std::move(event))) return tell();
    timer_.expires_after(kPatience);
    timer_.async_wait([self = shared_from_this()](const error_code& e) {
      if (e) return;
      self->failed_ = true;  // a datagram was lost
      self->tell();
    });
    play();
    read();
  }
  void send(base::View) override {}
  std::optional<base::Bytes> answer() override {
    if (place_ < recording_.size() || given_ == 2) return std::nullopt;
    ++given_;
    return base::Bytes();
  }
  bool is_open() const override { return true; }
  void close() override { end(); }

 private:
  // Sends up to the next datagram that is to come back, each asking for those that follow it.
  void play() {
    while (place_ < recording_.size() && recording_[place_].out) {
      const std::size_t size = recording_[place_++].size;
      std::array<std::uint8_t, 2048> datagram{};
      std::size_t replies = 0;
      for (std::size_t i = place_; i < recording_.size() && !recording_[i].out; ++i, ++replies) {
        datagram[1 + 2 * replies] = static_cast<std::uint8_t>(recording_[i].size >> 8);
        datagram[2 + 2 * replies] = static_cast<std::uint8_t>(recording_[i].size);
      }
      datagram[0] = static_cast<std::uint8_t>(replies);
      put(base::View(datagram).first(std::max(size, 1 + 2 * replies)));
    }
  }
  void read() {
    socket_.async_wait(udp::socket::wait_read, [self = shared_from_this()](const error_code& e) {
      if (e || !self->event_) return;
      while (self->get()) {
        ++self->place_;
        self->play();
      }
      if (self->place_ < self->recording_.size()) self->read();
      self->tell();
    });
  }

  const Recording& recording_;
  std::size_t place_ = 0;
  int given_ = 0;
};

}  // namespace

std::shared_ptr<Wire> make_wire(boost::asio::io_context& context, Channel channel,
                                std::uint16_t port, const support::TestCard& card,
                                Recording* recording) {
  if (channel == Channel::cat_tp) {
    return std::make_shared<LinkWire>(context, port, card, recording);
  }
  std::unique_ptr<card::TlsEnd> tls;
  if (channel == Channel::tls_psk) {
    static const auto shared = card::TlsEnd::make_context();
    tls = std::make_unique<card::TlsEnd>(card.iccid.digits(), card.psk(), shared);
  }
  return std::make_shared<StreamWire>(context, port, std::move(tls));
}

std::shared_ptr<Wire> make_replay(boost::asio::io_context& context, std::uint16_t port,
                                  const Recording& recording) {
  return std::make_shared<ReplayWire>(context, port, recording);
}

}  // namespace bench
