// Proves that names are found, that what is not there is said so, and that a name server that never
// answers does not keep a stop waiting.
#include "smsc/esme_names.h"

#include <boost/test/unit_test.hpp>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <thread>

#include "base/bytes.h"
#include "base/guarded.h"
#include "tests/support/until.h"

namespace {

using smsc::Endpoints;
using support::until;

// A name server on a loopback port: knows one name, or only listens.
class NameServer {
 public:
  explicit NameServer(bool answers) : answers_(answers) {
    socket_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof own;
    BOOST_REQUIRE(::bind(socket_, reinterpret_cast<sockaddr*>(&own), size) == 0);
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&own), &size);
    port_ = ntohs(own.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~NameServer() {
    stop_ = true;
    thread_.join();
    ::close(socket_);
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  int asked() const { return asked_; }

 private:
  void run() {
    while (!stop_) {
      pollfd wait{socket_, POLLIN, 0};
      if (::poll(&wait, 1, 5) <= 0) continue;
      std::uint8_t query[512];
      sockaddr_in from{};
      socklen_t size = sizeof from;
      const ssize_t got =
          ::recvfrom(socket_, query, sizeof query, 0, reinterpret_cast<sockaddr*>(&from), &size);
      if (got < 17) continue;
      ++asked_;
      if (!answers_) continue;
      const base::Bytes answer = answer_to(base::View(query, static_cast<std::size_t>(got)));
      ::sendto(socket_, answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
    }
  }
  // RFC 1035: the question back, and for smsc.example one A record with 192.0.2.7.
  static base::Bytes answer_to(base::View query) {
    std::size_t end = 12;
    while (query[end] != 0) end += query[end] + 1u;
    const base::View question = query.subspan(12, end + 5 - 12);
    const bool known = base::as_text(question).starts_with("\x04smsc\x07" "example");
    const bool address = question[question.size() - 3] == 1;
    base::Writer out;
    out.bytes(query.first(2)).u16(known ? 0x8180 : 0x8183).u16(1);
    out.u16(known && address ? 1 : 0).u16(0).u16(0).bytes(question);
    if (known && address) {
      out.u16(0xC00C).u16(1).u16(1).u32(60).u16(4).u8(192).u8(0).u8(2).u8(7);
    }
    return out.take();
  }

  const bool answers_;
  int socket_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> stop_{false};
  std::atomic<int> asked_{0};
  std::thread thread_;
};

struct Fixture {
  base::EventLoop loop;
  base::Guarded<std::vector<Endpoints>> found;

  Fixture() { BOOST_REQUIRE(loop.start("test-loop")); }
  void look_up(smsc::Names& names, const std::string& host) {
    loop.run_and_wait([&] {
      names.look_up(host, 2775, [this](Endpoints endpoints) {
        found.with([&](auto& all) { all.push_back(std::move(endpoints)); });
      });
    });
  }
  std::size_t count() {
    return found.with([](auto& all) { return all.size(); });
  }
  Endpoints last() {
    return found.with([](auto& all) { return all.back(); });
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(names, Fixture)

BOOST_AUTO_TEST_CASE(found_and_not_found) {
  NameServer server(true);
  smsc::Names names(loop, server.address());
  BOOST_REQUIRE(names.start());
  look_up(names, "smsc.example");
  BOOST_REQUIRE(until([&] { return count() == 1; }));
  BOOST_REQUIRE(last().size() == 1u);
  BOOST_TEST(last()[0].address().to_string() == "192.0.2.7");
  BOOST_TEST(last()[0].port() == 2775);
  look_up(names, "nobody.example");
  BOOST_REQUIRE(until([&] { return count() == 2; }));
  BOOST_TEST(last().empty());
  look_up(names, "smsc.example");  // the next one is asked for anew
  BOOST_REQUIRE(until([&] { return count() == 3; }));
  BOOST_TEST(last().size() == 1u);
  names.stop();
}

BOOST_AUTO_TEST_CASE(numbers_and_the_local_host_need_no_server) {
  NameServer server(false);
  smsc::Names names(loop, server.address());
  BOOST_REQUIRE(names.start());
  look_up(names, "192.0.2.1");
  BOOST_TEST(count() == 1u);
  BOOST_TEST(last()[0].address().to_string() == "192.0.2.1");
  look_up(names, "localhost");
  BOOST_REQUIRE(until([&] { return count() == 2; }));
  BOOST_TEST(!last().empty());
  BOOST_TEST(server.asked() == 0);
  names.stop();
}

BOOST_AUTO_TEST_CASE(a_silent_server_keeps_no_stop_waiting) {
  NameServer server(false);
  smsc::Names names(loop, server.address());
  BOOST_REQUIRE(names.start());
  look_up(names, "smsc.example");
  BOOST_REQUIRE(until([&] { return server.asked() > 0; }));
  const auto began = std::chrono::steady_clock::now();
  names.stop();
  // Three tries of five seconds and more would be waited for otherwise.
  BOOST_TEST((std::chrono::steady_clock::now() - began < std::chrono::seconds(4)));
  loop.run_and_wait([] {});
  BOOST_TEST(count() == 0u);
  BOOST_REQUIRE(names.start());  // and again
  look_up(names, "127.0.0.1");
  BOOST_TEST(count() == 1u);
  names.stop();
}

BOOST_AUTO_TEST_CASE(so_many_at_once) {
  NameServer server(true);
  smsc::Names names(loop, server.address());
  BOOST_REQUIRE(names.start());
  for (int i = 0; i < 40; ++i) look_up(names, i % 2 == 0 ? "smsc.example" : "nobody.example");
  BOOST_REQUIRE(until([&] { return count() == 40; }));
  names.stop();
}

BOOST_AUTO_TEST_SUITE_END()
