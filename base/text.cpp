#include "base/text.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/time.h"

namespace base {

namespace {

constexpr std::size_t kLongestWord = 256;
constexpr std::size_t kLongestLine = 32 * 1024;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Octets of the UTF-8 sequence at the beginning of `text`, 0 if it is not one.
std::size_t utf8_sequence(std::string_view text) {
  const auto octet = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = octet(0);
  if (first < 0x80) return 1;
  const std::size_t size = first >= 0xC2 && first <= 0xDF   ? 2
                           : first >= 0xE0 && first <= 0xEF ? 3
                           : first >= 0xF0 && first <= 0xF4 ? 4
                                                            : 0;
  if (size == 0 || text.size() < size) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((octet(i) & 0xC0) != 0x80) return 0;
  }
  const std::uint8_t second = octet(1);
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool surrogate = first == 0xED && second > 0x9F;
  const bool too_high = first == 0xF4 && second > 0x8F;
  return overlong || surrogate || too_high ? 0 : size;
}

// What a terminal obeys, or by which it shows other characters elsewhere: controls, C1 among them,
// and the marks of the direction of writing (UAX #9).
bool obeyed(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0x061C || c == 0x200E || c == 0x200F ||
         (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

// `text` with what `spell` makes of each such character; octets of no UTF-8 count as one each.
template <class Spell>
std::string without_obeyed(std::string_view text, Spell spell) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t size = std::max<std::size_t>(1, utf8_sequence(text));
    char32_t c = static_cast<std::uint8_t>(text[0]);
    if (size > 1) c &= 0x7Fu >> size;
    for (std::size_t i = 1; i < size; ++i) {
      c = c << 6 | (static_cast<std::uint8_t>(text[i]) & 0x3Fu);
    }
    if (obeyed(c)) {
      out += spell(c);
    } else {
      out += text.substr(0, size);
    }
    text.remove_prefix(size);
  }
  return out;
}

std::string hex4(char32_t c) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const int shift : {12, 8, 4, 0}) out += kDigits[c >> shift & 0x0F];
  return out;
}

// Takes the decimal digits at the beginning of `text`.
std::optional<std::int64_t> take_number(std::string_view& text) {
  if (text.empty() || !is_digit(text.front())) return std::nullopt;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

std::int64_t unit_ms(std::string_view unit) {
  if (unit == "ms") return 1;
  if (unit == "s") return kSecondMs;
  if (unit == "m") return kMinuteMs;
  if (unit == "h") return kHourMs;
  if (unit == "d") return kDayMs;
  if (unit == "month" || unit == "months") return 30 * kDayMs;
  return 0;
}

int address_family(const std::string& address) {
  std::array<unsigned char, sizeof(in6_addr)> octets{};
  if (inet_pton(AF_INET, address.c_str(), octets.data()) == 1) return AF_INET;
  if (inet_pton(AF_INET6, address.c_str(), octets.data()) == 1) return AF_INET6;
  return AF_UNSPEC;
}

}  // namespace

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

bool valid_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = utf8_sequence(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

std::string_view cut_text(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return text;
  std::size_t end = limit;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

std::string one_line(std::string_view text) {
  return without_obeyed(text.substr(0, kLongestLine),
                        [](char32_t c) { return c == '\n' || c == '\t' ? ' ' : '?'; });
}

std::string visible(std::string_view text) {
  return without_obeyed(text, [](char32_t c) {
    return c == '\n' || c == '\t' ? std::string(1, static_cast<char>(c)) : "<U+" + hex4(c) + ">";
  });
}

std::string visible_json(std::string_view json) {
  return without_obeyed(json,
                        [](char32_t c) { return c == '\n' ? std::string("\n") : "\\u" + hex4(c); });
}

std::string printable(std::string_view octets) {
  std::string text(octets);
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return text;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

std::vector<std::string_view> split_words(std::string_view text) {
  constexpr std::string_view kBetween = " \t,";
  std::vector<std::string_view> words;
  while (true) {
    const std::size_t first = text.find_first_not_of(kBetween);
    if (first == std::string_view::npos) return words;
    text.remove_prefix(first);
    const std::size_t size = std::min(text.find_first_of(kBetween), text.size());
    words.push_back(text.substr(0, size));
    text.remove_prefix(size);
  }
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  a = a.substr(0, kLongestWord);
  b = b.substr(0, kLongestWord);
  std::vector<std::size_t> two_before;
  std::vector<std::size_t> before(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) before[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::vector<std::size_t> row(b.size() + 1);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = before[j - 1] + (lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1);
      row[j] = std::min({before[j] + 1, row[j - 1] + 1, replaced});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], two_before[j - 2] + 1);
    }
    two_before = std::move(before);
    before = std::move(row);
  }
  return before[b.size()];
}

std::string_view nearest_word(std::string_view word, const std::vector<std::string_view>& known) {
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (std::string_view candidate : known) {
    const bool begins = word.size() >= 3 && candidate.starts_with(word);
    const std::size_t distance = begins ? 1 : edit_distance(word, candidate);
    if (distance >= best_distance || distance >= candidate.size()) continue;
    best_distance = distance;
    best = candidate;
  }
  return best;
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc() || stop != end) return std::nullopt;
  return value;
}

std::optional<std::int64_t> parse_duration(std::string_view text) {
  if (text == "0") return 0;
  if (text.empty()) return std::nullopt;
  std::int64_t total = 0;
  while (!text.empty()) {
    const auto number = take_number(text);
    if (!number) return std::nullopt;
    const std::size_t size =
        static_cast<std::size_t>(std::find_if(text.begin(), text.end(), is_digit) - text.begin());
    const std::int64_t unit = unit_ms(text.substr(0, size));
    std::int64_t part = 0;
    if (unit == 0 || __builtin_mul_overflow(*number, unit, &part) ||
        __builtin_add_overflow(total, part, &total)) {
      return std::nullopt;
    }
    text.remove_prefix(size);
  }
  return total;
}

std::optional<std::int64_t> parse_size(std::string_view text) {
  const auto number = take_number(text);
  if (!number) return std::nullopt;
  const std::int64_t unit = text.empty()  ? 1
                            : text == "K" ? 1ll << 10
                            : text == "M" ? 1ll << 20
                            : text == "G" ? 1ll << 30
                                          : 0;
  std::int64_t size = 0;
  if (unit == 0 || __builtin_mul_overflow(*number, unit, &size)) return std::nullopt;
  return size;
}

std::optional<bool> parse_bool(std::string_view text) {
  for (std::string_view word : {"yes", "on", "true"}) {
    if (equal_ignoring_case(text, word)) return true;
  }
  for (std::string_view word : {"no", "off", "false"}) {
    if (equal_ignoring_case(text, word)) return false;
  }
  return std::nullopt;
}

std::optional<HostPort> parse_host_port(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  std::string_view port = text.substr(colon + 1);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  HostPort result{std::string(host), 0};
  const auto number = take_number(port);
  if (!number || !port.empty() || *number > UINT16_MAX) return std::nullopt;
  result.port = static_cast<std::uint16_t>(*number);
  if (result.host.find('\0') != std::string::npos) return std::nullopt;
  if (address_family(result.host) != (bracketed ? AF_INET6 : AF_INET)) return std::nullopt;
  return result;
}

bool valid_network(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string address(text.substr(0, slash));
  if (address.find('\0') != std::string::npos) return false;
  const int family = address_family(address);
  if (family == AF_UNSPEC) return false;
  if (slash == std::string_view::npos) return true;
  std::string_view bits = text.substr(slash + 1);
  const auto number = take_number(bits);
  return number && bits.empty() && *number <= (family == AF_INET ? 32 : 128);
}

}  // namespace base
