// What all TLS channels of a listener share: versions, suites, and what is switched off
// (docs/protocol.md "TLS-PSK"). In the project's own OpenSSL library context.
#pragma once

#include <memory>

#include "base/result.h"
#include "bip/settings.h"

struct ssl_ctx_st;

namespace bip {

// Immutable; any thread.
class TlsContext {
 public:
  // Fails for a suite that this build of OpenSSL does not have.
  static base::Result<std::shared_ptr<const TlsContext>> make(const Settings& settings);

  explicit TlsContext(ssl_ctx_st* context) : context_(context) {}
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;
  ~TlsContext();

  ssl_ctx_st* get() const { return context_; }

 private:
  ssl_ctx_st* context_;
};

}  // namespace bip
