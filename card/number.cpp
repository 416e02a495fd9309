#include "card/number.h"

#include <algorithm>

namespace card {
namespace {

constexpr std::string_view kBcdDigits = "0123456789*#pwe";
constexpr std::size_t kMostDigits = 20;  // of the files and of a TPDU's address

bool decimal(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::optional<IccidOctets> iccid_octets(std::string_view digits) {
  if (digits.size() < 10 || digits.size() > 20 || !decimal(digits)) return std::nullopt;
  IccidOctets octets = kNoIccid;
  const base::Bytes bcd = *to_bcd(digits);
  std::copy(bcd.begin(), bcd.end(), octets.begin());
  return octets;
}

std::string iccid_digits(base::View octets) { return from_bcd(octets); }

std::optional<base::Bytes> to_bcd(std::string_view digits) {
  base::Bytes octets;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    const std::size_t value = kBcdDigits.find(digits[i]);
    if (value == std::string_view::npos) return std::nullopt;
    if (i % 2 == 0) {
      octets.push_back(static_cast<std::uint8_t>(0xF0 | value));
    } else {
      octets.back() = static_cast<std::uint8_t>((octets.back() & 0x0F) | value << 4);
    }
  }
  return octets;
}

std::string from_bcd(base::View octets) {
  std::string digits;
  for (std::uint8_t octet : octets) {
    for (const int nibble : {octet & 0x0F, octet >> 4}) {
      if (nibble == 0x0F) return digits;
      digits.push_back(kBcdDigits[static_cast<std::size_t>(nibble)]);
    }
  }
  return digits;
}

Number parse_number(std::string_view text) {
  if (text.starts_with('+')) return {kTonInternational, std::string(text.substr(1))};
  return {kTonUnknown, std::string(text)};
}

std::optional<Number> dialled_number(std::string_view text) {
  Number number = parse_number(text);
  const std::size_t count = number.digits.size();
  if (count == 0 || count > kMostDigits || !decimal(number.digits)) return std::nullopt;
  return number;
}

std::string to_string(const Number& number) {
  if (!number.name.empty()) return number.name;
  return ((number.ton_npi & 0x70) == 0x10 ? "+" : "") + number.digits;
}

std::optional<std::array<std::uint8_t, 8>> imei_octets(std::string_view digits) {
  if ((digits.size() != 14 && digits.size() != 15) || !decimal(digits)) return std::nullopt;
  std::string all(digits.substr(0, 14));
  all.push_back(digits.size() == 15 ? digits[14] : luhn_digit(digits));
  // First octet: digit 1, odd count, type IMEI (010).
  std::array<std::uint8_t, 8> octets{};
  octets[0] = static_cast<std::uint8_t>((all[0] - '0') << 4 | 0x0A);
  for (std::size_t i = 1; i < 8; ++i) {
    octets[i] = static_cast<std::uint8_t>((all[2 * i] - '0') << 4 | (all[2 * i - 1] - '0'));
  }
  return octets;
}

char luhn_digit(std::string_view digits) {
  int sum = 0;
  bool twice = true;
  for (auto it = digits.rbegin(); it != digits.rend(); ++it, twice = !twice) {
    const int value = (*it - '0') * (twice ? 2 : 1);
    sum += value > 9 ? value - 9 : value;
  }
  return static_cast<char>('0' + (10 - sum % 10) % 10);
}

}  // namespace card
