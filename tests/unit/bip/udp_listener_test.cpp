// Proves that datagrams pass the UDP socket in both directions, whole, with their source, in more
// than one batch, over IPv4 and IPv6; and that what cannot be opened is said.
#include "bip/udp_listener.h"

#include <boost/test/unit_test.hpp>

#include <poll.h>
#include <unistd.h>

#include <new>
#include <set>
#include <utility>

#include "tests/support/until.h"

namespace {

using namespace bip;

struct Peer {
  explicit Peer(const std::string& server) {
    const auto place = parse_socket_address(server);
    BOOST_REQUIRE(place);
    fd = ::socket(place->family(), SOCK_DGRAM | SOCK_CLOEXEC, 0);
    BOOST_REQUIRE(::connect(fd, place->get(), place->size) == 0);
  }
  ~Peer() { ::close(fd); }
  void send(std::string_view text) {
    BOOST_REQUIRE(::send(fd, text.data(), text.size(), 0) == static_cast<long>(text.size()));
  }
  std::string receive() {
    pollfd entry{fd, POLLIN, 0};
    if (::poll(&entry, 1, 10'000) <= 0) return "nothing";
    char buffer[4096];
    const long got = ::recv(fd, buffer, sizeof buffer, 0);
    return got < 0 ? "error" : std::string(buffer, static_cast<std::size_t>(got));
  }
  int fd = -1;
};

// Sends back what comes, at the end of each batch.
struct Echo {
  explicit Echo(const std::string& address)
      : listener(loop.context(), {[this](base::View datagram, const SocketPeer& from) {
                                    texts.emplace_back(base::as_text(datagram));
                                    peers.push_back(from);
                                  },
                                  [this] { send(); }}) {
    const auto opened = listener.open(address);
    BOOST_REQUIRE_MESSAGE(opened.ok(), (opened.ok() ? "" : opened.error()));
    BOOST_REQUIRE(listener.port() != 0);
    listener.start();
    BOOST_REQUIRE(loop.start("echo"));
  }
  ~Echo() {
    loop.run_and_wait([this] { listener.close(); });
    loop.stop();
  }
  void send() {
    if (std::exchange(fail, false)) throw std::bad_alloc();
    std::vector<UdpListener::Outgoing> out;
    for (std::size_t i = 0; i < texts.size(); ++i)
      out.push_back({base::as_bytes(texts[i]), peers[i]});
    sent += listener.send(out);
    texts.clear();
    peers.clear();
  }
  base::EventLoop loop;
  std::vector<std::string> texts;
  std::vector<SocketPeer> peers;
  std::size_t sent = 0;
  bool fail = false;  // once
  UdpListener listener;
};

BOOST_AUTO_TEST_SUITE(udp_listener)

BOOST_AUTO_TEST_CASE(both_ways_in_batches) {
  for (const std::string& host : {std::string("127.0.0.1"), std::string("[::1]")}) {
    Echo echo(host + ":0");
    Peer peer(host + ":" + std::to_string(echo.listener.port()));
    Peer other(host + ":" + std::to_string(echo.listener.port()));
    const int count = 200;
    std::set<std::string> wanted, got;
    for (int i = 0; i < count; ++i) {
      const std::string text = std::string(static_cast<std::size_t>(i), 'x') + std::to_string(i);
      wanted.insert(text);
      peer.send(text);
    }
    other.send("from another");
    for (int i = 0; i < count; ++i) got.insert(peer.receive());
    BOOST_TEST((got == wanted));
    BOOST_TEST(other.receive() == "from another");
  }
}

// Whoever has gone (its port answers "unreachable") is no reason to stop.
BOOST_AUTO_TEST_CASE(a_peer_that_has_gone) {
  Echo echo("127.0.0.1:0");
  const std::string server = "127.0.0.1:" + std::to_string(echo.listener.port());
  for (int i = 0; i < 20; ++i) Peer(server).send("gone");
  Peer peer(server);
  peer.send("here");
  BOOST_TEST(peer.receive() == "here");
}

// Running out of memory at the end of a batch costs no more than what it would have sent.
BOOST_AUTO_TEST_CASE(no_memory_for_once) {
  Echo echo("127.0.0.1:0");
  Peer peer("127.0.0.1:" + std::to_string(echo.listener.port()));
  echo.loop.run_and_wait([&] { echo.fail = true; });
  peer.send("first");
  BOOST_REQUIRE(support::until([&] {
    bool failed = false;
    echo.loop.run_and_wait([&] { failed = !echo.fail; });
    return failed;
  }));
  peer.send("second");
  std::set<std::string> got{peer.receive(), peer.receive()};
  BOOST_TEST((got == std::set<std::string>{"first", "second"}));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_opened) {
  Echo echo("127.0.0.1:0");
  for (const std::string& address :
       {"127.0.0.1:" + std::to_string(echo.listener.port()), std::string("localhost:1"),
        std::string("127.0.0.1"), std::string("203.0.113.1:1"), std::string("127.0.0.1:70000")}) {
    base::EventLoop loop;
    UdpListener listener(loop.context(), {});
    const auto opened = listener.open(address);
    BOOST_TEST_CONTEXT(address) {
      BOOST_REQUIRE(!opened.ok());
      BOOST_TEST(opened.error().find(address) != std::string::npos);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
