// Records of any content type, sealed as the client of a handshake that is over would seal them:
// what OpenSSL's own API does not write. For AES-128-GCM with SHA-256, TLS 1.2 and 1.3 (RFC 5288,
// RFC 8446 section 5.2). The client itself must write nothing any more.
#pragma once

#include <openssl/evp.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <memory>
#include <string_view>

#include "base/crypto.h"
#include "tests/support/tls_client.h"

namespace support {

class TlsSealer {
 public:
  explicit TlsSealer(const TlsClient& client)
      : tls13_(SSL_version(client.ssl()) == TLS1_3_VERSION), secret_(client.traffic_secret()) {
    if (tls13_) {
      expand();
      return;
    }
    std::uint8_t master[48];
    SSL_SESSION_get_master_key(SSL_get_session(client.ssl()), master, sizeof master);
    std::uint8_t randoms[64];  // the server's first
    SSL_get_server_random(client.ssl(), randoms, 32);
    SSL_get_client_random(client.ssl(), randoms + 32, 32);
    const base::Bytes seed = base::Writer().text("key expansion").bytes(randoms).take();
    // Two keys of 16 octets, two salts of four: two rounds of P_SHA256 (RFC 5246 section 5).
    base::Bytes block;
    base::Sha256 round = base::hmac_sha256(master, {seed});
    for (int i = 0; i < 2; ++i) {
      const base::Sha256 octets = base::hmac_sha256(master, {round, seed});
      block.insert(block.end(), octets.begin(), octets.end());
      round = base::hmac_sha256(master, {round});
    }
    key_.assign(block.begin(), block.begin() + 16);
    iv_.assign(block.begin() + 32, block.begin() + 36);
    sequence_ = 1;  // the client's Finished was 0
  }

  base::Bytes record(std::uint8_t type, base::View plain) {
    const std::uint64_t sequence = sequence_++;
    base::Writer head;
    if (!tls13_) {
      const base::Bytes number = base::Writer().u64(sequence).take();
      const base::Bytes nonce = base::Writer().bytes(iv_).bytes(number).take();
      const auto size = static_cast<std::uint16_t>(plain.size());
      const base::Bytes associated =
          base::Writer().bytes(number).u8(type).u16(TLS1_2_VERSION).u16(size).take();
      head.u8(type).u16(TLS1_2_VERSION).u16(static_cast<std::uint16_t>(size + 8 + kTag));
      return head.bytes(number).bytes(sealed(nonce, associated, plain)).take();
    }
    base::Bytes nonce = iv_;
    for (std::size_t i = 0; i < 8; ++i) {
      nonce[4 + i] ^= static_cast<std::uint8_t>(sequence >> (56 - 8 * i));
    }
    const base::Bytes inner = base::Writer().bytes(plain).u8(type).take();
    head.u8(SSL3_RT_APPLICATION_DATA).u16(TLS1_2_VERSION);
    head.u16(static_cast<std::uint16_t>(inner.size() + kTag));
    const base::Bytes associated(head.view().begin(), head.view().end());
    return head.bytes(sealed(nonce, associated, inner)).take();
  }

  // The keys behind a KeyUpdate; TLS 1.3 only.
  void update() {
    secret_ = label("traffic upd", 32);
    expand();
  }

 private:
  static constexpr std::size_t kTag = 16;

  // HKDF-Expand-Label without a context, of at most one round.
  base::Bytes label(std::string_view name, std::uint16_t size) const {
    base::Writer info;
    info.u16(size).u8(static_cast<std::uint8_t>(6 + name.size())).text("tls13 ").text(name);
    info.u8(0).u8(1);
    const base::Sha256 octets = base::hmac_sha256(secret_, {info.view()});
    return {octets.begin(), octets.begin() + size};
  }
  void expand() {
    key_ = label("key", 16);
    iv_ = label("iv", 12);
    sequence_ = 0;
  }

  base::Bytes sealed(base::View nonce, base::View associated, base::View plain) const {
    struct Free {
      void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
    };
    const std::unique_ptr<EVP_CIPHER_CTX, Free> owned(EVP_CIPHER_CTX_new());
    EVP_CIPHER_CTX* const context = owned.get();
    base::Bytes out(plain.size() + kTag);
    int size = 0;
    EVP_EncryptInit_ex(context, EVP_aes_128_gcm(), nullptr, key_.data(), nonce.data());
    EVP_EncryptUpdate(context, nullptr, &size, associated.data(),
                      static_cast<int>(associated.size()));
    EVP_EncryptUpdate(context, out.data(), &size, plain.data(), static_cast<int>(plain.size()));
    EVP_EncryptFinal_ex(context, out.data() + size, &size);
    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, kTag, out.data() + plain.size());
    return out;
  }

  bool tls13_;
  base::Bytes secret_;
  base::Bytes key_, iv_;
  std::uint64_t sequence_ = 0;
};

}  // namespace support
