// The lines between a phone and a network outside of it: each way as documented, in pieces, and
// that a network which says something else is left.
#include "card/radio.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <cstring>
#include <vector>

using card::Radio;

namespace {

struct Network {
  Network() {
    char name[] = "/tmp/bvradio-XXXXXX";
    folder = ::mkdtemp(name);
    path = folder + "/s";
    listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    BOOST_REQUIRE(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    BOOST_REQUIRE(::listen(listener, 1) == 0);
    BOOST_REQUIRE(radio.attach(path, "8944").ok());
    peer = ::accept(listener, nullptr, nullptr);
  }
  ~Network() {
    ::close(listener);
    if (peer >= 0) ::close(peer);
    ::unlink(path.c_str());
    ::rmdir(folder.c_str());
  }
  std::string hears() {
    char text[4096];
    const ssize_t size = ::recv(peer, text, sizeof text, MSG_DONTWAIT);
    return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : "";
  }
  void says(const std::string& text) {
    BOOST_REQUIRE(::send(peer, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
    radio.pump([this](base::View tpdu) { delivered.push_back(base::to_hex(tpdu)); });
  }

  std::string folder, path;
  int listener = -1, peer = -1;
  Radio radio;
  std::vector<std::string> delivered;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(radio, Network)

BOOST_AUTO_TEST_CASE(lines_there_and_back) {
  BOOST_TEST(hears() == "attach 8944\n");
  says("deliver 0102\ndeliver 03");
  BOOST_TEST(delivered.size() == 1u);
  says("04\n");
  BOOST_REQUIRE(delivered.size() == 2u);
  BOOST_TEST(delivered[1] == "0304");
  radio.submit(base::Bytes{0xAB});
  radio.report(base::View());
  radio.report(base::Bytes{0xCD});
  radio.report(std::nullopt);
  BOOST_TEST(hears() == "submit AB\nreport -\nreport CD\nreport refused\n");
  BOOST_TEST(radio.submitting());
  says("taken\n");
  BOOST_TEST(!radio.submitting());
  BOOST_TEST(radio.attached());
  says("taken\n");  // of nothing
  BOOST_TEST(!radio.attached());
}

BOOST_AUTO_TEST_CASE(what_is_no_line_ends_it) {
  says("deliver 01\nhello\ndeliver 02\n");
  BOOST_TEST(delivered.size() == 1u);
  BOOST_TEST(!radio.attached());
  radio.submit(base::Bytes{0xAB});  // nobody hears it, and nothing breaks
}

BOOST_AUTO_TEST_CASE(a_line_without_an_end_ends_it) {
  says("deliver " + std::string(2'000, '0'));
  BOOST_TEST(!radio.attached());
}

BOOST_AUTO_TEST_CASE(the_networks_end_is_seen) {
  ::close(peer);
  peer = -1;
  radio.pump([](base::View) {});
  BOOST_TEST(!radio.attached());
}

BOOST_AUTO_TEST_CASE(nobody_there_is_an_error) {
  Radio other;
  const auto attached = other.attach(folder + "/nobody", "8944");
  BOOST_REQUIRE(!attached.ok());
  BOOST_TEST(attached.error().find(folder) != std::string::npos);
  BOOST_TEST(!other.attach(std::string(200, 'x'), "8944").ok());
}

BOOST_AUTO_TEST_SUITE_END()
