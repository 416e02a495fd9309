#include "card/tls_end.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <array>
#include <cstring>
#include <new>
#include <utility>

namespace card {
namespace {

constexpr const char* kSuites = "PSK-AES128-GCM-SHA256:PSK-AES128-CBC-SHA256";

}  // namespace

struct TlsEnd::Callbacks {
  static unsigned psk(SSL* ssl, const char*, char* identity, unsigned room, unsigned char* key,
                      unsigned key_room) {
    const TlsEnd& self = *static_cast<TlsEnd*>(SSL_get_app_data(ssl));
    if (self.identity_.size() >= room || self.psk_.size() > key_room) return 0;
    std::memcpy(identity, self.identity_.c_str(), self.identity_.size() + 1);
    std::memcpy(key, self.psk_.view().data(), self.psk_.size());
    return static_cast<unsigned>(self.psk_.size());
  }
};

std::shared_ptr<ssl_ctx_st> TlsEnd::make_context() {
  const std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  if (context == nullptr) throw std::bad_alloc();
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_max_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET | SSL_OP_NO_ENCRYPT_THEN_MAC);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_cipher_list(context.get(), kSuites);
  SSL_CTX_set_tlsext_max_fragment_length(context.get(), TLSEXT_max_fragment_length_512);
  SSL_CTX_set_psk_client_callback(context.get(), Callbacks::psk);
  return context;
}

TlsEnd::TlsEnd(std::string identity, base::View psk, std::shared_ptr<ssl_ctx_st> context)
    : identity_(std::move(identity)), psk_(psk), context_(std::move(context)) {
  ssl_ = SSL_new(context_.get());
  in_ = BIO_new(BIO_s_mem());
  out_ = BIO_new(BIO_s_mem());
  if (ssl_ == nullptr || in_ == nullptr || out_ == nullptr) throw std::bad_alloc();
  BIO_set_mem_eof_return(in_, -1);
  SSL_set_bio(ssl_, in_, out_);
  SSL_set_app_data(ssl_, this);
  SSL_set_connect_state(ssl_);
  feed({});  // the hello
}

TlsEnd::~TlsEnd() {
  SSL_free(ssl_);
  base::wipe(plain_.data(), plain_.size());
}

void TlsEnd::note(int result) {
  const int error = SSL_get_error(ssl_, result);
  if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_NONE) state_ = State::ended;
}

void TlsEnd::feed(base::View octets) {
  if (ended()) return;
  if (!octets.empty()) BIO_write(in_, octets.data(), static_cast<int>(octets.size()));
  ERR_clear_error();
  if (state_ == State::handshake) {
    const int done = SSL_do_handshake(ssl_);
    if (done == 1) state_ = State::open;
    note(done);
  }
  std::array<std::uint8_t, 1024> piece;
  while (open()) {
    const int got = SSL_read(ssl_, piece.data(), static_cast<int>(piece.size()));
    if (got <= 0) {
      note(got);
      break;
    }
    plain_.insert(plain_.end(), piece.begin(), piece.begin() + got);
  }
  base::wipe(piece.data(), piece.size());
  ERR_clear_error();
}

void TlsEnd::send(base::View plain) {
  if (!open() || plain.empty()) return;
  ERR_clear_error();
  note(SSL_write(ssl_, plain.data(), static_cast<int>(plain.size())));
  ERR_clear_error();
}

void TlsEnd::close() {
  if (open()) SSL_shutdown(ssl_);
  ERR_clear_error();
  state_ = State::ended;
}

base::Bytes TlsEnd::take_output() {
  base::Bytes octets(BIO_ctrl_pending(out_));
  if (!octets.empty()) BIO_read(out_, octets.data(), static_cast<int>(octets.size()));
  return octets;
}

base::Bytes TlsEnd::take_plain() { return std::exchange(plain_, {}); }

}  // namespace card
