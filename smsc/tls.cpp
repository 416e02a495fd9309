#include "smsc/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <climits>

#include "base/crypto.h"
#include "base/log.h"

namespace smsc {

namespace {

// OpenSSL's reason, without data of the connection. Leaves the thread's error queue empty.
std::string reason() {
  const unsigned long code = ERR_peek_last_error();
  const char* const text = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return text == nullptr ? "TLS error" : text;
}

base::Error file_error(const Settings& settings, const char* key) {
  return base::Error{base::cat("[smsc.", settings.name, "] ", key, ": ", reason())};
}

int size_of(base::View octets) {
  return static_cast<int>(std::min<std::size_t>(octets.size(), INT_MAX));
}

}  // namespace

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

base::Result<std::shared_ptr<const TlsContext>> TlsContext::make(const Settings& settings) {
  SSL_CTX* const context = SSL_CTX_new_ex(base::crypto_library(), nullptr, TLS_client_method());
  if (context == nullptr) return file_error(settings, "tls");
  auto owner = std::make_shared<const TlsContext>(context);
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  if (settings.tls_ca_file.empty()) {
    return base::Error{base::cat("[smsc.", settings.name, "] tls = yes needs tls_ca_file")};
  }
  if (SSL_CTX_load_verify_file(context, settings.tls_ca_file.c_str()) != 1) {
    return file_error(settings, "tls_ca_file");
  }
  if (!settings.tls_cert_file.empty()) {
    if (SSL_CTX_use_certificate_chain_file(context, settings.tls_cert_file.c_str()) != 1) {
      return file_error(settings, "tls_cert_file");
    }
    if (SSL_CTX_use_PrivateKey_file(context, settings.tls_key_file.c_str(), SSL_FILETYPE_PEM) !=
            1 ||
        SSL_CTX_check_private_key(context) != 1) {
      return file_error(settings, "tls_key_file");
    }
  }
  ERR_clear_error();
  return owner;
}

Tls::Tls(std::shared_ptr<const TlsContext> context, const std::string& name)
    : context_(std::move(context)) {
  ssl_ = SSL_new(context_->get());
  in_ = BIO_new(BIO_s_mem());
  out_ = BIO_new(BIO_s_mem());
  if (ssl_ == nullptr || in_ == nullptr || out_ == nullptr) {
    BIO_free(in_);
    BIO_free(out_);
    fail("no memory for TLS");
    return;
  }
  BIO_set_mem_eof_return(in_, -1);
  BIO_set_mem_eof_return(out_, -1);
  SSL_set_bio(ssl_, in_, out_);
  X509_VERIFY_PARAM* const verify = SSL_get0_param(ssl_);
  if (X509_VERIFY_PARAM_set1_ip_asc(verify, name.c_str()) != 1) {
    ERR_clear_error();
    SSL_set_hostflags(ssl_, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (name.empty() || SSL_set1_host(ssl_, name.c_str()) != 1 ||
        SSL_set_tlsext_host_name(ssl_, name.c_str()) != 1) {
      fail("no usable name to verify");
      return;
    }
  }
  SSL_set_connect_state(ssl_);
  handshake();
}

Tls::~Tls() {
  SSL_free(ssl_);
  ERR_clear_error();
}

void Tls::fail(const char* what) {
  ended_ = true;
  open_ = false;
  if (!error_.empty()) return;
  const long verified = ssl_ == nullptr ? X509_V_OK : SSL_get_verify_result(ssl_);
  error_ = verified == X509_V_OK ? base::cat(what, ": ", reason())
                                 : base::cat("TLS: the peer's certificate: ",
                                             X509_verify_cert_error_string(verified));
  ERR_clear_error();
}

void Tls::handshake() {
  if (open_ || ended_) return;
  ERR_clear_error();
  const int done = SSL_do_handshake(ssl_);
  if (done == 1) {
    open_ = true;
  } else if (SSL_get_error(ssl_, done) != SSL_ERROR_WANT_READ) {
    fail("TLS handshake");
  }
  collect();
}

void Tls::collect() {
  char* data = nullptr;
  const long size = BIO_get_mem_data(out_, &data);
  if (size <= 0) return;
  output_.insert(output_.end(), data, data + size);
  (void)BIO_reset(out_);
}

void Tls::feed(base::View ciphertext) {
  if (ended_ || ciphertext.empty()) return;
  if (BIO_write(in_, ciphertext.data(), size_of(ciphertext)) != size_of(ciphertext)) {
    return fail("no memory for TLS");
  }
  handshake();
}

base::Bytes Tls::read() {
  base::Bytes plain;
  std::uint8_t buffer[16 * 1024];
  while (open_) {
    ERR_clear_error();
    const int size = SSL_read(ssl_, buffer, sizeof buffer);
    if (size > 0) {
      plain.insert(plain.end(), buffer, buffer + size);
      continue;
    }
    const int error = SSL_get_error(ssl_, size);
    if (error == SSL_ERROR_ZERO_RETURN) {
      ended_ = true;
      open_ = false;
    } else if (error != SSL_ERROR_WANT_READ) {
      fail("TLS record");
    }
    break;
  }
  collect();  // an answer to what came besides data
  return plain;
}

void Tls::write(base::View plain) {
  if (!open_ || plain.empty()) return;
  ERR_clear_error();
  if (SSL_write(ssl_, plain.data(), size_of(plain)) != size_of(plain)) return fail("TLS record");
  collect();
}

void Tls::close() {
  if (!open_) return;
  open_ = false;
  ERR_clear_error();
  SSL_shutdown(ssl_);
  ERR_clear_error();
  collect();
}

void Tls::consume(std::size_t octets) {
  sent_ += octets;
  if (sent_ < output_.size()) return;
  output_.clear();
  sent_ = 0;
}

}  // namespace smsc
