// Proves the TLS to an SMSC against OpenSSL as the server: who has no certificate of our CA for the
// right name, in its time, is not spoken to; who wants ours gets it; octets go there and back
// however they are cut.
#include "smsc/tls.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <boost/test/unit_test.hpp>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

namespace {

using namespace smsc;

constexpr long kDay = 24L * 3600;

struct Delete {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using Key = std::unique_ptr<EVP_PKEY, Delete>;
using Certificate = std::unique_ptr<X509, Delete>;

struct Identity {
  Key key;
  Certificate certificate;
};

struct Wanted {
  const char* name = "smsc.example";
  const char* subject_alternative = "DNS:smsc.example";
  long from = -kDay, until = kDay;  // seconds from now
};

void add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
  BOOST_REQUIRE(extension != nullptr);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

// Signed by `issuer`, or by itself: then it is a CA.
Identity make_identity(const Wanted& wanted, const Identity* issuer) {
  static long serial = 0;
  Identity made{Key(EVP_EC_gen("P-256")), Certificate(X509_new())};
  X509* const certificate = made.certificate.get();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), wanted.from);
  X509_gmtime_adj(X509_getm_notAfter(certificate), wanted.until);
  X509_set_pubkey(certificate, made.key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(wanted.name), -1, -1, 0);
  X509* const signer = issuer ? issuer->certificate.get() : certificate;
  X509_set_issuer_name(certificate, X509_get_subject_name(signer));
  if (issuer == nullptr) {
    add_extension(certificate, signer, NID_basic_constraints, "critical,CA:TRUE");
  } else {
    add_extension(certificate, signer, NID_subject_alt_name, wanted.subject_alternative);
  }
  X509_sign(certificate, issuer ? issuer->key.get() : made.key.get(), EVP_sha256());
  return made;
}

// PEM files of a test, gone at its end.
struct Folder {
  Folder() {
    char name[] = "/tmp/bvtls-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string write(const char* name, const Identity& identity, bool key) {
    const std::string file = path + "/" + name;
    std::FILE* const out = std::fopen(file.c_str(), "w");
    BOOST_REQUIRE(out != nullptr);
    if (key) {
      PEM_write_PrivateKey(out, identity.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    } else {
      PEM_write_X509(out, identity.certificate.get());
    }
    std::fclose(out);
    return file;
  }
  std::string path;
};

// OpenSSL's server, in memory.
class Server {
 public:
  explicit Server(const Identity& identity, X509* client_ca = nullptr, int newest = TLS1_3_VERSION)
      : context_(SSL_CTX_new(TLS_server_method())) {
    SSL_CTX_use_certificate(context_.get(), identity.certificate.get());
    SSL_CTX_use_PrivateKey(context_.get(), identity.key.get());
    SSL_CTX_set_max_proto_version(context_.get(), newest);
    SSL_CTX_set_security_level(context_.get(), 0);  // so that old versions can be offered
    if (client_ca != nullptr) {
      X509_STORE_add_cert(SSL_CTX_get_cert_store(context_.get()), client_ca);
      SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                         nullptr);
    }
    ssl_.reset(SSL_new(context_.get()));
    in_ = BIO_new(BIO_s_mem());
    out_ = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl_.get(), in_, out_);
    SSL_set_accept_state(ssl_.get());
  }
  void feed(base::View octets) {
    if (!octets.empty()) BIO_write(in_, octets.data(), static_cast<int>(octets.size()));
    if (!SSL_is_init_finished(ssl_.get())) SSL_do_handshake(ssl_.get());
  }
  base::Bytes output() {
    base::Bytes octets(BIO_ctrl_pending(out_));
    if (!octets.empty()) BIO_read(out_, octets.data(), static_cast<int>(octets.size()));
    return octets;
  }
  std::string read() {
    char text[256];
    const int size = SSL_read(ssl_.get(), text, sizeof text);
    return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : "";
  }
  void write(std::string_view text) {
    BOOST_REQUIRE(SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())) > 0);
  }
  void close() { SSL_shutdown(ssl_.get()); }
  bool open() const { return SSL_is_init_finished(ssl_.get()) == 1; }

 private:
  std::unique_ptr<SSL_CTX, Delete> context_;
  std::unique_ptr<SSL, Delete> ssl_;
  BIO* in_;
  BIO* out_;
};

struct World {
  Identity ca = make_identity({"a CA", "", -kDay, kDay}, nullptr);
  Folder folder;
  Settings settings;
  std::unique_ptr<Tls> client;

  World() {
    settings.name = "a";
    settings.tls = true;
    settings.tls_ca_file = folder.write("ca.pem", ca, false);
  }
  void begin(const std::string& name = "smsc.example") {
    auto context = TlsContext::make(settings);
    BOOST_REQUIRE(context.ok());
    client = std::make_unique<Tls>(context.take(), name);
  }
  // Until nobody has anything to say.
  void talk(Server& server, std::size_t piece = SIZE_MAX) {
    for (bool more = true; more;) {
      const base::Bytes up(client->output().begin(), client->output().end());
      client->consume(up.size());
      server.feed(up);
      const base::Bytes down = server.output();
      more = !up.empty() || !down.empty();
      for (base::View rest(down); !rest.empty();) {
        const std::size_t size = std::min(piece, rest.size());
        client->feed(rest.first(size));
        rest = rest.subspan(size);
      }
    }
  }
  // Why the client did not want it; empty: it is open.
  std::string refusal(const Wanted& wanted, const std::string& name = "smsc.example") {
    Server server(make_identity(wanted, &ca));
    begin(name);
    talk(server);
    BOOST_TEST(client->open() == client->error().empty());
    if (!client->open()) BOOST_TEST(!server.open());
    return client->error();
  }
};

bool has(const std::string& text, const char* part) { return text.find(part) != text.npos; }

}  // namespace

BOOST_FIXTURE_TEST_SUITE(tls, World)

BOOST_AUTO_TEST_CASE(a_good_peer_is_spoken_to) {
  for (const std::size_t piece : {SIZE_MAX, std::size_t{1}, std::size_t{100}}) {
    Server server(make_identity({}, &ca));
    begin();
    talk(server, piece);
    BOOST_TEST(client->error() == "");
    BOOST_REQUIRE(client->open());
    client->write(base::as_bytes("bind"));
    talk(server, piece);
    BOOST_TEST(server.read() == "bind");
    server.write("bound");
    talk(server, piece);
    BOOST_TEST(base::as_text(client->read()) == "bound");
    server.close();
    talk(server, piece);
    BOOST_TEST(client->read().empty());
    BOOST_TEST(client->ended());
    BOOST_TEST(client->error() == "");
  }
}

BOOST_AUTO_TEST_CASE(names_and_addresses) {
  BOOST_TEST(refusal({}) == "");
  BOOST_TEST(has(refusal({}, "other.example"), "mismatch"));
  BOOST_TEST(has(refusal({}, "192.0.2.1"), "mismatch"));
  const Wanted by_address{"smsc.example", "IP:192.0.2.1", -kDay, kDay};
  BOOST_TEST(refusal(by_address, "192.0.2.1") == "");
  BOOST_TEST(has(refusal(by_address, "192.0.2.2"), "mismatch"));
  const Wanted wildcard{"any", "DNS:*.operator.example", -kDay, kDay};
  BOOST_TEST(refusal(wildcard, "smsc.operator.example") == "");
  BOOST_TEST(has(refusal(wildcard, "a.smsc.operator.example"), "mismatch"));
  const Wanted partial{"any", "DNS:sm*.operator.example", -kDay, kDay};
  BOOST_TEST(has(refusal(partial, "smsc.operator.example"), "mismatch"));
  begin("");
  BOOST_TEST(client->ended());
}

BOOST_AUTO_TEST_CASE(times) {
  BOOST_TEST(has(refusal({"smsc.example", "DNS:smsc.example", -2 * kDay, -kDay}), "expired"));
  BOOST_TEST(has(refusal({"smsc.example", "DNS:smsc.example", kDay, 2 * kDay}), "not yet valid"));
}

BOOST_AUTO_TEST_CASE(another_ca) {
  const Identity stranger = make_identity({"a CA", "", -kDay, kDay}, nullptr);
  Server server(make_identity({}, &stranger));
  begin();
  talk(server);
  BOOST_TEST(!client->open());
  BOOST_TEST(has(client->error(), "certificate"));
  // Its own is nobody's either.
  Server alone(stranger);
  begin();
  talk(alone);
  BOOST_TEST(!client->open());
}

BOOST_AUTO_TEST_CASE(a_peer_that_wants_our_certificate) {
  const Identity own = make_identity({"bipvault", "DNS:bipvault", -kDay, kDay}, &ca);
  settings.tls_cert_file = folder.write("own.pem", own, false);
  settings.tls_key_file = folder.write("own.key", own, true);
  Server server(make_identity({}, &ca), ca.certificate.get());
  begin();
  talk(server);
  BOOST_TEST(client->open());
  BOOST_TEST(server.open());
}

// In TLS 1.3 the client is through before the server has seen that there is none: its alert comes
// in place of the first octet.
BOOST_AUTO_TEST_CASE(without_our_certificate_it_ends) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Server server(make_identity({}, &ca), ca.certificate.get(), version);
    begin();
    talk(server);
    (void)client->read();
    talk(server);
    BOOST_TEST(!server.open());
    BOOST_TEST(client->ended());
    BOOST_TEST(!client->error().empty());
  }
}

BOOST_AUTO_TEST_CASE(old_versions_are_not_spoken) {
  Server server(make_identity({}, &ca), nullptr, TLS1_1_VERSION);
  begin();
  talk(server);
  BOOST_TEST(!client->open());
  BOOST_TEST(!client->error().empty());
}

BOOST_AUTO_TEST_CASE(noise_instead_of_tls) {
  begin();
  client->feed(base::as_bytes("HTTP/1.1 400 Bad Request\r\n\r\n"));
  BOOST_TEST(client->ended());
  BOOST_TEST(!client->error().empty());
  client->feed(base::as_bytes("more"));
  client->write(base::as_bytes("more"));
  BOOST_TEST(client->read().empty());
}

BOOST_AUTO_TEST_CASE(files_that_cannot_be_used) {
  const auto refused = [this](const char* part) {
    const auto made = TlsContext::make(settings);
    return !made.ok() && has(made.error(), part) && has(made.error(), "[smsc.a]");
  };
  const Identity own = make_identity({}, &ca), other = make_identity({}, &ca);
  settings.tls_cert_file = folder.write("own.pem", own, false);
  settings.tls_key_file = folder.write("other.key", other, true);
  BOOST_TEST(refused("tls_key_file"));
  settings.tls_cert_file = folder.path + "/nothing";
  BOOST_TEST(refused("tls_cert_file"));
  settings.tls_ca_file = settings.tls_key_file;
  BOOST_TEST(refused("tls_ca_file"));
  settings.tls_ca_file.clear();
  BOOST_TEST(refused("tls_ca_file"));
}

BOOST_AUTO_TEST_SUITE_END()
