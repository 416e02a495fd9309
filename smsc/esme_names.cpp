#include "smsc/esme_names.h"

#include <netdb.h>
#include <sys/socket.h>

#include <cstring>
#include <memory>

namespace smsc {

namespace {

using boost::asio::ip::tcp;

constexpr std::size_t kQueued = 64;
constexpr std::size_t kMostAddresses = 8;

Endpoints resolve(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  Endpoints endpoints;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &list) != 0) return endpoints;
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    if (endpoints.size() == kMostAddresses) break;
    tcp::endpoint endpoint;
    if (entry->ai_addrlen > endpoint.capacity()) continue;
    std::memcpy(endpoint.data(), entry->ai_addr, entry->ai_addrlen);
    endpoint.resize(entry->ai_addrlen);
    endpoint.port(port);
    endpoints.push_back(endpoint);
  }
  ::freeaddrinfo(list);
  return endpoints;
}

}  // namespace

bool Names::start() {
  return workers_.start(1, kQueued, "smsc-names", [] { return std::make_unique<Nothing>(); });
}

void Names::stop() { workers_.stop(); }

void Names::look_up(const std::string& host, std::uint16_t port,
                    std::function<void(Endpoints)> found) {
  boost::system::error_code not_numeric;
  const auto address = boost::asio::ip::make_address(host, not_numeric);
  if (!not_numeric) return found({tcp::endpoint(address, port)});
  const auto job = [this, host, port, found](Nothing&) {
    Endpoints endpoints = resolve(host, port);
    loop_.post([found, endpoints] { found(endpoints); });
  };
  if (!workers_.post(job)) found({});
}

}  // namespace smsc
