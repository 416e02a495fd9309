// Secured packets, wrapped and unwrapped again, beside the bare cryptography of the same octets:
// AES-128-CBC and AES-CMAC by OpenSSL, contexts reused, algorithms fetched once, the keys set for
// each packet (each packet is another card's). Counted is processor time, in turns.
//   bench_packet OCTETS SECONDS PAIRS   prints {"ours": [pairs of packets/s, ...], "bare": [...]}
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <time.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "bip/secured_packet.h"
#include "tests/bench/rates.h"

namespace {

constexpr int kAtOnce = 256;  // between two looks at the clock
constexpr std::size_t kHead = 18, kCc = 8, kFixed = 6;

double used_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

void need(bool holds) {
  if (holds) return;
  std::fprintf(stderr, "a packet failed\n");
  std::exit(1);
}

struct Card {
  base::Bytes kic = base::Bytes(16, 0x4B), kid = base::Bytes(16, 0x1D);
  void next() {
    ++kic[0];
    ++kid[0];
  }
};

class Ours {
 public:
  explicit Ours(std::size_t octets) { packet_.data.assign(octets, 0x42); }
  void pair() {
    card_.next();
    packet_.head = {{0x16, 0x19}, 0x12, 0x12, {0xBF, 0xFF, 0x01}};
    ++packet_.counter;
    const bip::KeyView keys{card_.kic, card_.kid};
    const auto wrapped = bip::wrap_command(bip::Carrier::bip, packet_, keys);
    need(wrapped.has_value());
    const auto read = bip::unwrap_command(bip::Carrier::bip, *wrapped, keys);
    need(read && read->counter == packet_.counter && read->data.size() == packet_.data.size());
  }

 private:
  Card card_;
  bip::CommandPacket packet_;
};

class Bare {
 public:
  explicit Bare(std::size_t octets)
      : sealed_((kFixed + kCc + octets + 15) / 16 * 16), covered_(kHead + sealed_.size() - kCc) {
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(
                                     OSSL_MAC_PARAM_CIPHER, const_cast<char*>("AES-128-CBC"), 0),
                                 OSSL_PARAM_construct_end()};
    need(EVP_MAC_init(mac_, card_.kid.data(), 16, params) == 1);
    need(EVP_CipherInit_ex2(encrypt_, aes_, card_.kic.data(), nullptr, 1, nullptr) == 1);
    need(EVP_CipherInit_ex2(decrypt_, aes_, card_.kic.data(), nullptr, 0, nullptr) == 1);
    EVP_CIPHER_CTX_set_padding(encrypt_, 0);
    EVP_CIPHER_CTX_set_padding(decrypt_, 0);
  }
  void pair() {
    card_.next();
    std::uint8_t cc[16], again[16];
    mac(cc);
    std::memcpy(sealed_.data() + kFixed, cc, kCc);
    cipher(encrypt_, 1);
    cipher(decrypt_, 0);
    mac(again);
    need(std::memcmp(cc, again, kCc) == 0);
  }

 private:
  void mac(std::uint8_t* out) {
    std::size_t size = 0;
    need(EVP_MAC_init(mac_, card_.kid.data(), 16, nullptr) == 1);
    need(EVP_MAC_update(mac_, covered_.data(), covered_.size()) == 1);
    need(EVP_MAC_final(mac_, out, &size, 16) == 1);
  }
  void cipher(EVP_CIPHER_CTX* context, int encrypt) {
    static constexpr std::uint8_t kZeroIv[16] = {};
    int size = 0;
    need(EVP_CipherInit_ex2(context, nullptr, card_.kic.data(), kZeroIv, encrypt, nullptr) == 1);
    need(EVP_CipherUpdate(context, sealed_.data(), &size, sealed_.data(),
                          static_cast<int>(sealed_.size())) == 1);
  }

  Card card_;
  base::Bytes sealed_, covered_;
  EVP_CIPHER* aes_ = EVP_CIPHER_fetch(nullptr, "AES-128-CBC", nullptr);
  EVP_CIPHER_CTX* encrypt_ = EVP_CIPHER_CTX_new();
  EVP_CIPHER_CTX* decrypt_ = EVP_CIPHER_CTX_new();
  EVP_MAC_CTX* mac_ = EVP_MAC_CTX_new(EVP_MAC_fetch(nullptr, "CMAC", nullptr));
};

template <class Side>
double block(Side& side, double seconds) {
  const double began = used_seconds();
  double used = 0;
  int count = 0;
  for (; used < seconds; count += kAtOnce) {
    for (int i = 0; i < kAtOnce; ++i) side.pair();
    used = used_seconds() - began;
  }
  return count / used;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const auto octets = static_cast<std::size_t>(std::atoi(argv[1]));
  const double seconds = std::atof(argv[2]);
  Ours ours(octets);
  Bare bare(octets);
  bench::print_in_turn(ours, bare, seconds, std::atoi(argv[3]),
                       [](auto& side, double length) { return block(side, length); });
  return 0;
}
