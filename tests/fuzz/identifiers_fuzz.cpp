// What is typed or comes from EF_ICCID and EF_MSISDN: a refusal, or a value that goes round.
#include <cstddef>
#include <cstdint>

#include "base/time.h"
#include "vault/types.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::View octets(data, size);
  for (const vault::Iccid& iccid : vault::iccid_spellings(base::as_text(octets))) {
    const auto ef = iccid.to_ef();
    if (vault::Iccid::from_ef(ef) != iccid) __builtin_trap();
  }
  if (const auto number = vault::Msisdn::from_bcd(octets)) {
    if (vault::Msisdn::from_bcd(number->to_bcd()) != number) __builtin_trap();
  }
  vault::Msisdn::from_text(base::as_text(octets));
  if (const auto key = vault::UserKey::parse(octets)) key->check_digit_ok();
  base::from_bcd_date(octets);
  base::from_hex(base::as_text(octets));
  return 0;
}
