// bench_smpp PORT: submit_sm per second to an SMSC on that loopback port, by smsc::Esme and by a
// loop of hand-written PDUs without protocol machine. Reads commands, one a line, and answers each
// with one line of JSON:
//   ours WINDOW SECONDS    the Esme, as the plugin has it: fed by another thread, outcomes by its
//   sink bare WINDOW SECONDS    one thread, one buffer, answers counted and not looked at
// Counted is what was answered within that time, when the window has been full for a moment.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/log.h"
#include "smsc/esme.h"
#include "tests/support/until.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kText = "Your backup is 2 months old, update it? Y/N";
constexpr double kWarmUp = 0.1;  // of the block

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "bench_smpp: %s\n", what.c_str());
  std::exit(1);
}

double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}
std::chrono::duration<double> seconds_of(double seconds) {
  return std::chrono::duration<double>(seconds);
}

// ---- ours -------------------------------------------------------------------------------------

// Counts outcomes, and wakes the feeder when there is room.
class Sink : public vault::SmsSink {
 public:
  void outcome(const vault::SmsOutcome& outcome) override {
    if (outcome.kind == vault::SmsOutcome::Kind::accepted) ++accepted;
    if (outcome.kind == vault::SmsOutcome::Kind::refused) ++failed;
    if (outcome.kind == vault::SmsOutcome::Kind::uncertain) ++failed;
  }
  void receipt(vault::SmsReceipt, vault::Kept kept) override { kept(true); }
  void incoming(vault::IncomingSms, vault::Kept kept) override { kept(true); }
  void subscriber_back(const vault::Msisdn&) override {}
  void room() override {
    const std::lock_guard lock(mutex_);
    room_ = true;
    changed_.notify_one();
  }
  void wait_for_room() {
    std::unique_lock lock(mutex_);
    // An end as well: nobody says that there is room when the feeder is to stop.
    changed_.wait_for(lock, std::chrono::milliseconds(100), [this] { return room_; });
    room_ = false;
  }

  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> failed{0};

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool room_ = false;
};

void feed(smsc::Esme& esme, Sink& sink, const std::atomic<bool>& stop) {
  std::uint64_t number = 491'700'000'000;
  const auto next = [&] { return vault::Msisdn::from_text("+" + std::to_string(number)).value(); };
  vault::OutgoingSms sms{number, vault::SmsKind::reminder, next(), kText, {}, 0, 0, ""};
  while (!stop) {
    sms.ref = number;
    sms.to = next();
    switch (esme.submit(sms)) {
      case vault::SmsOut::Taken::yes:
        ++number;
        break;
      case vault::SmsOut::Taken::busy:
        sink.wait_for_room();
        break;
      default:
        die("a message was impossible");
    }
  }
}

double ours(std::uint16_t port, std::uint32_t window, double seconds) {
  smsc::Settings settings;
  settings.name = "sink";
  settings.port = port;
  settings.system_id = "bench";
  settings.password = std::make_shared<const base::Secret>(base::as_bytes("secret"));
  settings.source = "12345";
  settings.window = window;
  Sink sink;
  const base::SystemClock clock;
  base::NoLog log;
  base::Counters counters;
  smsc::Esme esme({settings}, {}, {sink, clock, log, counters, {}});
  if (auto started = esme.start(); !started) die(started.error());
  std::atomic<bool> stop{false};
  std::thread feeder([&] { feed(esme, sink, stop); });
  if (!support::until([&] { return sink.accepted > 0; })) die("no answer");
  std::this_thread::sleep_for(seconds_of(seconds * kWarmUp));
  const std::uint64_t before = sink.accepted;
  const auto start = Clock::now();
  std::this_thread::sleep_for(seconds_of(seconds));
  const double rate = static_cast<double>(sink.accepted - before) / since(start);
  stop = true;
  feeder.join();
  esme.stop(5'000);
  if (sink.failed != 0) die("messages were not accepted");
  return rate;
}

// ---- bare -------------------------------------------------------------------------------------

std::string u32(std::uint32_t value) {
  const std::uint32_t wire = htonl(value);
  return {reinterpret_cast<const char*>(&wire), 4};
}

std::string pdu(std::uint32_t command, std::uint32_t sequence, const std::string& body) {
  return u32(static_cast<std::uint32_t>(16 + body.size())) + u32(command) + u32(0) + u32(sequence) +
         body;
}

class Bare {
 public:
  explicit Bare(std::uint16_t port) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in peer{};
    peer.sin_family = AF_INET;
    peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    peer.sin_port = htons(port);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&peer), sizeof peer) != 0) die("connect");
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    using namespace std::string_literals;
    out_ = pdu(9, 1, "bench\0secret\0\0\x34\0\0\0"s);
    send_out();
    while (answered_ == 0) receive();
    const std::string text = kText;
    submit_ = pdu(4, 0,
                  "\0\0\1"s + "12345\0"s + "\1\1"s + "491700000000\0"s + "\0\0\0"s + "\0\0"s +
                      "\1\0\0\0"s + std::string(1, static_cast<char>(text.size())) + text);
  }
  ~Bare() { ::close(fd_); }
  Bare(const Bare&) = delete;
  Bare& operator=(const Bare&) = delete;

  double block(std::uint32_t window, double seconds) {
    run(window, seconds * kWarmUp);
    const std::uint64_t before = answered_;
    const auto start = Clock::now();
    run(window, seconds);
    return static_cast<double>(answered_ - before) / since(start);
  }

 private:
  void run(std::uint32_t window, double seconds) {
    const auto until = Clock::now() + seconds_of(seconds);
    while (Clock::now() < until) {
      for (; sequence_ - answered_ < window; ++sequence_) append_submit();
      send_out();
      receive();
    }
  }

  void append_submit() {
    const std::size_t start = out_.size();
    out_ += submit_;
    const auto sequence = htonl(static_cast<std::uint32_t>(sequence_ + 1));
    std::memcpy(&out_[start + 12], &sequence, 4);
  }

  void send_out() {
    for (std::size_t sent = 0; sent < out_.size();) {
      const ssize_t size = ::send(fd_, out_.data() + sent, out_.size() - sent, MSG_NOSIGNAL);
      if (size <= 0) die("send");
      sent += static_cast<std::size_t>(size);
    }
    out_.clear();
  }

  void receive() {
    char octets[64 * 1024];
    const ssize_t size = ::recv(fd_, octets, sizeof octets, 0);
    if (size <= 0) die("the sink has closed");
    in_.append(octets, static_cast<std::size_t>(size));
    std::size_t at = 0;
    while (in_.size() - at >= 16) {
      std::uint32_t length = 0, status = 0;
      std::memcpy(&length, &in_[at], 4);
      std::memcpy(&status, &in_[at + 8], 4);
      length = ntohl(length);
      if (status != 0 || length < 16) die("not answered with success");
      if (in_.size() - at < length) break;
      at += length;
      ++answered_;
    }
    in_.erase(0, at);
  }

  int fd_ = -1;
  std::string submit_, out_, in_;
  std::uint64_t sequence_ = 1, answered_ = 0;  // the bind is both
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const auto port = static_cast<std::uint16_t>(std::atoi(argv[1]));
  char side[16];
  unsigned window = 0;
  double seconds = 0;
  while (std::scanf("%15s %u %lf", side, &window, &seconds) == 3) {
    const bool own = std::strcmp(side, "ours") == 0;
    std::printf("{\"rate\": %.1f}\n",
                own ? ours(port, window, seconds) : Bare(port).block(window, seconds));
    std::fflush(stdout);
  }
  return 0;
}
