#include "vault/types.h"

#include <algorithm>

namespace vault {

namespace {

bool all_digits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string swapped(std::string_view digits) {
  std::string out(digits);
  for (std::size_t i = 0; i + 1 < out.size(); i += 2) std::swap(out[i], out[i + 1]);
  return out;
}

char luhn_digit(std::string_view digits) {
  int sum = 0;
  bool twice = true;
  for (auto it = digits.rbegin(); it != digits.rend(); ++it) {
    int value = *it - '0';
    if (twice) value = value > 4 ? 2 * value - 9 : 2 * value;
    sum += value;
    twice = !twice;
  }
  return static_cast<char>('0' + (10 - sum % 10) % 10);
}

// Digits of swapped BCD, low nibble first; F ends them. Nothing on any other nibble above 9.
std::optional<std::string> unpack_bcd(base::View bcd) {
  std::string digits;
  bool ended = false;
  for (std::uint8_t octet : bcd) {
    for (int nibble : {octet & 0x0F, octet >> 4}) {
      if (nibble == 0x0F) {
        ended = true;
      } else if (ended || nibble > 9) {
        return std::nullopt;
      } else {
        digits.push_back(static_cast<char>('0' + nibble));
      }
    }
  }
  return digits;
}

void pack_bcd(std::string_view digits, std::span<std::uint8_t> out) {
  std::fill(out.begin(), out.end(), std::uint8_t{0xFF});
  for (std::size_t i = 0; i < digits.size(); ++i) {
    const int value = digits[i] - '0';
    std::uint8_t& octet = out[i / 2];
    octet = static_cast<std::uint8_t>(i % 2 == 0 ? (octet & 0xF0) | value
                                                 : (octet & 0x0F) | value << 4);
  }
}

}  // namespace

std::optional<Iccid> Iccid::from_digits(std::string_view digits) {
  if (digits.size() < 10 || digits.size() > 2 * kOctets || !all_digits(digits)) {
    return std::nullopt;
  }
  return Iccid(std::string(digits));
}

std::optional<Iccid> Iccid::from_ef(base::View ten_octets) {
  if (ten_octets.size() != kOctets) return std::nullopt;
  const auto digits = unpack_bcd(ten_octets);
  if (!digits) return std::nullopt;
  return from_digits(*digits);
}

std::array<std::uint8_t, Iccid::kOctets> Iccid::to_ef() const {
  std::array<std::uint8_t, kOctets> octets{};
  pack_bcd(digits_, octets);
  return octets;
}

bool Iccid::luhn_ok() const {
  const std::string_view digits = digits_;
  return luhn_digit(digits.substr(0, digits.size() - 1)) == digits.back();
}

std::vector<Iccid> iccid_spellings(std::string_view typed) {
  std::string text;
  for (char c : typed) {
    if (c == ' ' || c == '.' || c == '-' || c == '\t' || c == '\r') continue;
    text.push_back(c == 'f' ? 'F' : c);
  }
  std::vector<Iccid> found;
  const auto add = [&](std::string_view digits) {
    const auto iccid = Iccid::from_digits(digits);
    if (iccid && std::find(found.begin(), found.end(), *iccid) == found.end()) {
      found.push_back(*iccid);
    }
  };
  const auto without_filler = [](std::string_view s) {
    while (!s.empty() && s.front() == 'F') s.remove_prefix(1);
    while (!s.empty() && s.back() == 'F') s.remove_suffix(1);
    return s;
  };
  const std::string turned = swapped(text);
  for (const std::string& form : {text, turned}) {
    const std::string_view digits = without_filler(form);
    if (digits.empty() || !all_digits(digits)) continue;
    add(digits);
    const auto exact = Iccid::from_digits(digits);
    if (exact && exact->luhn_ok()) add(digits.substr(0, digits.size() - 1));
    if (digits.size() < 2 * Iccid::kOctets) add(std::string(digits) + luhn_digit(digits));
  }
  return found;
}

std::optional<Msisdn> Msisdn::from_text(std::string_view text) {
  std::string digits;
  for (char c : text) {
    if (c == ' ' || c == '-' || c == '.' || c == '(' || c == ')' || c == '/') continue;
    digits.push_back(c);
  }
  if (digits.starts_with('+')) {
    digits.erase(0, 1);
  } else if (digits.starts_with("00")) {
    digits.erase(0, 2);
  }
  if (digits.size() < 5 || digits.size() > 15 || !all_digits(digits)) return std::nullopt;
  return Msisdn(std::move(digits));
}

std::optional<Msisdn> Msisdn::from_bcd(base::View ton_npi_and_bcd) {
  if (ton_npi_and_bcd.size() < 2 || ton_npi_and_bcd.size() > 11) return std::nullopt;
  const auto digits = unpack_bcd(ton_npi_and_bcd.subspan(1));
  if (!digits) return std::nullopt;
  // Under "international" (TON 1) leading zeros are no prefix.
  const bool international = (ton_npi_and_bcd[0] & 0x70) == 0x10;
  return from_text(international ? "+" + *digits : *digits);
}

base::Bytes Msisdn::to_bcd() const {
  base::Bytes out(1 + (digits_.size() + 1) / 2);
  out[0] = 0x91;  // international, ISDN
  pack_bcd(digits_, std::span(out).subspan(1));
  return out;
}

std::uint8_t damm_digit(std::string_view digits) {
  // H. M. Damm's totally anti-symmetric quasigroup of order 10: finds every single wrong digit
  // and every swap of neighbours.
  static constexpr std::uint8_t kTable[10][10] = {
      {0, 3, 1, 7, 5, 9, 8, 6, 4, 2}, {7, 0, 9, 2, 1, 5, 4, 8, 6, 3},
      {4, 2, 0, 6, 8, 7, 1, 3, 5, 9}, {1, 7, 5, 0, 9, 8, 3, 4, 2, 6},
      {6, 1, 2, 3, 0, 4, 5, 9, 7, 8}, {3, 6, 7, 4, 2, 0, 9, 5, 8, 1},
      {5, 8, 6, 9, 7, 2, 0, 1, 3, 4}, {8, 9, 4, 5, 3, 6, 2, 0, 1, 7},
      {9, 4, 3, 8, 6, 1, 7, 2, 0, 5}, {2, 5, 8, 1, 4, 3, 6, 7, 9, 0}};
  std::uint8_t interim = 0;
  for (char c : digits) interim = kTable[interim][static_cast<std::size_t>(c - '0')];
  return interim;
}

UserKey UserKey::generate(int random_digits) {
  base::Bytes digits;
  for (int i = 0; i < random_digits; ++i) {
    digits.push_back(static_cast<std::uint8_t>('0' + base::random_below(10)));
  }
  digits.push_back(static_cast<std::uint8_t>('0' + damm_digit(base::as_text(digits))));
  return UserKey(base::Secret(std::move(digits)));
}

std::optional<UserKey> UserKey::parse(base::View ascii_digits) {
  if (ascii_digits.size() < kMinDigits || ascii_digits.size() > kMaxDigits ||
      !all_digits(base::as_text(ascii_digits))) {
    return std::nullopt;
  }
  return UserKey(base::Secret(ascii_digits));
}

bool UserKey::check_digit_ok() const { return damm_digit(base::as_text(ascii())) == 0; }

namespace {

void put_time(std::array<std::uint8_t, 16>& id, std::int64_t utc_ms) {
  for (std::size_t i = 0; i < 6; ++i) id[i] = static_cast<std::uint8_t>(utc_ms >> (40 - 8 * i));
}

}  // namespace

std::array<std::uint8_t, 16> dated_id(std::int64_t utc_ms) {
  std::array<std::uint8_t, 16> id = base::random_array<16>();
  put_time(id, utc_ms);
  return id;
}

std::array<std::uint8_t, 16> first_dated_id(std::int64_t utc_ms) {
  std::array<std::uint8_t, 16> id{};
  put_time(id, utc_ms);
  return id;
}

}  // namespace vault
