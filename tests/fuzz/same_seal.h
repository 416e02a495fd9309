// A key ring that seals everything alike, so that inputs of a fuzz target get past the seal.
#pragma once

#include "vault/ports.h"

namespace fuzz {

class SameSeal : public vault::KeyRing {
 public:
  std::uint32_t newest_pepper() const override { return 1; }
  std::optional<vault::KeyMac> key_mac(std::uint32_t, const vault::RecordId&,
                                       base::View) const override {
    return std::nullopt;
  }
  base::Sha256 audit_mac(std::initializer_list<base::View>) const override { return {}; }
  std::string document_mac(const std::string&, base::View) const override { return {}; }
};

}  // namespace fuzz
