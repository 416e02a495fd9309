#include "base/packet_ciphers.h"

#include <algorithm>
#include <iterator>
#include <mutex>

#include "base/crypto.h"
#include "base/openssl.h"

namespace base {

namespace {

enum Algorithm : int { kAes128, kAes192, kAes256, kDes2Key, kDes3Key, kAlgorithms };

// Fetched once, and never freed: see crypto.cpp.
struct Library {
  EVP_CIPHER* all[kAlgorithms] = {fetch("AES-128-CBC"), fetch("AES-192-CBC"), fetch("AES-256-CBC"),
                                  fetch("DES-EDE-CBC"), fetch("DES-EDE3-CBC")};

  static EVP_CIPHER* fetch(const char* name) {
    return EVP_CIPHER_fetch(crypto_library(), name, nullptr);
  }
};

const Library& library() {
  static const Library* const instance = new Library;
  return *instance;
}

std::optional<Algorithm> select(BlockCipher cipher, std::size_t key_size) {
  const bool aes = cipher == BlockCipher::aes;
  if (key_size == 16) return aes ? kAes128 : kDes2Key;
  if (key_size == 24) return aes ? kAes192 : kDes3Key;
  if (key_size == 32 && aes) return kAes256;
  return std::nullopt;
}

constexpr std::uint8_t kZeros[32] = {};

// A new chain under a new key. The initialisation vector goes back to the one that the context was
// made with, zero.
bool restart(EVP_CIPHER_CTX* context, const std::uint8_t* key, int encrypt) {
  return EVP_CipherInit_ex2(context, nullptr, key, nullptr, encrypt, nullptr) == 1;
}

void run(EVP_CIPHER_CTX* context, std::uint8_t* octets, std::size_t size) {
  int written = 0;
  need(size == 0 ||
       (EVP_CipherUpdate(context, octets, &written, octets, static_cast<int>(size)) == 1 &&
        written == static_cast<int>(size)));
}

// Of the block that comes next in a chain, the one before.
void take_out(View before, std::span<std::uint8_t> block) {
  for (std::size_t i = 0; i < block.size(); ++i) block[i] ^= before[i];
}

// SP 800-38B: a CBC chain whose last block is changed by a subkey. OpenSSL's own CMAC needs several
// times as long to take a new key, and each packet has one.
class Cmac {
 public:
  using Block = std::array<std::uint8_t, 16>;

  // `context`: of AES, under the key. `subkey`: what a block of zeros becomes under it; `last`:
  // what the context's last block has become.
  Cmac(EVP_CIPHER_CTX* context, const Block& subkey, const Block& last)
      : context_(context), subkey_(subkey), start_(last) {}
  ~Cmac() {
    wipe(buffer_.data(), most_held_);
    wipe(subkey_.data(), subkey_.size());
    wipe(start_.data(), start_.size());
  }
  Cmac(const Cmac&) = delete;
  Cmac& operator=(const Cmac&) = delete;

  void add(View data) {
    while (!data.empty()) {
      if (held_ == buffer_.size()) chain();
      const std::size_t size = std::min(data.size(), buffer_.size() - held_);
      std::copy_n(data.begin(), size, buffer_.begin() + static_cast<std::ptrdiff_t>(held_));
      held_ += size;
      most_held_ = std::max(most_held_, held_);
      data = data.subspan(size);
    }
  }
  Block end() {
    const std::size_t before = held_ == 0 ? 0 : (held_ - 1) / 16 * 16;
    encrypt(buffer_.data(), before);
    Block last{};
    const std::size_t size = held_ - before;
    std::copy_n(buffer_.begin() + static_cast<std::ptrdiff_t>(before), size, last.begin());
    double_subkey();
    if (size < last.size()) {
      last[size] = 0x80;
      double_subkey();
    }
    for (std::size_t i = 0; i < last.size(); ++i) last[i] ^= subkey_[i];
    encrypt(last.data(), last.size());
    return last;
  }

 private:
  // All but the last block, which may be the message's last.
  void chain() {
    const std::size_t size = buffer_.size() - 16;
    encrypt(buffer_.data(), size);
    std::copy_n(buffer_.end() - 16, 16, buffer_.begin());
    held_ = 16;
  }
  void encrypt(std::uint8_t* octets, std::size_t size) {
    if (size == 0) return;
    take_out(start_, {octets, start_.size()});
    start_ = {};
    run(context_, octets, size);
  }
  void double_subkey() {
    const bool carry = (subkey_[0] & 0x80) != 0;
    for (std::size_t i = 0; i < subkey_.size(); ++i) {
      const unsigned next = i + 1 < subkey_.size() ? subkey_[i + 1] >> 7 : 0u;
      subkey_[i] = static_cast<std::uint8_t>(unsigned{subkey_[i]} << 1 | next);
    }
    subkey_[15] = static_cast<std::uint8_t>(subkey_[15] ^ (0x87u & (0u - unsigned{carry})));
  }

  EVP_CIPHER_CTX* context_;
  Block subkey_{};
  Block start_{};  // what the chain begins with, until it has begun
  std::array<std::uint8_t, 1024> buffer_;
  std::size_t held_ = 0;
  std::size_t most_held_ = 0;
};

}  // namespace

// PacketContexts of the packets' algorithms, kept for the next packet: making them costs as much as
// what they are for.
struct PacketContexts {
  EVP_CIPHER_CTX* ciphers[2][kAlgorithms] = {};  // for ciphers, for MACs
  PacketContexts* next = nullptr;                // in the pool

  EVP_CIPHER_CTX* cipher(std::size_t use, int algorithm) {
    EVP_CIPHER_CTX*& context = ciphers[use][algorithm];
    if (context != nullptr) return context;
    CipherContext fresh = new_cipher();
    need(EVP_CipherInit_ex2(fresh.get(), library().all[algorithm], nullptr, kZeros, 1, nullptr) ==
         1);
    EVP_CIPHER_CTX_set_padding(fresh.get(), 0);
    return context = fresh.release();
  }
};

namespace {

// As many as were ever in use at once; like the library, never freed.
struct Pool {
  std::mutex mutex;
  PacketContexts* free = nullptr;
};

Pool& pool() {
  static Pool* const instance = new Pool;
  return *instance;
}

}  // namespace

PacketCiphers::PacketCiphers(bool kept) : kept_(kept) {
  {
    const std::lock_guard lock(pool().mutex);
    contexts_ = pool().free;
    if (contexts_ != nullptr) pool().free = contexts_->next;
  }
  if (contexts_ == nullptr) contexts_ = new PacketContexts;
}

PacketCiphers::~PacketCiphers() {
  for (std::size_t use = 0; use < std::size(held_); ++use) {
    Held& held = held_[use];
    if (held.algorithm < 0) continue;
    restart(contexts_->ciphers[use][held.algorithm], kZeros, 1);
    wipe(held.key.data(), held.key.size());
  }
  wipe(subkey_.data(), subkey_.size());
  const std::lock_guard lock(pool().mutex);
  contexts_->next = pool().free;
  pool().free = contexts_;
}

// The context of the algorithm, under the key, which may be there already. Until `encrypt` says so
// again, what it holds is not relied on.
EVP_CIPHER_CTX* PacketCiphers::begin(std::size_t use, int algorithm, View key, int encrypt) {
  Held& held = held_[use];
  EVP_CIPHER_CTX* const context = contexts_->cipher(use, algorithm);
  const bool same = held.algorithm == algorithm && held.encrypt == encrypt &&
                    equal_constant_time(View(held.key).first(key.size()), key);
  held.encrypt = -1;
  if (same) return context;
  if (held.algorithm >= 0 && held.algorithm != algorithm) {
    restart(contexts_->ciphers[use][held.algorithm], kZeros, 1);
  }
  held.algorithm = algorithm;
  held.subkey = false;
  held.chain = {};
  need(restart(context, key.data(), encrypt));
  std::copy(key.begin(), key.end(), held.key.begin());
  return context;
}

bool PacketCiphers::cbc(BlockCipher cipher, View key, std::span<std::uint8_t> octets, int encrypt) {
  const auto algorithm = select(cipher, key.size());
  const std::size_t block = cipher == BlockCipher::aes ? 16 : 8;
  if (!algorithm || octets.size() % block != 0) return false;
  if (octets.empty()) return true;
  EVP_CIPHER_CTX* const context = begin(0, *algorithm, key, encrypt);
  Held& held = held_[0];
  const auto first = octets.first(block);
  const auto last = octets.last(block);
  Block ciphered{};
  if (encrypt == 1) {
    take_out(held.chain, first);
    run(context, octets.data(), octets.size());
    std::copy(last.begin(), last.end(), ciphered.begin());
  } else {
    std::copy(last.begin(), last.end(), ciphered.begin());
    run(context, octets.data(), octets.size());
    take_out(held.chain, first);
  }
  held.chain = ciphered;
  held.encrypt = encrypt;
  return true;
}

bool PacketCiphers::cbc_encrypt(BlockCipher cipher, View key, std::span<std::uint8_t> octets) {
  return cbc(cipher, key, octets, 1);
}

bool PacketCiphers::cbc_decrypt(BlockCipher cipher, View key, std::span<std::uint8_t> octets) {
  return cbc(cipher, key, octets, 0);
}

std::optional<std::array<std::uint8_t, 16>> PacketCiphers::aes_cmac(
    View key, std::initializer_list<View> parts) {
  const auto algorithm = select(BlockCipher::aes, key.size());
  if (!algorithm) return std::nullopt;
  EVP_CIPHER_CTX* const context = begin(for_macs(), *algorithm, key, 1);
  Held& held = held_[for_macs()];
  if (!held.subkey) {
    subkey_ = held.chain;
    run(context, subkey_.data(), subkey_.size());
    held.chain = subkey_;
    held.subkey = true;
  }
  Cmac mac(context, subkey_, held.chain);
  for (View part : parts) mac.add(part);
  held.chain = mac.end();
  held.encrypt = 1;
  return held.chain;
}

bool cbc_encrypt_in_place(BlockCipher cipher, View key, std::span<std::uint8_t> octets) {
  return PacketCiphers().cbc_encrypt(cipher, key, octets);
}

bool cbc_decrypt_in_place(BlockCipher cipher, View key, std::span<std::uint8_t> octets) {
  return PacketCiphers().cbc_decrypt(cipher, key, octets);
}

std::optional<Bytes> cbc_encrypt(BlockCipher cipher, View key, View plain) {
  Bytes octets(plain.begin(), plain.end());
  return cbc_encrypt_in_place(cipher, key, octets) ? std::optional(std::move(octets))
                                                   : std::nullopt;
}

std::optional<Bytes> cbc_decrypt(BlockCipher cipher, View key, View sealed) {
  Bytes octets(sealed.begin(), sealed.end());
  return cbc_decrypt_in_place(cipher, key, octets) ? std::optional(std::move(octets))
                                                   : std::nullopt;
}

std::optional<std::array<std::uint8_t, 16>> aes_cmac(View key, std::initializer_list<View> parts) {
  return PacketCiphers().aes_cmac(key, parts);
}

}  // namespace base
