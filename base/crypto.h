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
Bytes gcm_seal(View key, std::span<const View> plain, View associated);  // its pieces in a row
std::optional<Bytes> gcm_open(View key, View sealed, View associated);

}  // namespace base
