// A line that an auditor gives to `audit verify --sealed-head`: a refusal, or a sum whose own line
// is read back as the same sum. The key ring here seals everything alike, so that inputs get past
// the seal.
#include <cstdlib>

#include "vault/sealed_head.h"

namespace {

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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const SameSeal keys;
  const auto sum = vault::read_sealed(keys, base::as_text({data, size}));
  if (sum && vault::read_sealed(keys, vault::sealed_line(keys, *sum)) != sum) std::abort();
  return 0;
}
