// The domain's identifiers: parse or fail. No bare string travels as an identifier.
// Immutable values, any thread.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/crypto.h"

namespace vault {

// Number of a card (ITU-T E.118). Canonical form: the digits of EF_ICCID after the nibble swap
// and without the F filler (TS 102 221 clause 13.2), nothing added or cut.
class Iccid {
 public:
  static constexpr std::size_t kOctets = 10;

  static std::optional<Iccid> from_digits(std::string_view digits);  // 10..20 decimal digits
  static std::optional<Iccid> from_ef(base::View ten_octets);        // F only as trailing filler
  std::array<std::uint8_t, kOctets> to_ef() const;

  const std::string& digits() const { return digits_; }
  bool luhn_ok() const;  // last digit is the Luhn digit of those before it

  auto operator<=>(const Iccid&) const = default;

 private:
  explicit Iccid(std::string digits) : digits_(std::move(digits)) {}
  std::string digits_;
};

// Every canonical ICCID that a typed text may mean, most literal first: blanks, dots and dashes
// dropped, F at either end dropped, nibbles swapped, check digit added or cut. Empty: none fits.
std::vector<Iccid> iccid_spellings(std::string_view typed);

// A subscriber's number as international digits without "+" (E.164: at most 15).
class Msisdn {
 public:
  static std::optional<Msisdn> from_text(std::string_view text);  // "+86 138...", "0086 138..."
  // TON/NPI octet and swapped BCD with F filler, as in EF_MSISDN (TS 31.102 clause 4.2.26).
  static std::optional<Msisdn> from_bcd(base::View ton_npi_and_bcd);
  base::Bytes to_bcd() const;
  const std::string& digits() const { return digits_; }
  auto operator<=>(const Msisdn&) const = default;

 private:
  explicit Msisdn(std::string digits) : digits_(std::move(digits)) {}
  std::string digits_;
};

// The subscriber's key: 6..15 random decimal digits and a Damm check digit. Wipes itself, cannot
// be copied or printed.
class UserKey {
 public:
  static constexpr std::size_t kMinDigits = 7;  // with the check digit
  static constexpr std::size_t kMaxDigits = 16;

  static UserKey generate(int random_digits);  // 6..15, from the operating system's generator
  // 7..16 decimal digits. The check digit is not looked at here.
  static std::optional<UserKey> parse(base::View ascii_digits);

  bool check_digit_ok() const;
  base::View ascii() const { return digits_.view(); }
  UserKey clone() const { return UserKey(digits_.clone()); }

 private:
  explicit UserKey(base::Secret digits) : digits_(std::move(digits)) {}
  base::Secret digits_;
};

std::uint8_t damm_digit(std::string_view digits);

using Digest = base::Sha256;
using RecordId = std::array<std::uint8_t, 16>;
using ImageId = std::array<std::uint8_t, 16>;
using OpId = std::array<std::uint8_t, 16>;
using KeyMac = base::Sha256;
// Random behind the time: ids made one after the other lie together in the indexes, which then grow
// at one place instead of everywhere, and can be asked for by age.
std::array<std::uint8_t, 16> dated_id(std::int64_t utc_ms);
// The lowest id of that moment.
std::array<std::uint8_t, 16> first_dated_id(std::int64_t utc_ms);

using Counter = std::uint64_t;  // 40 bits, TS 102 225 CNTR

inline constexpr Counter kCounterMax = 0xFFFFFFFFFF;
inline constexpr Counter kCounterMaxJump = 0x100000000;

}  // namespace vault
