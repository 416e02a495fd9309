// An SMSC on a loopback port, in a thread of its own, that behaves as the test says. What it does
// with each request is a function that runs in that thread.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <list>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "smsc/framing.h"
#include "smsc/pdu.h"

namespace scripted {

class FakeSmsc {
 public:
  struct Client {
    int fd = -1;
    smsc::Framer framer{100'000};
    base::Bytes out;
    bool close = false;
    void say(std::uint32_t command, std::uint32_t status, std::uint32_t sequence,
             std::string_view body = "") {
      const std::size_t start = out.size();
      smsc::append_header(out, command, status, sequence);
      out.insert(out.end(), body.begin(), body.end());
      smsc::patch_length(out, start);
    }
    void answer(const smsc::Header& header, std::uint32_t status, std::string_view body = "") {
      say(header.command | smsc::command::kResponse, status, header.sequence, body);
    }
  };
  using Handler = std::function<void(Client&, const smsc::Frame&)>;

  explicit FakeSmsc(Handler handler) : handler_(std::move(handler)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof own;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&own), size) != 0 ||
        ::listen(listener_, 16) != 0) {
      throw std::runtime_error("listen");
    }
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&own), &size);
    port_ = ntohs(own.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~FakeSmsc() {
    stop_ = true;
    thread_.join();
    for (Client& client : clients_) ::close(client.fd);
    ::close(listener_);
  }

  std::uint16_t port() const { return port_; }
  int accepted() const { return accepted_; }
  // Runs f on every client in the SMSC's thread, soon.
  void each(std::function<void(Client&)> f) {
    std::lock_guard lock(mutex_);
    orders_.push_back(std::move(f));
  }

  // Binds, enquires and unbinds are answered, submits accepted with their number as id.
  static void behave(Client& client, const smsc::Frame& frame) {
    const smsc::Header& header = frame.header;
    switch (header.command) {
      case smsc::command::kSubmitSm:
        return client.answer(header, 0, std::to_string(header.sequence) + '\0');
      case smsc::command::kBindTransceiver:
      case smsc::command::kBindTransmitter:
      case smsc::command::kBindReceiver:
        return client.answer(header, 0, std::string_view("fake\0", 5));
      case smsc::command::kUnbind:
        client.close = true;
        return client.answer(header, 0);
      case smsc::command::kEnquireLink:
        return client.answer(header, 0);
      default:
        return;
    }
  }

 private:
  void run() {
    while (!stop_) {
      std::vector<pollfd> waits{{listener_, POLLIN, 0}};
      for (Client& client : clients_) waits.push_back({client.fd, POLLIN, 0});
      ::poll(waits.data(), waits.size(), 5);
      if ((waits[0].revents & POLLIN) != 0) accept_one();
      std::vector<std::function<void(Client&)>> orders;
      {
        std::lock_guard lock(mutex_);
        orders.swap(orders_);
      }
      for (auto client = clients_.begin(); client != clients_.end();) {
        for (const auto& order : orders) order(*client);
        const bool alive = serve(*client);
        if (!alive) ::close(client->fd);
        client = alive ? std::next(client) : clients_.erase(client);
      }
    }
  }
  void accept_one() {
    Client client;
    client.fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client.fd < 0) return;
    ++accepted_;
    clients_.push_back(std::move(client));
  }
  bool serve(Client& client) {
    std::uint8_t buffer[65536];
    const ssize_t size = ::recv(client.fd, buffer, sizeof buffer, 0);
    if (size == 0) return false;
    if (size > 0) client.framer.feed(base::View(buffer, static_cast<std::size_t>(size)));
    while (const auto frame = client.framer.next()) handler_(client, *frame);
    while (!client.out.empty()) {
      const ssize_t sent = ::send(client.fd, client.out.data(), client.out.size(), MSG_NOSIGNAL);
      if (sent <= 0) break;
      client.out.erase(client.out.begin(), client.out.begin() + sent);
    }
    return !(client.close && client.out.empty());
  }

  Handler handler_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> stop_{false};
  std::atomic<int> accepted_{0};
  std::list<Client> clients_;
  std::mutex mutex_;
  std::vector<std::function<void(Client&)>> orders_;
  std::thread thread_;
};

}  // namespace scripted
