#include "tests/support/mysql_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace support {

struct MySqlProxy::Pair {
  int client = -1;
  int server = -1;
  std::vector<char> pending;  // of the client, not yet a whole packet
  std::thread thread;
};

namespace {

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  return address;
}

bool send_all(int socket, const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t sent = ::send(socket, data, size, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    data += sent;
    size -= static_cast<std::size_t>(sent);
  }
  return true;
}

// COM_QUERY with COMMIT.
bool is_commit(std::string_view payload) {
  return payload ==
         "\x03"
         "COMMIT";
}

void shut(int socket) { ::shutdown(socket, SHUT_RDWR); }

}  // namespace

MySqlProxy::MySqlProxy(std::string listen_path, std::string server_path)
    : listen_path_(std::move(listen_path)), server_path_(std::move(server_path)) {
  listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_un address = address_of(listen_path_);
  start(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
}

MySqlProxy::MySqlProxy(std::string server_path) : server_path_(std::move(server_path)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  start(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
}

void MySqlProxy::start(bool bound) {
  if (!bound || ::listen(listener_, 64) != 0) {
    throw std::runtime_error("proxy: cannot listen on " + listen_path_);
  }
  acceptor_ = std::thread([this] { accept_all(); });
}

std::uint16_t MySqlProxy::port() const {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

MySqlProxy::~MySqlProxy() {
  shut(listener_);
  acceptor_.join();
  cut_all();
  for (Pair& pair : pairs_) {
    pair.thread.join();
    ::close(pair.client);
    ::close(pair.server);
  }
  ::close(listener_);
  if (!listen_path_.empty()) ::unlink(listen_path_.c_str());
}

void MySqlProxy::cut_all() {
  std::lock_guard lock(mutex_);
  for (Pair& pair : pairs_) {
    shut(pair.client);
    shut(pair.server);
  }
}

void MySqlProxy::accept_all() {
  for (;;) {
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return;
    ++accepted_;
    const int server = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_un address = address_of(server_path_);
    if (refuse_ ||
        ::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      ::close(client);
      ::close(server);
      continue;
    }
    std::lock_guard lock(mutex_);
    Pair& pair = pairs_.emplace_back();
    pair.client = client;
    pair.server = server;
    pair.thread = std::thread([this, &pair] { carry(pair); });
  }
}

void MySqlProxy::carry(Pair& pair) {
  char buffer[64 * 1024];
  for (;;) {
    pollfd ends[2] = {{pair.client, POLLIN, 0}, {pair.server, POLLIN, 0}};
    if (::poll(ends, 2, -1) < 0) break;
    if (ends[0].revents != 0 && !from_client(pair)) break;
    if (ends[1].revents != 0) {
      const ssize_t got = ::recv(pair.server, buffer, sizeof buffer, 0);
      if (got <= 0 || !send_all(pair.client, buffer, static_cast<std::size_t>(got))) break;
    }
  }
  shut(pair.client);
  shut(pair.server);
}

// Passes on whole packets (3 octets of length, little-endian, a number, the payload), so that a
// command is seen before the server sees it.
bool MySqlProxy::from_client(Pair& pair) {
  char buffer[64 * 1024];
  const ssize_t got = ::recv(pair.client, buffer, sizeof buffer, 0);
  if (got <= 0) return false;
  auto& pending = pair.pending;
  pending.insert(pending.end(), buffer, buffer + got);
  for (;;) {
    if (pending.size() < 4) return true;
    const auto octet = [&](std::size_t i) { return static_cast<std::uint8_t>(pending[i]); };
    const std::size_t size =
        4 + (octet(0) | std::size_t{octet(1)} << 8 | std::size_t{octet(2)} << 16);
    if (pending.size() < size) return true;
    const std::string_view payload(pending.data() + 4, size - 4);
    if (is_commit(payload) && !on_commit(pair)) return false;
    if (!send_all(pair.server, pending.data(), size)) return false;
    pending.erase(pending.begin(), pending.begin() + static_cast<std::ptrdiff_t>(size));
  }
}

// False: the connection ends here.
bool MySqlProxy::on_commit(Pair& pair) {
  ++commits_;
  const bool stays = fault_ == Fault::cut_every_commit;
  const Fault fault = stays ? Fault::cut_every_commit : fault_.exchange(Fault::none);
  if (fault == Fault::none) return true;
  if (fault == Fault::cut_before_commit || stays) {
    cut_all();
    return false;
  }
  if (fault == Fault::hold_commit) {
    shut(pair.client);
    std::this_thread::sleep_for(std::chrono::milliseconds(hold_ms_));
  }
  send_all(pair.server, pair.pending.data(), pair.pending.size());
  char answer[256];
  ::recv(pair.server, answer, sizeof answer, 0);  // the server is through with it
  if (fault == Fault::cut_after_commit) cut_all();
  if (fault == Fault::hold_commit) ++late_commits_;
  return false;
}

}  // namespace support
