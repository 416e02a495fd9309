// bench_smpp_sink PORT_FILE DELAY_MS [PORT [COUNT]]: the plain SMSC of bench-smpp. One thread;
// binds and submits are answered with success, each submit DELAY_MS after it has come, everything
// that is due in one write. The port (0: a free one) goes to PORT_FILE once it listens. With COUNT
// one line of JSON per connection, when that many submit_sm have come: submits a second from the
// first to the last, and how many were without answer at most.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <deque>
#include <list>
#include <string>
#include <vector>

namespace {

constexpr std::size_t kHeader = 16, kLongest = 4096;
constexpr std::uint32_t kSubmit = 4, kResponse = 0x80000000, kUnbind = 6, kEnquire = 0x15;

std::int64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

std::uint32_t get(const std::uint8_t* at) {
  std::uint32_t value = 0;
  std::memcpy(&value, at, 4);
  return ntohl(value);
}

struct Client {
  int fd = -1;
  std::vector<std::uint8_t> in, out;
  std::deque<std::pair<std::int64_t, std::uint32_t>> due;  // when, sequence number
  std::uint64_t submits = 0;
  std::size_t most_in_flight = 0;
  std::int64_t first_ns = 0;
  bool gone = false;
};

class Sink {
 public:
  Sink(std::int64_t delay_ns, std::uint64_t count) : delay_ns_(delay_ns), count_(count) {}

  void listen_on(std::uint16_t port, const std::string& port_file) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    own.sin_port = htons(port);
    socklen_t size = sizeof own;
    auto* const address = reinterpret_cast<sockaddr*>(&own);
    if (::bind(listener_, address, size) != 0 || ::listen(listener_, 16) != 0) die("listen");
    ::getsockname(listener_, address, &size);
    const std::string fresh = port_file + ".new";
    std::FILE* const file = std::fopen(fresh.c_str(), "w");
    if (file == nullptr) die(fresh.c_str());
    std::fprintf(file, "{\"tcp\": %d}\n", ntohs(own.sin_port));
    std::fclose(file);
    if (std::rename(fresh.c_str(), port_file.c_str()) != 0) die(port_file.c_str());
  }

  [[noreturn]] void run() {
    for (;;) {
      wait();
      if (polled_[0].revents != 0) accept_one();
      std::size_t index = 1;
      for (Client& client : clients_) {
        if (index < polled_.size() && polled_[index++].revents != 0) read_from(client);
        answer_due(client);
        write_to(client);
      }
      clients_.remove_if([](const Client& client) {
        if (client.gone) ::close(client.fd);
        return client.gone;
      });
    }
  }

 private:
  void wait() {
    std::int64_t next = INT64_MAX;
    polled_.assign(1, {listener_, POLLIN, 0});
    for (const Client& client : clients_) {
      const int events = POLLIN | (client.out.empty() ? 0 : POLLOUT);
      polled_.push_back({client.fd, static_cast<short>(events), 0});
      if (!client.due.empty()) next = std::min(next, client.due.front().first);
    }
    timespec left{};
    if (next != INT64_MAX) {
      const std::int64_t ns = std::max<std::int64_t>(next - now_ns(), 0);
      left = {ns / 1'000'000'000, ns % 1'000'000'000};
    }
    ::ppoll(polled_.data(), polled_.size(), next == INT64_MAX ? nullptr : &left, nullptr);
  }

  void accept_one() {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    clients_.emplace_back();
    clients_.back().fd = fd;
  }

  void read_from(Client& client) {
    std::uint8_t octets[64 * 1024];
    const ssize_t got = ::read(client.fd, octets, sizeof octets);
    if (got <= 0) {
      client.gone = got == 0 || errno != EAGAIN;
      return;
    }
    client.in.insert(client.in.end(), octets, octets + got);
    const std::int64_t now = now_ns();
    std::size_t at = 0;
    while (client.in.size() - at >= kHeader) {
      const std::size_t length = get(&client.in[at]);
      if (length < kHeader || length > kLongest) {
        client.gone = true;
        return;
      }
      if (client.in.size() - at < length) break;
      on_request(client, &client.in[at], now);
      at += length;
    }
    client.in.erase(client.in.begin(), client.in.begin() + static_cast<std::ptrdiff_t>(at));
  }

  void on_request(Client& client, const std::uint8_t* pdu, std::int64_t now) {
    const std::uint32_t command = get(pdu + 4), sequence = get(pdu + 12);
    if (command == kSubmit) {
      if (client.submits++ == 0) client.first_ns = now;
      client.due.emplace_back(now + delay_ns_, sequence);
      client.most_in_flight = std::max(client.most_in_flight, client.due.size());
      if (client.submits == count_) report(client, now);
    } else if (command == 1 || command == 2 || command == 9) {
      say(client, command | kResponse, sequence, "sink");
    } else if (command == kEnquire || command == kUnbind) {
      say(client, command | kResponse, sequence, nullptr);
    }
  }

  void report(const Client& client, std::int64_t now) const {
    const double seconds = static_cast<double>(now - client.first_ns) / 1e9;
    std::printf("{\"rate\": %.1f, \"most_in_flight\": %zu}\n",
                static_cast<double>(count_ - 1) / seconds, client.most_in_flight);
    std::fflush(stdout);
  }

  void answer_due(Client& client) {
    if (client.due.empty()) return;
    const std::int64_t now = now_ns();
    while (!client.due.empty() && client.due.front().first <= now) {
      char id[16];
      std::snprintf(id, sizeof id, "%08X", ++last_id_);
      say(client, kSubmit | kResponse, client.due.front().second, id);
      client.due.pop_front();
    }
  }

  static void say(Client& client, std::uint32_t command, std::uint32_t sequence, const char* body) {
    const std::size_t size = body == nullptr ? 0 : std::strlen(body) + 1;
    for (const std::uint32_t value :
         {static_cast<std::uint32_t>(kHeader + size), command, 0U, sequence}) {
      const std::uint32_t wire = htonl(value);
      const auto* const octets = reinterpret_cast<const std::uint8_t*>(&wire);
      client.out.insert(client.out.end(), octets, octets + 4);
    }
    if (size > 0) client.out.insert(client.out.end(), body, body + size);
  }

  static void write_to(Client& client) {
    if (client.gone || client.out.empty()) return;
    const ssize_t sent = ::send(client.fd, client.out.data(), client.out.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) client.gone = true;
    if (sent > 0) client.out.erase(client.out.begin(), client.out.begin() + sent);
  }

  const std::int64_t delay_ns_;
  const std::uint64_t count_;
  int listener_ = -1;
  unsigned last_id_ = 0;
  std::list<Client> clients_;
  std::vector<pollfd> polled_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  ::prctl(PR_SET_TIMERSLACK, 1000UL, 0, 0, 0);  // 50 us of slack are the peer's loss
  Sink sink(static_cast<std::int64_t>(std::atof(argv[2]) * 1e6),
            argc > 4 ? std::strtoull(argv[4], nullptr, 10) : 0);
  sink.listen_on(static_cast<std::uint16_t>(argc > 3 ? std::atoi(argv[3]) : 0), argv[1]);
  sink.run();
}
