// The few primitives that vault, db and bip share, on OpenSSL's EVP in a library context of our
// own (the host's default context is not touched). Any thread. Functions that return optional
// fail only on authentication or size errors; an allocation failure throws std::bad_alloc.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>

#include "base/bytes.h"
#include "base/secret.h"

struct ossl_lib_ctx_st;

namespace base {

// OpenSSL's library context of our own, for whoever needs more of it than is here.
ossl_lib_ctx_st* crypto_library();

using Sha256 = std::array<std::uint8_t, 32>;

Sha256 sha256(View data);
Sha256 hmac_sha256(View key, std::initializer_list<View> parts);
bool equal_constant_time(View a, View b);

// From the operating system's generator.
void fill_random(std::span<std::uint8_t> out);
template <std::size_t N>
std::array<std::uint8_t, N> random_array() {
  std::array<std::uint8_t, N> value;
  fill_random(value);
  return value;
}
std::uint64_t random_number();                    // any
std::uint32_t random_below(std::uint32_t limit);  // uniform, 0 <= value < limit

// AES-256-GCM: result is nonce (12) | ciphertext | tag (16). The key has 32 octets.
Bytes gcm_seal(View key, View plain, View associated);
std::optional<Bytes> gcm_open(View key, View sealed, View associated);

enum class BlockCipher { aes, des3 };  // des3: two-key (16 octets) or three-key (24), EDE

struct PacketContexts;

// What one packet needs of ciphers, on one set of contexts: taking them and overwriting the key in
// them costs as much as a short packet's cryptography. The last key is overwritten at the end. One
// thread, for as long as one packet takes.
class PacketCiphers {
 public:
  PacketCiphers();
  ~PacketCiphers();
  PacketCiphers(const PacketCiphers&) = delete;
  PacketCiphers& operator=(const PacketCiphers&) = delete;

  // As the functions below.
  bool cbc_encrypt(BlockCipher cipher, View key, std::span<std::uint8_t> octets);
  bool cbc_decrypt(BlockCipher cipher, View key, std::span<std::uint8_t> octets);
  std::optional<std::array<std::uint8_t, 16>> aes_cmac(View key, std::initializer_list<View> parts);

 private:
  bool cbc(BlockCipher cipher, View key, std::span<std::uint8_t> octets, int encrypt);

  PacketContexts* contexts_;
  unsigned used_ = 0;  // bit for each algorithm whose context holds a key
};

// CBC, zero IV, no padding: the size must be a multiple of the block.
std::optional<Bytes> cbc_encrypt(BlockCipher cipher, View key, View plain);
std::optional<Bytes> cbc_decrypt(BlockCipher cipher, View key, View sealed);
// The same without a copy; false: the sizes do not fit, nothing was done.
bool cbc_encrypt_in_place(BlockCipher cipher, View key, std::span<std::uint8_t> octets);
bool cbc_decrypt_in_place(BlockCipher cipher, View key, std::span<std::uint8_t> octets);
// AES: CMAC (SP 800-38B), 16 octets, of the parts one after the other. Key of 16, 24 or 32 octets.
std::optional<std::array<std::uint8_t, 16>> aes_cmac(View key, std::initializer_list<View> parts);
inline std::optional<std::array<std::uint8_t, 16>> aes_cmac(View key, View data) {
  return aes_cmac(key, {data});
}

}  // namespace base
