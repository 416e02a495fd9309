// A line that somebody gives to `erase verify`: a refusal, or a receipt whose own line is read back
// as the same receipt. The key ring here seals everything alike, so that inputs get past the seal.
#include <cstdlib>

#include "vault/erasure.h"

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
  const auto receipt = vault::read_receipt(keys, base::as_text({data, size}));
  if (receipt && vault::read_receipt(keys, vault::receipt_line(keys, *receipt)) != receipt) {
    std::abort();
  }
  return 0;
}
