#include "base/crypto.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <new>

namespace base {

void wipe(void* data, std::size_t size) {
  if (size > 0) OPENSSL_cleanse(data, size);
}

namespace {

// Created once and kept for the life of the process: a destructor would be code that runs after
// the plugin's destroy, and OpenSSL stays mapped anyway.
struct Library {
  OSSL_LIB_CTX* context = OSSL_LIB_CTX_new();
  EVP_MD* sha256 = EVP_MD_fetch(context, "SHA256", nullptr);
  EVP_MAC* hmac = EVP_MAC_fetch(context, "HMAC", nullptr);
  EVP_CIPHER* gcm = EVP_CIPHER_fetch(context, "AES-256-GCM", nullptr);
  EVP_CIPHER* aes128 = EVP_CIPHER_fetch(context, "AES-128-CBC", nullptr);
  EVP_CIPHER* aes192 = EVP_CIPHER_fetch(context, "AES-192-CBC", nullptr);
  EVP_CIPHER* aes256 = EVP_CIPHER_fetch(context, "AES-256-CBC", nullptr);
  EVP_CIPHER* des2key = EVP_CIPHER_fetch(context, "DES-EDE-CBC", nullptr);
  EVP_CIPHER* des3key = EVP_CIPHER_fetch(context, "DES-EDE3-CBC", nullptr);
};

const Library& library() {
  static const Library* const instance = new Library;
  return *instance;
}

template <class T>
T* need(T* pointer) {
  if (pointer == nullptr) throw std::bad_alloc();
  return pointer;
}

void need(bool done) {
  if (!done) {
    ERR_clear_error();  // a host thread's error queue must stay as it was: empty
    throw std::bad_alloc();
  }
}

struct Free {
  void operator()(EVP_CIPHER_CTX* c) const { EVP_CIPHER_CTX_free(c); }
  void operator()(EVP_MAC_CTX* c) const { EVP_MAC_CTX_free(c); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, Free>;
using MacContext = std::unique_ptr<EVP_MAC_CTX, Free>;

CipherContext new_cipher() { return CipherContext(need(EVP_CIPHER_CTX_new())); }

enum Algorithm : std::size_t { kAes128, kAes192, kAes256, kDes2Key, kDes3Key, kAlgorithms };

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

constexpr std::size_t kNonce = 12;
constexpr std::size_t kTag = 16;

}  // namespace

// PacketContexts of the packets' algorithms, kept for the next packet: making them costs as much as
// what they are for.
struct PacketContexts {
  EVP_CIPHER_CTX* ciphers[2][kAlgorithms] = {};  // for ciphers, for MACs
  PacketContexts* next = nullptr;                // in the pool

  EVP_CIPHER_CTX* cipher(std::size_t use, int algorithm) {
    const Library& lib = library();
    const EVP_CIPHER* const all[] = {lib.aes128, lib.aes192, lib.aes256, lib.des2key, lib.des3key};
    EVP_CIPHER_CTX*& context = ciphers[use][algorithm];
    if (context != nullptr) return context;
    CipherContext fresh = new_cipher();
    need(EVP_CipherInit_ex2(fresh.get(), all[algorithm], nullptr, kZeros, 1, nullptr) == 1);
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

ossl_lib_ctx_st* crypto_library() { return library().context; }

Sha256 sha256(View data) {
  Sha256 digest{};
  need(EVP_Digest(data.data(), data.size(), digest.data(), nullptr, library().sha256, nullptr) ==
       1);
  return digest;
}

Sha256 hmac_sha256(View key, std::initializer_list<View> parts) {
  MacContext context(need(EVP_MAC_CTX_new(library().hmac)));
  char name[] = "SHA256";
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                               OSSL_PARAM_construct_end()};
  need(EVP_MAC_init(context.get(), key.data(), key.size(), params) == 1);
  for (View part : parts) need(EVP_MAC_update(context.get(), part.data(), part.size()) == 1);
  Sha256 mac{};
  std::size_t size = 0;
  need(EVP_MAC_final(context.get(), mac.data(), &size, mac.size()) == 1);
  return mac;
}

bool equal_constant_time(View a, View b) {
  return a.size() == b.size() && (a.empty() || CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0);
}

void fill_random(std::span<std::uint8_t> out) {
  need(RAND_priv_bytes_ex(library().context, out.data(), out.size(), 256) == 1);
}

std::uint64_t random_number() {
  const auto octets = random_array<8>();
  return Reader(octets).u64();
}

std::uint32_t random_below(std::uint32_t limit) {
  // Values above the largest multiple of the limit are thrown away: no bias.
  const std::uint32_t usable = UINT32_MAX - UINT32_MAX % limit;
  for (;;) {
    const auto octets = random_array<4>();
    Reader reader(octets);
    const std::uint32_t value = reader.u32();
    if (value < usable) return value % limit;
  }
}

Bytes gcm_seal(View key, View plain, View associated) {
  CipherContext context = new_cipher();
  const auto nonce = random_array<kNonce>();
  Bytes out(kNonce + plain.size() + kTag);
  std::copy(nonce.begin(), nonce.end(), out.begin());
  int size = 0;
  need(key.size() == 32);
  need(EVP_EncryptInit_ex2(context.get(), library().gcm, key.data(), nonce.data(), nullptr) == 1);
  need(EVP_EncryptUpdate(context.get(), nullptr, &size, associated.data(),
                         static_cast<int>(associated.size())) == 1);
  need(EVP_EncryptUpdate(context.get(), out.data() + kNonce, &size, plain.data(),
                         static_cast<int>(plain.size())) == 1);
  need(EVP_EncryptFinal_ex(context.get(), out.data() + kNonce + size, &size) == 1);
  need(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTag,
                           out.data() + kNonce + plain.size()) == 1);
  return out;
}

std::optional<Bytes> gcm_open(View key, View sealed, View associated) {
  if (sealed.size() < kNonce + kTag || key.size() != 32) return std::nullopt;
  const View body = sealed.subspan(kNonce, sealed.size() - kNonce - kTag);
  Bytes tag(sealed.end() - kTag, sealed.end());
  CipherContext context = new_cipher();
  Bytes plain(body.size());
  std::uint8_t rest[16] = {};
  int size = 0;
  need(EVP_DecryptInit_ex2(context.get(), library().gcm, key.data(), sealed.data(), nullptr) == 1);
  need(EVP_DecryptUpdate(context.get(), nullptr, &size, associated.data(),
                         static_cast<int>(associated.size())) == 1);
  need(EVP_DecryptUpdate(context.get(), plain.data(), &size, body.data(),
                         static_cast<int>(body.size())) == 1);
  need(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTag, tag.data()) == 1);
  if (EVP_DecryptFinal_ex(context.get(), rest, &size) != 1) {
    ERR_clear_error();
    return std::nullopt;
  }
  return plain;
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
