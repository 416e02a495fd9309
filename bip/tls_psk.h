// The vault's end of one card's TLS channel with a pre-shared key (RFC 4279, 5487, 8446), without
// I/O: ciphertext and time in; an identity to be looked up, plain text, ciphertext and a deadline
// out. OpenSSL reads and writes this object's buffers. One thread at a time per object.
//
// Who calls gives every octet that comes to feed(), looks after each call at phase(), read() and
// output(), and answers Phase::wants_psk with give_psk(), however much later.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/secret.h"
#include "base/time.h"
#include "bip/tls_context.h"
#include "bip/tls_scan.h"
#include "vault/types.h"

struct ssl_st;

namespace bip {

// The card that a PSK identity names: the ICCID's digits, optionally followed by '@' and a realm.
std::optional<vault::Iccid> card_of_identity(std::string_view identity);

class TlsPsk {
 public:
  static constexpr std::size_t kLeastPsk = 16;  // octets
  static constexpr std::size_t kMostPsk = 64;   // RFC 4279 section 5.3
  static constexpr std::size_t kMostIdentity = 128;
  static constexpr std::int64_t kNever = INT64_MAX;

  enum class Phase {
    handshake,
    wants_psk,  // give_psk() is due; nothing is read meanwhile
    open,
    ended,  // output() may still hold an alert
  };
  enum class End {
    none,
    by_peer,    // close_notify, which close() answers
    by_us,      // close()
    handshake,  // it failed: wrong key, unknown identity, no common suite, no TLS at all
    record,     // one that does not verify, or an alert
    timeout,
  };

  TlsPsk(std::shared_ptr<const TlsContext> context, const Settings& settings, base::Now now);
  ~TlsPsk();
  TlsPsk(const TlsPsk&) = delete;
  TlsPsk& operator=(const TlsPsk&) = delete;

  // Not more than room() octets.
  void feed(base::View ciphertext);
  std::size_t room() const;

  // As the peer sent it, of any octets; since wants_psk.
  const std::string& identity() const { return identity_; }
  // The key of identity(); nothing: no such card. A key of another size than kLeastPsk..kMostPsk
  // counts as nothing. The handshake then goes on under a random key, so that its end tells the
  // peer nothing.
  void give_psk(std::optional<base::Secret> psk);

  // Plain text that has come; 0: none (now, or at all).
  std::size_t read(std::span<std::uint8_t> out);
  // A record has begun to come and is not whole: read() has nothing of it. Only in phase open.
  bool unfinished() const { return phase_ == Phase::open && released_ < input_.size(); }
  // Encrypted into output(): one record when it has at most record_room() octets.
  void write(base::View plain);
  // What one record of at most Settings::tls_record octets on the wire has room for, within the
  // peer's max_fragment_length. Only in phase open.
  std::size_t record_room() const;
  bool ciphered() const { return ciphered_; }  // not by a NULL suite

  base::View output() const { return base::View(output_).subspan(sent_); }
  void consume(std::size_t octets);

  // Says close_notify, in answer to the peer's too; nothing is read or written any more.
  void close();

  std::int64_t deadline() const;  // mono_ms, kNever: none
  void on_deadline(base::Now now);

  Phase phase() const { return phase_; }
  End end() const { return end_; }
  // After End::handshake and End::record: why, for the operator's log. The peer is told less.
  std::string_view failure() const { return failure_; }
  bool opened() const { return opened_; }  // the handshake has been completed
  std::string suite() const;               // "TLSv1.2 PSK-AES128-GCM-SHA256"

  // What TlsContext sets up once: OpenSSL asks the channel whose handshake it is.
  static void prepare(ssl_ctx_st* context, bool tls13);

 private:
  struct Callbacks;  // OpenSSL's way in

  void advance();
  void release();
  std::size_t hand_out(std::string_view identity, std::span<std::uint8_t> psk);
  void note_identity(std::string_view identity);
  void open();
  void fail(End why);
  std::string_view reason_of(unsigned long error) const;
  void finish(End why);
  void shrink();

  std::shared_ptr<const TlsContext> context_;
  ssl_st* ssl_ = nullptr;
  std::optional<PskIdentityScan> scan_;  // until the identity is known or the handshake over
  HandshakeSizes sizes_;
  std::string identity_;
  std::string_view failure_;  // a literal
  base::Secret psk_;

  base::Bytes input_;
  std::size_t released_ = 0;  // whole records, which OpenSSL may read
  std::size_t taken_ = 0;     // of them, what it has read
  base::Bytes output_;
  std::size_t sent_ = 0;

  std::int64_t first_octet_due_;
  std::int64_t handshake_due_;
  std::uint32_t most_record_;
  std::uint16_t record_room_ = 0;
  Phase phase_ = Phase::handshake;
  End end_ = End::none;
  bool any_octet_ = false;
  bool answered_ = false;  // give_psk() was called
  bool identified_ = false;
  bool ciphered_ = false;
  bool opened_ = false;
  bool out_of_memory_ = false;
};

}  // namespace bip
