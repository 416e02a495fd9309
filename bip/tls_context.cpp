#include "bip/tls_context.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/crypto.h"
#include "base/log.h"
#include "bip/tls_psk.h"

namespace bip {

namespace {

constexpr int kSecurityLevel = 2;
constexpr int kNullAllowed = 0;  // the only level at which OpenSSL speaks suites without ciphering

bool is_tls13(std::string_view suite) { return suite.starts_with("TLS_"); }

std::string joined(const std::vector<std::string>& suites, bool tls13) {
  std::string text;
  for (const std::string& suite : suites) {
    if (is_tls13(suite) == tls13) text += (text.empty() ? "" : ":") + suite;
  }
  return text;
}

bool any_null(const std::vector<std::string>& suites) {
  return std::any_of(suites.begin(), suites.end(), [](const std::string& suite) {
    return suite.find("-NULL-") != std::string::npos;
  });
}

// OpenSSL passes over names that it does not know.
std::optional<std::string> missing_suite(SSL_CTX* context, const Settings& settings) {
  const STACK_OF(SSL_CIPHER)* const known = SSL_CTX_get_ciphers(context);
  for (const std::string& suite : settings.tls_suites) {
    if (is_tls13(suite) && !settings.tls13) continue;
    bool found = false;
    for (int i = 0; i < sk_SSL_CIPHER_num(known) && !found; ++i) {
      found = SSL_CIPHER_get_name(sk_SSL_CIPHER_value(known, i)) == suite;
    }
    if (!found) return suite;
  }
  return std::nullopt;
}

void switch_off(SSL_CTX* context) {
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_NO_ENCRYPT_THEN_MAC | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                   SSL_OP_ALLOW_NO_DHE_KEX);
  // Records for middle boxes of the Web: a card would have to read over them.
  SSL_CTX_clear_options(context, SSL_OP_ENABLE_MIDDLEBOX_COMPAT);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_max_early_data(context, 0);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context, 0);
}

bool set_suites(SSL_CTX* context, const Settings& settings) {
  const std::string older = joined(settings.tls_suites, false);
  const std::string tls13 = settings.tls13 ? joined(settings.tls_suites, true) : "";
  if (SSL_CTX_set_ciphersuites(context, tls13.c_str()) != 1) return false;
  return SSL_CTX_set_cipher_list(context, older.empty() ? "-ALL" : older.c_str()) == 1 ||
         !tls13.empty();
}

}  // namespace

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

base::Result<std::shared_ptr<const TlsContext>> TlsContext::make(const Settings& settings) {
  SSL_CTX* const context = SSL_CTX_new_ex(base::crypto_library(), nullptr, TLS_server_method());
  if (context == nullptr) {
    ERR_clear_error();
    return base::Error{"[bip] tls_psk: OpenSSL gives no TLS"};
  }
  auto owner = std::make_shared<const TlsContext>(context);
  switch_off(context);
  const bool with_null = any_null(settings.tls_suites);
  SSL_CTX_set_security_level(context, with_null ? kNullAllowed : kSecurityLevel);
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_max_proto_version(context, settings.tls13 ? TLS1_3_VERSION : TLS1_2_VERSION);
  const bool suites = set_suites(context, settings);
  const bool groups = SSL_CTX_set1_groups_list(context, "P-256:X25519") == 1;
  ERR_clear_error();
  const auto missing = missing_suite(context, settings);
  if (missing || !suites || !groups) {
    return base::Error{base::cat("[bip] tls_suites: this build of OpenSSL does not have ",
                                 missing.value_or("what they need"))};
  }
  TlsPsk::prepare(context, settings.tls13);
  return owner;
}

}  // namespace bip
