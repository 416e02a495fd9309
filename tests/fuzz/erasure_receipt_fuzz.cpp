// A line that somebody gives to `erase verify`: a refusal, or a receipt whose own line is read back
// as the same receipt.
#include <cstdlib>

#include "tests/fuzz/same_seal.h"
#include "vault/erasure.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::SameSeal keys;
  const auto receipt = vault::read_receipt(keys, base::as_text({data, size}));
  if (receipt && vault::read_receipt(keys, vault::receipt_line(keys, *receipt)) != receipt) {
    std::abort();
  }
  return 0;
}
