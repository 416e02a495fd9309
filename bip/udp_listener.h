// A UDP socket on the event loop: datagrams in and out in batches, one system call for many.
// A datagram that the system does not take is lost, as it may be on its way. Loop thread only, but
// for open() and port() before the loop runs.
#pragma once

#include "base/event_loop.h"

#include <boost/asio/ip/udp.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "bip/socket_address.h"

namespace bip {

class UdpListener {
 public:
  struct Hooks {
    std::function<void(base::View datagram, const SocketPeer& from)> datagram;
    std::function<void()> batch_done;  // after the datagrams of one wake-up
  };
  struct Outgoing {
    base::View datagram;
    SocketPeer to;
  };

  UdpListener(boost::asio::io_context& context, Hooks hooks);
  ~UdpListener();

  // "127.0.0.1:7102" or "[::1]:7102"; no name resolution. Port 0: any free one. An address of all
  // interfaces answers from whichever the system chooses: name the address that cards are told.
  base::Status open(const std::string& address);
  std::uint16_t port() const { return port_; }

  void start() { wait(); }
  void close();

  // How many the system has taken.
  std::size_t send(const std::vector<Outgoing>& datagrams);

 private:
  struct Batch;
  void wait();
  void receive_some();
  std::size_t receive_batch();

  boost::asio::ip::udp::socket socket_;
  Hooks hooks_;
  std::unique_ptr<Batch> batch_;
  int family_ = 0;
  std::uint16_t port_ = 0;
};

}  // namespace bip
