#include "base/crypto.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <algorithm>
#include <memory>
#include <new>

#include "base/openssl.h"

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
};

const Library& library() {
  static const Library* const instance = new Library;
  return *instance;
}

struct FreeMac {
  void operator()(EVP_MAC_CTX* c) const { EVP_MAC_CTX_free(c); }
};
using MacContext = std::unique_ptr<EVP_MAC_CTX, FreeMac>;

constexpr std::size_t kNonce = 12;
constexpr std::size_t kTag = 16;

}  // namespace

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
  return gcm_seal(key, {&plain, 1}, associated);
}

Bytes gcm_seal(View key, std::span<const View> plain, View associated) {
  CipherContext context = new_cipher();
  const auto nonce = random_array<kNonce>();
  std::size_t length = 0;
  for (View piece : plain) length += piece.size();
  Bytes out(kNonce + length + kTag);
  std::uint8_t* at = std::copy(nonce.begin(), nonce.end(), out.data());
  int size = 0;
  need(key.size() == 32);
  need(EVP_EncryptInit_ex2(context.get(), library().gcm, key.data(), nonce.data(), nullptr) == 1);
  need(EVP_EncryptUpdate(context.get(), nullptr, &size, associated.data(),
                         static_cast<int>(associated.size())) == 1);
  for (View piece : plain) {
    need(EVP_EncryptUpdate(context.get(), at, &size, piece.data(),
                           static_cast<int>(piece.size())) == 1);
    at += piece.size();
  }
  need(EVP_EncryptFinal_ex(context.get(), at, &size) == 1);
  need(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTag, at) == 1);
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

}  // namespace base
