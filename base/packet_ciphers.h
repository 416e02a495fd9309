// The block ciphers and MACs of secured packets, on OpenSSL's EVP. Functions fail only when sizes
// do not fit; an allocation failure throws std::bad_alloc.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>

#include "base/bytes.h"

struct evp_cipher_ctx_st;

namespace base {

enum class BlockCipher { aes, des3 };  // des3: two-key (16 octets) or three-key (24), EDE

struct PacketContexts;

// What packets need of ciphers, on one set of contexts: taking them, setting a key and overwriting
// it cost as much as a short packet's cryptography. The key of the packet before is still set when
// the next one has the same; the last ones are overwritten at the end. One thread, for as long as
// packets are dealt with together.
class PacketCiphers {
 public:
  // `kept`: for more than one packet. Ciphers and MACs have a context each then.
  explicit PacketCiphers(bool kept = false);
  ~PacketCiphers();
  PacketCiphers(const PacketCiphers&) = delete;
  PacketCiphers& operator=(const PacketCiphers&) = delete;

  // As the functions below.
  bool cbc_encrypt(BlockCipher cipher, View key, std::span<std::uint8_t> octets);
  bool cbc_decrypt(BlockCipher cipher, View key, std::span<std::uint8_t> octets);
  std::optional<std::array<std::uint8_t, 16>> aes_cmac(View key, std::initializer_list<View> parts);

 private:
  using Block = std::array<std::uint8_t, 16>;
  // What one of the contexts holds. A message does not begin with setting it back to the beginning
  // of a chain, which would cost as much as the message: it goes on behind the last block, and
  // takes that out again.
  struct Held {
    int algorithm = -1;   // none
    int encrypt = 0;      // -1: at work, or broken off
    bool subkey = false;  // subkey_ is of this key
    std::array<std::uint8_t, 32> key{};
    Block chain{};  // ciphered, the last block
  };

  bool cbc(BlockCipher cipher, View key, std::span<std::uint8_t> octets, int encrypt);
  evp_cipher_ctx_st* begin(std::size_t use, int algorithm, View key, int encrypt);
  std::size_t for_macs() const { return kept_ ? 1 : 0; }

  PacketContexts* contexts_;
  const bool kept_;
  Held held_[2];    // for ciphers, for MACs
  Block subkey_{};  // of the MACs' key
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
