// Decimal identifiers of the card in BCD: numbers (TS 31.102 clause 4.4.2.3), ICCID
// (TS 102 221 clause 13.2), IMEI (TS 24.008 clause 10.5.1.4). Pure functions, any thread.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace card {

using IccidOctets = std::array<std::uint8_t, 10>;

std::optional<IccidOctets> iccid_octets(std::string_view digits);  // 10..20 digits
std::string iccid_digits(base::View octets);                       // without the F filler
inline constexpr IccidOctets kNoIccid{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};

// 0-9 * # p (pause) w (wild) e (expansion), low nibble first, odd count filled with F.
std::optional<base::Bytes> to_bcd(std::string_view digits);
std::string from_bcd(base::View octets);  // up to the first F

inline constexpr std::uint8_t kTonUnknown = 0x81, kTonInternational = 0x91;
struct Number {
  std::uint8_t ton_npi = kTonUnknown;
  std::string digits;
  std::string name = {};  // of a sender of short messages that has letters in place of digits
};
Number parse_number(std::string_view text);   // a leading "+" becomes international
std::string to_string(const Number& number);  // or its name
// Of a subscriber or a service, as a person names it: 1 to 20 decimal digits, "+" before them or
// not. Nothing: it is none.
std::optional<Number> dialled_number(std::string_view text);

// 15 digits (the last one replaced by the Luhn digit when 14 are given) as mobile identity.
std::optional<std::array<std::uint8_t, 8>> imei_octets(std::string_view digits);
char luhn_digit(std::string_view digits);

}  // namespace card
