#include "cli/imei.h"

#include <utility>

namespace cli {

std::string imei_of(base::View handset) {
  constexpr std::size_t kOctets = 8;
  constexpr std::uint8_t kOddAndImei = 0x0A;
  if (handset.size() < kOctets || (handset[0] & 0x0F) != kOddAndImei) return {};
  std::string digits = base::to_hex(handset.first(kOctets));
  for (std::size_t i = 0; i < digits.size(); i += 2) std::swap(digits[i], digits[i + 1]);
  digits.erase(0, 1);  // the type, which stands where a digit would
  const bool decimal = digits.find_first_not_of("0123456789") == std::string::npos;
  return decimal ? digits : std::string();
}

}  // namespace cli
