#include "vault/line_words.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "base/time.h"

namespace vault {

std::string_view next_word(std::string_view& text) {
  const std::size_t end = std::min(text.find(' '), text.size());
  const std::string_view found = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return found;
}

std::optional<std::int64_t> read_date(std::string_view text) {
  if (text.size() != 20) return std::nullopt;
  const auto number = [&](std::size_t at, std::size_t size) {
    return static_cast<int>(base::parse_integer(text.substr(at, size)).value_or(-1));
  };
  const std::int64_t date = base::from_civil(
      {number(0, 4), number(5, 2), number(8, 2), number(11, 2), number(14, 2), number(17, 2)});
  if (base::iso_date(date) != text) return std::nullopt;
  return date;
}

std::optional<base::Sha256> read_hash(std::string_view hex) {
  const auto octets = base::from_hex(hex);
  base::Sha256 value{};
  if (!octets || octets->size() != value.size()) return std::nullopt;
  std::copy(octets->begin(), octets->end(), value.begin());
  return value;
}

}  // namespace vault
