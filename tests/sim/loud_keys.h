// The defect `loud_key`: a key ring that writes every user's key which it is asked about to the
// log.
#pragma once

#include "base/log.h"
#include "vault/ports.h"

namespace sim {

class LoudKeys : public vault::KeyRing {
 public:
  LoudKeys(const vault::KeyRing& real, base::Log& log) : real_(real), log_(log) {}

  std::uint32_t newest_pepper() const override { return real_.newest_pepper(); }
  std::optional<vault::KeyMac> key_mac(std::uint32_t pepper, const vault::RecordId& record,
                                       base::View key_ascii) const override {
    log_.write(base::Severity::info, "vault", base::cat("key ", base::as_text(key_ascii)));
    return real_.key_mac(pepper, record, key_ascii);
  }
  base::Sha256 audit_mac(std::initializer_list<base::View> parts) const override {
    return real_.audit_mac(parts);
  }
  std::string document_mac(const std::string& type, base::View number) const override {
    return real_.document_mac(type, number);
  }

 private:
  const vault::KeyRing& real_;
  base::Log& log_;
};

}  // namespace sim
