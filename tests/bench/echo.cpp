// bench_echo: the limit of bench-sessions. Takes the same octets in the same pieces as the gateway
// and gives as many back, on Boost.Asio as there, and understands nothing.
//   bench_echo PORTS_FILE FIRST WHOLE ANSWER1 ANSWER2
// TCP and TLS-PSK: ANSWER1 octets after FIRST octets of a connection, ANSWER2 after WHOLE. UDP:
// each datagram begins with how many datagrams it wants back (1 octet) and their sizes (2 octets
// each). TLS: OpenSSL with the gateway's suite, records of the same size.
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>

#include <openssl/ssl.h>
#include <sys/socket.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/test_card.h"

namespace {

using boost::asio::ip::tcp;
using boost::asio::ip::udp;
using boost::system::error_code;

struct Sizes {
  std::size_t first, whole, answers[2];
};

// Looks like an answer: its first octets tell its length.
std::string answer_of(std::size_t size) {
  std::string octets(size, 'a');
  octets[0] = 0x02;
  octets[1] = static_cast<char>(size - 2);
  return octets;
}

unsigned psk(SSL*, const char* identity, unsigned char* key, unsigned room) {
  const base::Bytes own = support::TestCard(identity).psk();
  if (own.size() > room) return 0;
  std::memcpy(key, own.data(), own.size());
  return static_cast<unsigned>(own.size());
}

SSL_CTX* tls_context() {
  SSL_CTX* const context = SSL_CTX_new(TLS_server_method());
  SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_cipher_list(context, "PSK-AES128-GCM-SHA256");
  SSL_CTX_set_psk_server_callback(context, psk);
  return context;
}

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(tcp::socket socket, const Sizes& sizes, SSL_CTX* tls)
      : socket_(std::move(socket)), sizes_(sizes) {
    error_code ignored;
    socket_.non_blocking(true, ignored);
    socket_.set_option(tcp::no_delay(true), ignored);
    if (tls == nullptr) return;
    ssl_ = SSL_new(tls);
    SSL_set_fd(ssl_, socket_.native_handle());
    SSL_set_accept_state(ssl_);
  }
  ~Connection() { SSL_free(ssl_); }

  void read() {
    socket_.async_wait(tcp::socket::wait_read,
                       [self = shared_from_this()](const error_code& failed) {
                         if (!failed && self->on_readable()) self->read();
                       });
  }

 private:
  bool on_readable() {
    static std::array<char, 64 * 1024> octets;
    std::size_t got = 0;
    if (ssl_ != nullptr) {
      for (;;) {
        const int size = SSL_read(ssl_, octets.data(), static_cast<int>(octets.size()));
        if (size <= 0) {
          if (SSL_get_error(ssl_, size) != SSL_ERROR_WANT_READ) return false;
          break;
        }
        got += static_cast<std::size_t>(size);
      }
    } else {
      error_code failed;
      got = socket_.read_some(boost::asio::buffer(octets), failed);
      if (failed) return failed == boost::asio::error::would_block;
    }
    const std::size_t before = std::exchange(filled_, filled_ + got);
    if (before < sizes_.first && filled_ >= sizes_.first) send(sizes_.answers[0]);
    if (before < sizes_.whole && filled_ >= sizes_.whole) send(sizes_.answers[1]);
    return true;
  }
  void send(std::size_t size) {
    const std::string octets = answer_of(size);
    error_code ignored;
    if (ssl_ != nullptr) {
      SSL_write(ssl_, octets.data(), static_cast<int>(size));
    } else {
      socket_.write_some(boost::asio::buffer(octets), ignored);
    }
  }

  tcp::socket socket_;
  const Sizes& sizes_;
  SSL* ssl_ = nullptr;
  std::size_t filled_ = 0;
};

class Streams {
 public:
  Streams(boost::asio::io_context& context, const Sizes& sizes, SSL_CTX* tls)
      : sizes_(sizes), tls_(tls), acceptor_(context, {boost::asio::ip::address_v4::loopback(), 0}) {
    accept();
  }
  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

 private:
  void accept() {
    acceptor_.async_accept([this](const error_code& failed, tcp::socket socket) {
      if (!failed) std::make_shared<Connection>(std::move(socket), sizes_, tls_)->read();
      accept();
    });
  }
  const Sizes& sizes_;
  SSL_CTX* tls_;
  tcp::acceptor acceptor_;
};

// Many datagrams by one system call, as the gateway does.
class Datagrams {
 public:
  explicit Datagrams(boost::asio::io_context& context)
      : socket_(context, {boost::asio::ip::address_v4::loopback(), 0}) {
    socket_.non_blocking(true);
    socket_.set_option(boost::asio::socket_base::receive_buffer_size(kSocketBuffer));
    for (std::size_t i = 0; i < kBatch; ++i) {
      parts_[i] = {octets_[i].data(), octets_[i].size()};
      in_[i].msg_hdr.msg_iov = &parts_[i];
      in_[i].msg_hdr.msg_iovlen = 1;
      in_[i].msg_hdr.msg_name = &from_[i];
    }
    wait();
  }
  std::uint16_t port() const { return socket_.local_endpoint().port(); }

 private:
  static constexpr std::size_t kBatch = 64;
  static constexpr int kSocketBuffer = 4 * 1024 * 1024;  // as the gateway's

  void wait() {
    socket_.async_wait(udp::socket::wait_read, [this](const error_code& failed) {
      if (!failed) receive();
      wait();
    });
  }
  void receive() {
    for (mmsghdr& one : in_) one.msg_hdr.msg_namelen = sizeof(sockaddr_storage);
    const int got = ::recvmmsg(socket_.native_handle(), in_.data(), kBatch, MSG_DONTWAIT, nullptr);
    std::vector<mmsghdr> out;
    std::vector<iovec> parts;
    parts.reserve(kBatch * 16);
    for (int i = 0; i < got; ++i) {
      const auto index = static_cast<std::size_t>(i);
      const auto* const octets = reinterpret_cast<const std::uint8_t*>(octets_[index].data());
      for (std::size_t reply = 0; reply < octets[0] && reply < 16; ++reply) {
        const std::size_t size = octets[1 + 2 * reply] << 8 | octets[2 + 2 * reply];
        parts.push_back({answer_.data(), std::min(size, answer_.size())});
        mmsghdr one{};
        one.msg_hdr.msg_iov = &parts.back();
        one.msg_hdr.msg_iovlen = 1;
        one.msg_hdr.msg_name = &from_[index];
        one.msg_hdr.msg_namelen = in_[index].msg_hdr.msg_namelen;
        out.push_back(one);
      }
    }
    if (!out.empty()) {
      ::sendmmsg(socket_.native_handle(), out.data(), static_cast<unsigned>(out.size()), 0);
    }
  }

  udp::socket socket_;
  std::array<std::array<char, 2048>, kBatch> octets_{};
  std::array<iovec, kBatch> parts_{};
  std::array<sockaddr_storage, kBatch> from_{};
  std::array<mmsghdr, kBatch> in_{};
  std::array<char, 2048> answer_{};
};

}  // namespace

int main(int count, char** arguments) {
  if (count != 6) return 2;
  const Sizes sizes{std::stoul(arguments[2]),
                    std::stoul(arguments[3]),
                    {std::stoul(arguments[4]), std::stoul(arguments[5])}};
  boost::asio::io_context context(1);
  const Streams plain(context, sizes, nullptr);
  const Streams tls(context, sizes, tls_context());
  const Datagrams datagrams(context);
  for (const std::size_t size : sizes.answers) {
    if (size < 3 || size > 129) return 2;  // the short form of the length
  }
  const std::string path = arguments[1];
  std::ofstream(path + ".new") << "{\"tcp\": " << plain.port() << ", \"tls_psk\": " << tls.port()
                               << ", \"cat_tp\": " << datagrams.port() << "}\n";
  if (std::rename((path + ".new").c_str(), path.c_str()) != 0) return 1;
  context.run();
  return 0;
}
