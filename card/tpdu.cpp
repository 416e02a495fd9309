#include "card/tpdu.h"

#include "base/time.h"
#include "card/swapped_bcd.h"
#include "card/text.h"

namespace card::tpdu {
namespace {

constexpr std::size_t kMostSemiOctets = 20;
constexpr std::uint8_t kTypeMask = 0x70, kAlphanumeric = 0x50;

}  // namespace

// The length counts half octets that are in use, also those of a name.
void put_address(base::Writer& tpdu, const Number& number) {
  if (number.name.empty()) {
    tpdu.u8(static_cast<std::uint8_t>(number.digits.size())).u8(number.ton_npi);
    tpdu.bytes(to_bcd(number.digits).value_or(base::Bytes()));
    return;
  }
  const base::Bytes septets = to_gsm(from_utf8(number.name)).value_or(base::Bytes());
  tpdu.u8(static_cast<std::uint8_t>((septets.size() * 7 + 3) / 4)).u8(number.ton_npi);
  tpdu.bytes(pack_septets(septets));
}

std::optional<Number> take_address(base::Reader& reader) {
  const std::size_t semi_octets = reader.u8();
  Number number;
  number.ton_npi = reader.u8();
  if (semi_octets > kMostSemiOctets) return std::nullopt;
  const base::View octets = reader.take((semi_octets + 1) / 2);
  if ((number.ton_npi & kTypeMask) == kAlphanumeric) {
    number.name = to_utf8(from_gsm(unpack_septets(octets, semi_octets * 4 / 7)));
  } else {
    number.digits = from_bcd(octets);
  }
  return number;
}

void put_time(base::Writer& tpdu, std::int64_t utc_ms) {
  const base::Civil civil = base::to_civil(utc_ms);
  for (int part :
       {civil.year % 100, civil.month, civil.day, civil.hour, civil.minute, civil.second, 0}) {
    tpdu.u8(swapped_bcd(part));
  }
}

}  // namespace card::tpdu
