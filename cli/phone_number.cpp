#include "cli/phone_number.h"

#include <algorithm>

namespace cli {

namespace {

// As Msisdn::from_text does.
std::string without_separators(std::string_view text) {
  std::string digits(text);
  std::erase_if(
      digits, [](char c) { return std::string_view(" -.()/").find(c) != std::string_view::npos; });
  return digits;
}

TypedNumber none(std::string fault) { return {std::nullopt, false, false, std::move(fault)}; }

}  // namespace

TypedNumber read_number(std::string_view text, std::string_view country_code) {
  const std::string typed = without_separators(text);
  const std::size_t prefix = typed.starts_with('+') ? 1 : typed.starts_with("00") ? 2 : 0;
  std::string digits = typed.substr(prefix);
  const bool national = prefix == 0 && digits.starts_with('0');
  if (national && country_code.empty()) {
    TypedNumber typed_so =
        none("is a national number: write + and the country code in place of its first 0");
    typed_so.national = true;
    return typed_so;
  }
  if (national) digits.replace(0, 1, country_code);
  if (digits.starts_with('0')) return none("is wrong: no country code begins with 0");
  if (!national && text.find("(0)") != std::string_view::npos) {
    return none("is not clear: leave out the (0)");
  }
  auto number = vault::Msisdn::from_text("+" + digits);
  if (!number) return none("is not an international number");
  return {std::move(number), prefix == 0 && !national, national, ""};
}

std::optional<std::string> read_country_code(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const bool digits =
      std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits || text.empty() || text.size() > 3 || text.front() == '0') return std::nullopt;
  return std::string(text);
}

}  // namespace cli
