#include "smsc/esme_names.h"

#include <ares.h>
#include <netdb.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <utility>

#include "base/guarded.h"
#include "base/thread.h"

namespace smsc {

namespace {

using boost::asio::ip::tcp;

constexpr std::size_t kQueued = 64;
constexpr std::size_t kMostAddresses = 8;
constexpr int kServerTimeoutMs = 5'000;  // of one server, the first time; then longer
constexpr int kTries = 3;

Endpoints endpoints_of(const ares_addrinfo* found, std::uint16_t port) {
  Endpoints endpoints;
  const ares_addrinfo_node* node = found == nullptr ? nullptr : found->nodes;
  for (; node != nullptr && endpoints.size() < kMostAddresses; node = node->ai_next) {
    tcp::endpoint endpoint;
    if (node->ai_addrlen > endpoint.capacity()) continue;
    std::memcpy(endpoint.data(), node->ai_addr, node->ai_addrlen);
    endpoint.resize(node->ai_addrlen);
    endpoint.port(port);
    endpoints.push_back(endpoint);
  }
  return endpoints;
}

}  // namespace

class Names::Resolver {
 public:
  Resolver(base::EventLoop& loop, std::string servers)
      : loop_(loop),
        servers_(std::move(servers)),
        wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~Resolver() {
    stop();
    if (wake_ >= 0) ::close(wake_);
  }

  bool start() {
    stopping_ = false;
    return wake_ >= 0 && thread_.start("smsc-names", [this] { run(); });
  }
  void stop() {
    stopping_ = true;
    ring();
    thread_.join();
    asks_.with([](std::vector<Ask>& asks) { asks.clear(); });
  }
  // False: too many are asked.
  bool ask(const std::string& host, std::uint16_t port, std::function<void(Endpoints)> found) {
    const bool taken = asks_.with([&](std::vector<Ask>& asks) {
      if (asks.size() == kQueued) return false;
      asks.push_back({host, port, std::move(found)});
      return true;
    });
    if (taken) ring();
    return taken;
  }

 private:
  struct Ask {
    std::string host;
    std::uint16_t port = 0;
    std::function<void(Endpoints)> found;
  };
  struct UnderWay {
    Resolver* resolver;
    Ask ask;
  };

  void ring() const {
    const std::uint64_t one = 1;
    if (wake_ >= 0 && ::write(wake_, &one, sizeof one) < 0) return;  // full: it rings already
  }
  void run();
  bool open();
  void close();
  void begin(Ask ask);
  void wait();
  static void done(void* under_way, int status, int timeouts, ares_addrinfo* found);
  void tell(const Ask& ask, Endpoints endpoints) {
    loop_.post([found = ask.found, endpoints = std::move(endpoints)] { found(endpoints); });
  }

  base::EventLoop& loop_;
  const std::string servers_;
  const int wake_;
  std::atomic<bool> stopping_{false};
  base::Guarded<std::vector<Ask>> asks_;
  base::Thread thread_;

  // The thread's own.
  ares_channel channel_ = nullptr;  // while something is looked up
  std::size_t under_way_ = 0;
};

void Names::Resolver::run() {
  while (!stopping_) {
    std::vector<Ask> asks;
    asks_.with([&](std::vector<Ask>& waiting) { asks.swap(waiting); });
    for (Ask& ask : asks) begin(std::move(ask));
    // With the next name the system's settings are read again.
    if (under_way_ == 0) close();
    wait();
  }
  close();
}

bool Names::Resolver::open() {
  if (channel_ != nullptr) return true;
  ares_options options{};
  options.timeout = kServerTimeoutMs;
  options.tries = kTries;
  if (ares_init_options(&channel_, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES) != ARES_SUCCESS) {
    channel_ = nullptr;
    return false;
  }
  return servers_.empty() ||
         ares_set_servers_ports_csv(channel_, servers_.c_str()) == ARES_SUCCESS;
}

void Names::Resolver::close() {
  if (channel_ != nullptr) ares_destroy(channel_);
  channel_ = nullptr;
}

void Names::Resolver::begin(Ask ask) {
  if (!open()) return tell(ask, {});
  ares_addrinfo_hints hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  auto* const under_way = new UnderWay{this, std::move(ask)};
  ++under_way_;
  ares_getaddrinfo(channel_, under_way->ask.host.c_str(), nullptr, &hints, done, under_way);
}

void Names::Resolver::done(void* given, int status, int, ares_addrinfo* found) {
  const std::unique_ptr<UnderWay> under_way(static_cast<UnderWay*>(given));
  Resolver& self = *under_way->resolver;
  --self.under_way_;
  if (status != ARES_EDESTRUCTION && status != ARES_ECANCELLED) {
    self.tell(under_way->ask, endpoints_of(found, under_way->ask.port));
  }
  if (found != nullptr) ares_freeaddrinfo(found);
}

// For an answer, a time-out of c-ares, or the bell.
void Names::Resolver::wait() {
  std::array<pollfd, 1 + ARES_GETSOCK_MAXNUM> fds{};
  fds[0] = {wake_, POLLIN, 0};
  nfds_t count = 1;
  int timeout_ms = -1;
  if (channel_ != nullptr) {
    std::array<ares_socket_t, ARES_GETSOCK_MAXNUM> sockets{};
    const int wanted = ares_getsock(channel_, sockets.data(), ARES_GETSOCK_MAXNUM);
    for (unsigned i = 0; i < ARES_GETSOCK_MAXNUM; ++i) {
      short events = 0;
      if (ARES_GETSOCK_READABLE(wanted, i)) events |= POLLIN;
      if (ARES_GETSOCK_WRITABLE(wanted, i)) events |= POLLOUT;
      if (events != 0) fds[count++] = {sockets[i], events, 0};
    }
    timeval left{};
    if (const timeval* const got = ares_timeout(channel_, nullptr, &left)) {
      timeout_ms = static_cast<int>(got->tv_sec * 1000 + got->tv_usec / 1000 + 1);
    }
  }
  ::poll(fds.data(), count, timeout_ms);
  std::uint64_t rung = 0;
  if (::read(wake_, &rung, sizeof rung) < 0) rung = 0;
  if (channel_ == nullptr) return;
  for (nfds_t i = 1; i < count; ++i) {
    const bool writable = (fds[i].revents & POLLOUT) != 0;
    const bool readable = (fds[i].revents & ~POLLOUT) != 0;
    if (readable || writable) {
      ares_process_fd(channel_, readable ? fds[i].fd : ARES_SOCKET_BAD,
                      writable ? fds[i].fd : ARES_SOCKET_BAD);
    }
  }
  ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);  // what is over time
}

Names::Names(base::EventLoop& loop, std::string servers)
    : resolver_(std::make_unique<Resolver>(loop, std::move(servers))) {}
Names::~Names() = default;

bool Names::start() { return resolver_->start(); }
void Names::stop() { resolver_->stop(); }

void Names::look_up(const std::string& host, std::uint16_t port,
                    std::function<void(Endpoints)> found) {
  boost::system::error_code not_numeric;
  const auto address = boost::asio::ip::make_address(host, not_numeric);
  if (!not_numeric) return found({tcp::endpoint(address, port)});
  if (!resolver_->ask(host, port, found)) found({});
}

}  // namespace smsc
