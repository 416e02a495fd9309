// A TLS client with a pre-shared key that does what a test tells it: OpenSSL as it is, over memory
// BIOs. Knows nothing of the product.
#pragma once

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace support {

class TlsClient {
 public:
  struct Options {
    std::string identity;
    base::Bytes psk;
    std::string suites;  // TLS 1.2; empty: all with a PSK
    std::string suites13 = "TLS_AES_128_GCM_SHA256:TLS_AES_128_CCM_SHA256";
    int least_version = TLS1_2_VERSION;
    int most_version = TLS1_2_VERSION;
    std::uint8_t max_fragment = 0;  // code of RFC 6066: 1 = 512, ... 4 = 4096
    bool tickets = false;           // says that it would take them
  };

  explicit TlsClient(Options options)
      : options_(std::move(options)), context_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX* const context = context_.get();
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_min_proto_version(context, options_.least_version);
    SSL_CTX_set_max_proto_version(context, options_.most_version);
    const std::string suites = options_.suites.empty() ? "PSK" : options_.suites;
    SSL_CTX_set_cipher_list(context, suites.c_str());
    SSL_CTX_set_ciphersuites(context, options_.suites13.c_str());
    if (!options_.tickets) SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    if (options_.max_fragment != 0) {
      SSL_CTX_set_tlsext_max_fragment_length(context, options_.max_fragment);
    }
    SSL_CTX_set_psk_client_callback(context, psk);
    SSL_CTX_set_keylog_callback(context, note_secret);
    ssl_.reset(SSL_new(context));
    SSL_set_app_data(ssl_.get(), this);
    in_ = BIO_new(BIO_s_mem());
    out_ = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(in_, -1);
    SSL_set_bio(ssl_.get(), in_, out_);
    SSL_set_connect_state(ssl_.get());
  }

  SSL* ssl() const { return ssl_.get(); }

  // Goes on with the handshake; true once it is complete.
  bool handshake() {
    ERR_clear_error();
    const int done = SSL_do_handshake(ssl_.get());
    if (done != 1) note(SSL_get_error(ssl_.get(), done));
    return done == 1;
  }
  void feed(base::View octets) {
    if (!octets.empty()) BIO_write(in_, octets.data(), static_cast<int>(octets.size()));
  }
  base::Bytes output() {
    base::Bytes octets(BIO_ctrl_pending(out_));
    if (!octets.empty()) BIO_read(out_, octets.data(), static_cast<int>(octets.size()));
    return octets;
  }
  void write(base::View plain) {
    SSL_write(ssl_.get(), plain.data(), static_cast<int>(plain.size()));
  }
  base::Bytes read() {
    base::Bytes all;
    std::uint8_t piece[4096];
    ERR_clear_error();
    for (;;) {
      const int got = SSL_read(ssl_.get(), piece, sizeof piece);
      if (got <= 0) {
        note(SSL_get_error(ssl_.get(), got));
        return all;
      }
      all.insert(all.end(), piece, piece + got);
    }
  }
  // The alert by which the last call failed, as OpenSSL names it; empty: none.
  const std::string& failure() const { return failure_; }
  // Of TLS 1.3: from which the keys of what this side says are made.
  const base::Bytes& traffic_secret() const { return traffic_secret_; }
  bool closed() const { return (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0; }

 private:
  void note(int error) {
    if (error != SSL_ERROR_SSL) return;
    const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
    failure_ = reason == nullptr ? "?" : reason;
    ERR_clear_error();
  }

  static unsigned psk(SSL* ssl, const char*, char* identity, unsigned room, unsigned char* key,
                      unsigned key_room) {
    const Options& options = static_cast<TlsClient*>(SSL_get_app_data(ssl))->options_;
    if (options.identity.size() >= room || options.psk.size() > key_room) return 0;
    std::memcpy(identity, options.identity.c_str(), options.identity.size() + 1);
    std::memcpy(key, options.psk.data(), options.psk.size());
    return static_cast<unsigned>(options.psk.size());
  }

  // "CLIENT_TRAFFIC_SECRET_0 RANDOM SECRET" is one of several lines.
  static void note_secret(const SSL* ssl, const char* line) {
    const std::string_view text(line);
    if (!text.starts_with("CLIENT_TRAFFIC_SECRET_0 ")) return;
    TlsClient& self = *static_cast<TlsClient*>(SSL_get_app_data(ssl));
    self.traffic_secret_ = base::from_hex(text.substr(text.rfind(' ') + 1)).value_or(base::Bytes());
  }

  struct Free {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  Options options_;
  std::unique_ptr<SSL_CTX, Free> context_;
  std::unique_ptr<SSL, Free> ssl_;
  BIO* in_ = nullptr;  // owned by ssl_
  BIO* out_ = nullptr;
  std::string failure_;
  base::Bytes traffic_secret_;
};

}  // namespace support
