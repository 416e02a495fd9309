// GET /metrics over HTTP/1.1 for a Prometheus server, on an event loop of its own: a scrape never
// waits for a card, nor a card for a scrape. Plain text, no TLS, no password: for an address that
// only the monitoring reaches. One answer a connection; few connections, each with a deadline.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/log.h"
#include "base/result.h"

namespace plugin {

// Lifecycle calls come from one thread at a time.
class MetricsEndpoint {
 public:
  // `source` gives the text of a scrape; it is called on the endpoint's thread, must not block and
  // must stay callable until stop().
  using Source = std::function<std::string()>;
  MetricsEndpoint(Source source, base::Log& log);
  ~MetricsEndpoint();

  // "127.0.0.1:9464"; no name resolution. Fails when the address cannot be had.
  base::Status start(const std::string& address);
  void stop();  // ends what is under way; joins
  std::uint16_t port() const;  // 0: not started

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace plugin
