// Full TLS-PSK handshakes by the vault's endpoint beside the same handshakes by OpenSSL alone, in
// turns. Counted is the processor time of the server's end; the client is the same for both.
//   bench_tls SECONDS PAIRS   prints {"ours": [handshakes/s, ...], "bare": [...]}
#include <time.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "bip/tls_psk.h"
#include "tests/support/tls_client.h"
#include "tests/bench/rates.h"

namespace {

constexpr const char* kIdentity = "8944351002100001236";
constexpr const char* kSuite = "PSK-AES128-GCM-SHA256";
const base::Bytes kKey(16, 0x5A);

double seconds_of(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// Adds what is used within the scope.
class Used {
 public:
  explicit Used(double& sum) : sum_(sum), began_(seconds_of(CLOCK_THREAD_CPUTIME_ID)) {}
  ~Used() { sum_ += seconds_of(CLOCK_THREAD_CPUTIME_ID) - began_; }
  Used(const Used&) = delete;
  Used& operator=(const Used&) = delete;

 private:
  double& sum_;
  double began_;
};

void need(bool holds) {
  if (holds) return;
  std::fprintf(stderr, "a handshake failed\n");
  std::exit(1);
}

class Ours {
 public:
  Ours() {
    settings_.tls_suites = {kSuite};
    auto made = bip::TlsContext::make(settings_);
    need(made.ok());
    context_ = made.take();
  }
  void begin() { end_ = std::make_unique<bip::TlsPsk>(context_, settings_, base::Now{}); }
  void feed(base::View octets) {
    end_->feed(octets);
    if (end_->phase() != bip::TlsPsk::Phase::wants_psk) return;
    end_->give_psk(base::Secret(base::View(kKey)));
  }
  base::Bytes output() {
    base::Bytes octets(end_->output().begin(), end_->output().end());
    end_->consume(octets.size());
    return octets;
  }
  bool open() const { return end_->phase() == bip::TlsPsk::Phase::open; }
  void end() { end_.reset(); }

 private:
  bip::Settings settings_;
  std::shared_ptr<const bip::TlsContext> context_;
  std::unique_ptr<bip::TlsPsk> end_;
};

class Bare {
 public:
  Bare() : context_(SSL_CTX_new(TLS_server_method())) {
    SSL_CTX_set_min_proto_version(context_, TLS1_2_VERSION);
    SSL_CTX_set_max_proto_version(context_, TLS1_2_VERSION);
    SSL_CTX_set_options(context_, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(context_, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_cipher_list(context_, kSuite);
    SSL_CTX_set_psk_server_callback(
        context_, [](SSL*, const char* identity, unsigned char* key, unsigned) -> unsigned {
          if (std::strcmp(identity, kIdentity) != 0) return 0;
          std::memcpy(key, kKey.data(), kKey.size());
          return static_cast<unsigned>(kKey.size());
        });
  }
  ~Bare() { SSL_CTX_free(context_); }
  void begin() {
    ssl_ = SSL_new(context_);
    in_ = BIO_new(BIO_s_mem());
    out_ = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl_, in_, out_);
    SSL_set_accept_state(ssl_);
  }
  void feed(base::View octets) {
    BIO_write(in_, octets.data(), static_cast<int>(octets.size()));
    SSL_do_handshake(ssl_);
  }
  base::Bytes output() {
    base::Bytes octets(BIO_ctrl_pending(out_));
    BIO_read(out_, octets.data(), static_cast<int>(octets.size()));
    return octets;
  }
  bool open() const { return SSL_is_init_finished(ssl_) == 1; }
  void end() { SSL_free(ssl_); }

 private:
  SSL_CTX* context_;
  SSL* ssl_ = nullptr;
  BIO* in_ = nullptr;
  BIO* out_ = nullptr;
};

template <class Server>
double block(Server& server, double seconds) {
  double used = 0;
  int count = 0;
  const double until = seconds_of(CLOCK_MONOTONIC) + seconds;
  support::TlsClient::Options options;
  options.identity = kIdentity;
  options.psk = kKey;
  options.suites = kSuite;
  while (seconds_of(CLOCK_MONOTONIC) < until) {
    support::TlsClient client(options);
    {
      const Used server_time(used);
      server.begin();
    }
    for (int i = 0; i < 2; ++i) {
      client.handshake();
      const base::Bytes octets = client.output();
      base::Bytes answer;
      {
        const Used server_time(used);
        server.feed(octets);
        answer = server.output();
      }
      client.feed(answer);
    }
    need(client.handshake() && server.open());
    {
      const Used server_time(used);
      server.end();
    }
    ++count;
  }
  return count / used;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const double seconds = std::atof(argv[1]);
  Ours ours;
  Bare bare;
  bench::print_in_turn(ours, bare, seconds, std::atoi(argv[2]),
                       [](auto& side, double length) { return block(side, length); });
  return 0;
}
