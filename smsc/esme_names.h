// Host names to addresses without blocking the event loop: one thread that waits for the resolver.
#pragma once

#include "base/event_loop.h"

#include <boost/asio/ip/tcp.hpp>

#include <functional>
#include <string>
#include <vector>

#include "base/workers.h"

namespace smsc {

using Endpoints = std::vector<boost::asio::ip::tcp::endpoint>;

class Names {
 public:
  explicit Names(base::EventLoop& loop) : loop_(loop) {}

  bool start();
  void stop();  // joins; waits for a look-up under way, as long as the system's resolver does
  // Loop thread; `found` too, now (numeric address) or later. Empty: not found, or too many asked.
  void look_up(const std::string& host, std::uint16_t port, std::function<void(Endpoints)> found);

 private:
  struct Nothing {};
  base::EventLoop& loop_;
  base::Workers<Nothing> workers_;
};

}  // namespace smsc
