// TLS 1.2 or later to an SMSC, without I/O: OpenSSL reads and writes this object's buffers. The
// peer must have a certificate of the given CA for the given name. One thread at a time per object.
#pragma once

#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "smsc/settings.h"

struct ssl_ctx_st;
struct ssl_st;
struct bio_st;

namespace smsc {

// CA and own certificate, read from files once. Immutable, any thread.
class TlsContext {
 public:
  static base::Result<std::shared_ptr<const TlsContext>> make(const Settings& settings);
  explicit TlsContext(ssl_ctx_st* context) : context_(context) {}
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;
  ssl_ctx_st* get() const { return context_; }

 private:
  ssl_ctx_st* context_;
};

class Tls {
 public:
  // `name`: host name or numeric address that the certificate must be for.
  Tls(std::shared_ptr<const TlsContext> context, const std::string& name);
  ~Tls();
  Tls(const Tls&) = delete;
  Tls& operator=(const Tls&) = delete;

  void feed(base::View ciphertext);
  base::Bytes read();            // plain text that has come
  void write(base::View plain);  // only when open()
  void close();                  // close_notify
  base::View output() const { return base::View(output_).subspan(sent_); }
  void consume(std::size_t octets);

  bool open() const { return open_; }
  // Why it ended; empty: it has not, or by the peer's close_notify (then ended()).
  const std::string& error() const { return error_; }
  bool ended() const { return ended_; }

 private:
  void handshake();
  void fail(const char* what);
  void collect();

  std::shared_ptr<const TlsContext> context_;
  ssl_st* ssl_ = nullptr;
  bio_st* in_ = nullptr;  // owned by ssl_
  bio_st* out_ = nullptr;
  base::Bytes output_;
  std::size_t sent_ = 0;
  bool open_ = false;
  bool ended_ = false;
  std::string error_;
};

}  // namespace smsc
