// A listening TCP socket on the event loop. Out of descriptors it pauses, it never spins.
// Loop thread only, but for open() and port() before the loop runs.
#pragma once

#include "base/event_loop.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"
#include "bip/faults.h"
#include "bip/limiter.h"

namespace bip {

class Listener {
 public:
  struct Hooks {
    // Takes over the descriptor (non-blocking, close-on-exec).
    std::function<void(int descriptor, const Address& from)> accepted;
    std::function<bool()> may_accept;  // false: pause until resume()
    std::function<void(Fault)> fault;
  };
  Listener(boost::asio::io_context& context, Hooks hooks);

  // "127.0.0.1:7100" or "[::1]:7100"; no name resolution. Port 0: any free one.
  base::Status open(const std::string& address);
  std::uint16_t port() const { return port_; }

  void start() { wait(); }
  void resume();  // may_accept() has become true
  void close();

 private:
  void wait();
  void accept_some();
  void pause();

  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer retry_;
  Hooks hooks_;
  std::uint16_t port_ = 0;
  bool waiting_ = false;
  bool full_ = false;
};

}  // namespace bip
