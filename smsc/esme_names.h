// Host names to addresses without blocking the event loop, and without a wait that nobody can end:
// c-ares on a thread of its own, which asks /etc/hosts and the name servers of /etc/resolv.conf.
#pragma once

#include "base/event_loop.h"

#include <boost/asio/ip/tcp.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace smsc {

using Endpoints = std::vector<boost::asio::ip::tcp::endpoint>;

class Names {
 public:
  // `servers`: name servers instead of the system's, "127.0.0.1:5353"; for tests.
  explicit Names(base::EventLoop& loop, std::string servers = {});
  ~Names();

  bool start();
  void stop();  // gives up what is being looked up, joins; `found` is not called any more
  // Loop thread; `found` too, now (numeric address) or later. Empty: not found, or too many asked.
  void look_up(const std::string& host, std::uint16_t port, std::function<void(Endpoints)> found);

 private:
  class Resolver;
  std::unique_ptr<Resolver> resolver_;
};

}  // namespace smsc
