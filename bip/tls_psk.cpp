#include "bip/tls_psk.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <new>

#include "base/crypto.h"
#include "base/log.h"

namespace bip {

namespace {

constexpr std::size_t kMostInput = TlsRecord::kHeader + TlsRecord::kMostContent;
constexpr std::size_t kMostOutput = 16 * 1024;
constexpr std::uint16_t kPreSharedKey = 41;  // extension of TLS 1.3, RFC 8446 section 4.2.11

// The first identity that a TLS 1.3 client offers; a card has one.
std::optional<std::string> first_identity(SSL* ssl) {
  const unsigned char* data = nullptr;
  std::size_t size = 0;
  if (SSL_client_hello_get0_ext(ssl, kPreSharedKey, &data, &size) != 1) return std::nullopt;
  base::Reader reader(base::View(data, size));
  base::Reader identities(reader.take(reader.u16()));
  const base::View name = identities.take(identities.u16());
  if (!identities.ok()) return std::nullopt;
  return std::string(base::as_text(name));
}

// Octets of a record that are not the plain text, at most.
struct Overhead {
  std::size_t fixed = 0;
  std::size_t block = 1;     // what is ciphered fills up to it
  std::size_t ciphered = 0;  // of what fills the blocks, what is not plain text
};

std::size_t mac_size(int digest) {
  switch (digest) {
    case NID_sha1:
      return 20;
    case NID_sha384:
      return 48;
    default:
      return 32;
  }
}

Overhead overhead_of(const SSL* ssl) {
  const SSL_CIPHER* const cipher = SSL_get_current_cipher(ssl);
  const int algorithm = SSL_CIPHER_get_cipher_nid(cipher);
  const std::string_view name = SSL_CIPHER_get_name(cipher);
  if (SSL_CIPHER_is_aead(cipher) == 1) {
    const bool short_tag = name.find("CCM8") != name.npos || name.find("CCM_8") != name.npos;
    const std::size_t tag = short_tag ? 8 : 16;
    if (SSL_version(ssl) == TLS1_3_VERSION) return {TlsRecord::kHeader + 1 + tag};
    const std::size_t nonce = algorithm == NID_chacha20_poly1305 ? 0 : 8;
    return {TlsRecord::kHeader + nonce + tag};
  }
  const std::size_t mac = mac_size(SSL_CIPHER_get_digest_nid(cipher));
  if (algorithm == NID_undef) return {TlsRecord::kHeader + mac};
  return {TlsRecord::kHeader + 16, 16, mac + 1};  // initialisation vector; length of the padding
}

std::size_t room_within(std::size_t record, const Overhead& overhead) {
  if (record <= overhead.fixed) return 1;
  const std::size_t blocks = (record - overhead.fixed) / overhead.block * overhead.block;
  return blocks > overhead.ciphered ? blocks - overhead.ciphered : 1;
}

// RFC 6066 section 4.
std::size_t fragment_limit(const SSL* ssl) {
  const SSL_SESSION* const session = SSL_get0_session(ssl);
  const std::uint8_t mode = session == nullptr ? 0 : SSL_SESSION_get_max_fragment_length(session);
  return mode >= TLSEXT_max_fragment_length_512 && mode <= TLSEXT_max_fragment_length_4096
             ? std::size_t{256} << mode
             : SSL3_RT_MAX_PLAIN_LENGTH;
}

}  // namespace

std::optional<vault::Iccid> card_of_identity(std::string_view identity) {
  if (identity.size() > TlsPsk::kMostIdentity) return std::nullopt;
  return vault::Iccid::from_digits(identity.substr(0, identity.find('@')));
}

// None of them may let an exception pass through OpenSSL.
struct TlsPsk::Callbacks {
  static TlsPsk& of(const SSL* ssl) { return *static_cast<TlsPsk*>(SSL_get_app_data(ssl)); }

  static int read(BIO* bio, char* out, std::size_t size, std::size_t* got) {
    TlsPsk& self = *static_cast<TlsPsk*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    *got = std::min(size, self.released_ - self.taken_);
    if (*got == 0) {
      BIO_set_retry_read(bio);
      return 0;
    }
    std::copy_n(self.input_.data() + self.taken_, *got, reinterpret_cast<std::uint8_t*>(out));
    self.taken_ += *got;
    return 1;
  }

  static int write(BIO* bio, const char* data, std::size_t size, std::size_t* put) {
    TlsPsk& self = *static_cast<TlsPsk*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    try {
      self.output_.insert(self.output_.end(), data, data + size);
    } catch (...) {
      self.out_of_memory_ = true;
      return 0;
    }
    *put = size;
    return 1;
  }

  static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

  static int create(BIO* bio) {
    BIO_set_init(bio, 1);
    return 1;
  }

  // Made once and kept, like base/crypto's.
  static const BIO_METHOD* method() {
    static const BIO_METHOD* const made = [] {
      BIO_METHOD* const fresh = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "card");
      if (fresh == nullptr) return fresh;
      BIO_meth_set_read_ex(fresh, read);
      BIO_meth_set_write_ex(fresh, write);
      BIO_meth_set_ctrl(fresh, control);
      BIO_meth_set_create(fresh, create);
      return fresh;
    }();
    return made;
  }

  static unsigned psk(SSL* ssl, const char* identity, unsigned char* out, unsigned room) {
    try {
      return static_cast<unsigned>(of(ssl).hand_out(identity, {out, room}));
    } catch (...) {
      return 0;
    }
  }

  static int hello(SSL* ssl, int*, void*) {
    try {
      TlsPsk& self = of(ssl);
      const auto identity = first_identity(ssl);
      if (!identity || self.answered_) return SSL_CLIENT_HELLO_SUCCESS;
      self.note_identity(*identity);
      return SSL_CLIENT_HELLO_RETRY;
    } catch (...) {
      return SSL_CLIENT_HELLO_ERROR;
    }
  }
};

void TlsPsk::prepare(ssl_ctx_st* context, bool tls13) {
  SSL_CTX_set_psk_server_callback(context, Callbacks::psk);
  if (tls13) SSL_CTX_set_client_hello_cb(context, Callbacks::hello, nullptr);
}

TlsPsk::TlsPsk(std::shared_ptr<const TlsContext> context, const Settings& settings, base::Now now)
    : context_(std::move(context)),
      scan_(std::in_place),
      first_octet_due_(now.mono_ms + settings.identify_timeout),
      handshake_due_(now.mono_ms + settings.tls_timeout),
      most_record_(settings.tls_record) {
  const BIO_METHOD* const method = Callbacks::method();
  BIO* const bio = method == nullptr ? nullptr : BIO_new(method);
  ssl_ = bio == nullptr ? nullptr : SSL_new(context_->get());
  if (ssl_ == nullptr) {
    BIO_free(bio);
    ERR_clear_error();
    throw std::bad_alloc();
  }
  BIO_set_data(bio, this);
  SSL_set_bio(ssl_, bio, bio);
  SSL_set_app_data(ssl_, this);
  SSL_set_accept_state(ssl_);
}

TlsPsk::~TlsPsk() { SSL_free(ssl_); }

std::size_t TlsPsk::room() const {
  if (phase_ == Phase::wants_psk || phase_ == Phase::ended) return 0;
  // TLS answers some records by itself: who does not read the answers is not heard.
  if (output().size() > kMostOutput) return 0;
  return kMostInput - std::min(kMostInput, input_.size() - taken_);
}

void TlsPsk::feed(base::View ciphertext) {
  if (phase_ == Phase::ended || ciphertext.empty()) return;
  any_octet_ = true;
  input_.insert(input_.end(), ciphertext.begin(), ciphertext.end());
  if (phase_ == Phase::handshake) advance();
  if (phase_ == Phase::open) release();
}

// OpenSSL keeps a buffer of 16 KiB from the first octet of a record to its last: it gets whole
// ones.
void TlsPsk::release() {
  while (released_ < input_.size()) {
    bool broken = false;
    const base::View rest = base::View(input_).subspan(released_);
    const auto record = next_record(rest, broken);
    if (broken) {  // OpenSSL knows the right alert
      released_ = input_.size();
      return;
    }
    if (!record || rest.size() < record->size) return;
    if (scan_ && !scan_->over() && !identified_) {
      if (auto identity = scan_->record(rest.first(record->size))) {
        note_identity(*identity);
        scan_->end();
        return;
      }
    }
    if (phase_ != Phase::open) {
      const bool tls13 = SSL_version(ssl_) >= TLS1_3_VERSION;  // or not agreed on yet
      if (!sizes_.record(rest.first(record->size), tls13)) {
        failure_ = "a handshake message that is too long";
        return finish(End::handshake);
      }
    }
    released_ += record->size;
  }
}

void TlsPsk::note_identity(std::string_view identity) {
  if (identified_) return;
  identity_ = identity.substr(0, kMostIdentity + 1);  // longer than any is none
  identified_ = true;
}

void TlsPsk::advance() {
  release();
  if (phase_ == Phase::ended) return;
  ERR_clear_error();
  const int done = SSL_do_handshake(ssl_);
  const int error = done == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl_, done);
  if (done == 1) return open();
  if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_CLIENT_HELLO_CB) {
    return fail(End::handshake);
  }
  if (identified_ && !answered_) phase_ = Phase::wants_psk;
  shrink();
}

void TlsPsk::give_psk(std::optional<base::Secret> psk) {
  if (phase_ != Phase::wants_psk) return;
  if (psk && psk->size() >= kLeastPsk && psk->size() <= kMostPsk) psk_ = std::move(*psk);
  answered_ = true;
  phase_ = Phase::handshake;
  advance();
  if (phase_ == Phase::open) release();
}

// The key for the callback. Who is not known, or names another identity here than the one that was
// looked up, gets a random key and fails like somebody with a wrong one.
std::size_t TlsPsk::hand_out(std::string_view identity, std::span<std::uint8_t> psk) {
  auto stand_in = base::random_array<kLeastPsk>();
  const bool right = answered_ && !psk_.empty() && identity == identity_;
  const base::View key = right ? psk_.view() : base::View(stand_in);
  if (key.size() > psk.size()) return 0;
  std::copy(key.begin(), key.end(), psk.begin());
  return key.size();
}

void TlsPsk::open() {
  // Nobody gets here under a random key; that it cannot be is not left to reasoning alone.
  if (psk_.empty() || !identified_) return fail(End::handshake);
  psk_.clear();
  scan_.reset();
  ciphered_ = SSL_CIPHER_get_cipher_nid(SSL_get_current_cipher(ssl_)) != NID_undef;
  const std::size_t room = room_within(most_record_, overhead_of(ssl_));
  record_room_ = static_cast<std::uint16_t>(std::min(room, fragment_limit(ssl_)));
  opened_ = true;
  phase_ = Phase::open;
  shrink();
}

std::size_t TlsPsk::record_room() const { return record_room_; }

std::size_t TlsPsk::read(std::span<std::uint8_t> out) {
  if (phase_ != Phase::open || out.empty()) return 0;
  std::size_t total = 0;
  ERR_clear_error();
  while (total < out.size()) {
    std::size_t got = 0;
    const int done = SSL_read_ex(ssl_, out.data() + total, out.size() - total, &got);
    total += got;
    if (done == 1) continue;
    const int error = SSL_get_error(ssl_, done);
    if (error == SSL_ERROR_ZERO_RETURN) {
      finish(End::by_peer);
    } else if (error != SSL_ERROR_WANT_READ) {
      fail(End::record);
    }
    break;
  }
  shrink();
  return total;
}

void TlsPsk::write(base::View plain) {
  if (phase_ != Phase::open || plain.empty()) return;
  ERR_clear_error();
  std::size_t written = 0;
  const int done = SSL_write_ex(ssl_, plain.data(), plain.size(), &written);
  if (done != 1 || out_of_memory_) fail(End::record);
}

void TlsPsk::consume(std::size_t octets) {
  sent_ += octets;
  if (sent_ < output_.size()) return;
  base::Bytes().swap(output_);
  sent_ = 0;
}

void TlsPsk::close() {
  if (phase_ == Phase::open || end_ == End::by_peer) {
    ERR_clear_error();
    SSL_shutdown(ssl_);
    ERR_clear_error();
  }
  if (phase_ != Phase::ended) finish(End::by_us);
}

void TlsPsk::fail(End why) {
  failure_ = reason_of(ERR_peek_error());
  ERR_clear_error();
  finish(why);
}

std::string_view TlsPsk::reason_of(unsigned long error) const {
  if (out_of_memory_) return "out of memory";
  const int reason = ERR_GET_LIB(error) == ERR_LIB_SSL ? ERR_GET_REASON(error) : 0;
  if (reason >= SSL_AD_REASON_OFFSET) return "the peer has sent an alert";
  switch (reason) {
    case SSL_R_NO_SHARED_CIPHER:
      return "no common suite (tls_suites)";
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_UNKNOWN_PROTOCOL:
      return "no common version of TLS (tls_max)";
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
      return "what came is no TLS";
    default:
      break;
  }
  if (opened_ && error == 0) return "the peer has begun another handshake";  // its rest is awaited
  if (opened_) return "a record does not verify";
  if (!answered_) return "no handshake that was understood";
  if (!card_of_identity(identity_)) return "its identity is no ICCID";
  return psk_.empty() ? "no key for its identity" : "wrong key";
}

void TlsPsk::finish(End why) {
  phase_ = Phase::ended;
  end_ = why;
  psk_.clear();
  scan_.reset();
  base::Bytes().swap(input_);
  released_ = taken_ = 0;
}

// Buffers exist only while octets are in them.
void TlsPsk::shrink() {
  if (taken_ == 0) return;
  if (taken_ == input_.size()) {
    base::Bytes().swap(input_);
  } else {
    input_.erase(input_.begin(), input_.begin() + static_cast<std::ptrdiff_t>(taken_));
  }
  released_ -= taken_;
  taken_ = 0;
}

std::int64_t TlsPsk::deadline() const {
  if (phase_ != Phase::handshake) return kNever;
  return any_octet_ ? handshake_due_ : std::min(first_octet_due_, handshake_due_);
}

void TlsPsk::on_deadline(base::Now now) {
  if (now.mono_ms >= deadline()) finish(End::timeout);
}

std::string TlsPsk::suite() const {
  if (!opened_) return "";
  return base::cat(SSL_get_version(ssl_), " ", SSL_get_cipher_name(ssl_));
}

}  // namespace bip
