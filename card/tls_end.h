// The UICC's end of a TLS channel with a pre-shared key: octets of the BIP channel in and out,
// plain text for the packets above. OpenSSL as it is; TLS 1.2 and the small records that cards
// have (max_fragment_length 512). One thread; nothing here waits.
#pragma once

#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/secret.h"

struct ssl_ctx_st;
struct ssl_st;
struct bio_st;

namespace card {

class TlsEnd {
 public:
  // Suites that a UICC speaks (GlobalPlatform Amendment B): AES-128, GCM or CBC. Cards may share a
  // context.
  static std::shared_ptr<ssl_ctx_st> make_context();
  TlsEnd(std::string identity, base::View psk,
         std::shared_ptr<ssl_ctx_st> context = make_context());
  ~TlsEnd();
  TlsEnd(const TlsEnd&) = delete;
  TlsEnd& operator=(const TlsEnd&) = delete;

  void feed(base::View octets);  // of the channel; also goes on with the handshake
  void send(base::View plain);
  void close();  // says close_notify

  base::Bytes take_output();
  base::Bytes take_plain();

  bool open() const { return state_ == State::open; }
  bool ended() const { return state_ == State::ended; }

 private:
  enum class State { handshake, open, ended };
  struct Callbacks;

  void note(int result);

  std::string identity_;
  base::Secret psk_;
  std::shared_ptr<ssl_ctx_st> context_;
  ssl_st* ssl_ = nullptr;
  bio_st* in_ = nullptr;  // both belong to ssl_
  bio_st* out_ = nullptr;
  base::Bytes plain_;
  State state_ = State::handshake;
};

}  // namespace card
