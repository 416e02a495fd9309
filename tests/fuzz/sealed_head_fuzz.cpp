// A line that an auditor gives to `audit verify --sealed-head`: a refusal, or a sum whose own line
// is read back as the same sum.
#include <cstdlib>

#include "tests/fuzz/same_seal.h"
#include "vault/sealed_head.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::SameSeal keys;
  const auto sum = vault::read_sealed(keys, base::as_text({data, size}));
  if (sum && vault::read_sealed(keys, vault::sealed_line(keys, *sum)) != sum) std::abort();
  return 0;
}
