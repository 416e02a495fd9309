#include "base/gsm_text.h"

#include <algorithm>
#include <array>
#include <utility>

namespace base {
namespace {

constexpr std::uint8_t kEscape = 0x1B;
constexpr char32_t kBad = 0xFFFD;

constexpr std::u32string_view kDefault =
    U"@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1B"
    U"ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    U"¿abcdefghijklmnopqrstuvwxyzäöñüà";
static_assert(kDefault.size() == 128);

constexpr std::array<std::pair<std::uint8_t, char32_t>, 10> kExtension{{{0x0A, U'\f'},
                                                                        {0x14, U'^'},
                                                                        {0x28, U'{'},
                                                                        {0x29, U'}'},
                                                                        {0x2F, U'\\'},
                                                                        {0x3C, U'['},
                                                                        {0x3D, U'~'},
                                                                        {0x3E, U']'},
                                                                        {0x40, U'|'},
                                                                        {0x65, U'€'}}};

// Code in the default table; the escape itself is no character.
std::optional<std::uint8_t> default_code(char32_t character) {
  const std::size_t at = kDefault.find(character);
  if (at == std::u32string_view::npos || at == kEscape) return std::nullopt;
  return static_cast<std::uint8_t>(at);
}

bool continuation(std::string_view text, std::size_t at, std::size_t count) {
  if (at + count >= text.size()) return false;
  for (std::size_t i = 1; i <= count; ++i) {
    if ((static_cast<std::uint8_t>(text[at + i]) & 0xC0) != 0x80) return false;
  }
  return true;
}

// A code point that UTF-8 may say in 1 + `extra` octets, not less.
bool acceptable(char32_t value, std::size_t extra) {
  constexpr std::array<char32_t, 4> kLowest{0, 0x80, 0x800, 0x10000};
  return value >= kLowest[extra] && value <= 0x10FFFF && (value < 0xD800 || value > 0xDFFF);
}

// Every character that is not GSM shares the 128 code points from `base` on.
std::optional<char32_t> common_base(std::u32string_view text) {
  char32_t low = 0x10000, high = 0;
  for (char32_t character : text) {
    if (default_code(character)) continue;
    if (character > 0xFFFF) return std::nullopt;
    low = std::min(low, character);
    high = std::max(high, character);
  }
  if (low > high || high - low > 0x7F) return std::nullopt;
  return low;
}

Bytes based(std::u32string_view text, char32_t base, Bytes head) {
  head.insert(head.begin() + 1, static_cast<std::uint8_t>(text.size()));
  for (char32_t character : text) {
    const auto code = default_code(character);
    head.push_back(code ? *code : static_cast<std::uint8_t>(0x80 | (character - base)));
  }
  return head;
}

// Octets below 80 are GSM, and may be escape pairs.
std::u32string read_based(View codes, char32_t base) {
  std::u32string text;
  while (!codes.empty()) {
    const auto gsm = static_cast<std::size_t>(
        std::find_if(codes.begin(), codes.end(), [](auto code) { return code >= 0x80; }) -
        codes.begin());
    text += from_gsm(codes.first(gsm));
    codes = codes.subspan(gsm);
    if (codes.empty()) break;
    text += base + (codes[0] & 0x7F);
    codes = codes.subspan(1);
  }
  return text;
}

}  // namespace

std::u32string from_utf8(std::string_view text) {
  std::u32string result;
  for (std::size_t at = 0; at < text.size();) {
    const auto first = static_cast<std::uint8_t>(text[at]);
    const std::size_t extra = first < 0x80             ? 0
                              : (first & 0xE0) == 0xC0 ? 1
                              : (first & 0xF0) == 0xE0 ? 2
                              : (first & 0xF8) == 0xF0 ? 3
                                                       : 4;
    if (extra == 4 || !continuation(text, at, extra)) {
      result.push_back(kBad);
      ++at;
      continue;
    }
    char32_t value = extra == 0 ? first : first & (0x3F >> extra);
    for (std::size_t i = 1; i <= extra; ++i) {
      value = value << 6 | (static_cast<std::uint8_t>(text[at + i]) & 0x3F);
    }
    result.push_back(acceptable(value, extra) ? value : kBad);
    at += extra + 1;
  }
  return result;
}

std::string to_utf8(std::u32string_view text) {
  std::string result;
  const auto put = [&result](char32_t value) { result.push_back(static_cast<char>(value)); };
  for (char32_t c : text) {
    if (!acceptable(c, 0)) c = kBad;  // a surrogate or none at all
    if (c < 0x80) {
      put(c);
    } else if (c < 0x800) {
      put(0xC0 | c >> 6), put(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
      put(0xE0 | c >> 12), put(0x80 | (c >> 6 & 0x3F)), put(0x80 | (c & 0x3F));
    } else {
      put(0xF0 | c >> 18), put(0x80 | (c >> 12 & 0x3F)), put(0x80 | (c >> 6 & 0x3F)),
          put(0x80 | (c & 0x3F));
    }
  }
  return result;
}

std::optional<Bytes> to_gsm(std::u32string_view text) {
  Bytes result;
  for (char32_t character : text) {
    if (const auto code = default_code(character)) {
      result.push_back(*code);
      continue;
    }
    const auto* found = std::find_if(kExtension.begin(), kExtension.end(),
                                     [&](const auto& entry) { return entry.second == character; });
    if (found == kExtension.end()) return std::nullopt;
    result.push_back(kEscape);
    result.push_back(found->first);
  }
  return result;
}

std::u32string from_gsm(View octets) {
  std::u32string text;
  for (std::size_t i = 0; i < octets.size(); ++i) {
    if (octets[i] != kEscape) {
      text.push_back(octets[i] < 0x80 ? kDefault[octets[i]] : U' ');
      continue;
    }
    if (++i == octets.size()) break;
    const auto* found = std::find_if(kExtension.begin(), kExtension.end(),
                                     [&](const auto& entry) { return entry.first == octets[i]; });
    // What is not in the extension is shown as in the basic table (TS 23.038 clause 6.2.1.1); a
    // second escape names a table that nobody has.
    const bool plain = octets[i] < 0x80 && octets[i] != kEscape;
    text.push_back(found != kExtension.end() ? found->second : plain ? kDefault[octets[i]] : U' ');
  }
  return text;
}

Bytes to_ucs2(std::u32string_view text) {
  Writer writer;
  for (char32_t c : text) {
    if (c < 0x10000) {
      writer.u16(static_cast<std::uint16_t>(c));
    } else {
      writer.u16(static_cast<std::uint16_t>(0xD800 + ((c - 0x10000) >> 10)));
      writer.u16(static_cast<std::uint16_t>(0xDC00 + ((c - 0x10000) & 0x3FF)));
    }
  }
  return writer.take();
}

std::u32string from_ucs2(View octets) {
  std::u32string text;
  Reader reader(octets);
  while (reader.left() >= 2) {
    const char32_t unit = reader.u16();
    const bool low = unit >= 0xDC00 && unit <= 0xDFFF;
    if (low && !text.empty() && text.back() >= 0xD800 && text.back() <= 0xDBFF) {
      text.back() = 0x10000 + ((text.back() - 0xD800) << 10) + (unit - 0xDC00);
    } else {
      text.push_back(unit);
    }
  }
  for (char32_t& c : text) {
    if (c >= 0xD800 && c <= 0xDFFF) c = kBad;
  }
  return text;
}

Bytes pack_septets(View septets) {
  Bytes packed((septets.size() * 7 + 7) / 8, 0);
  for (std::size_t i = 0; i < septets.size(); ++i) {
    const std::size_t bit = i * 7;
    const unsigned value = static_cast<unsigned>(septets[i] & 0x7F) << (bit % 8);
    packed[bit / 8] = static_cast<std::uint8_t>(packed[bit / 8] | (value & 0xFF));
    if (value > 0xFF) packed[bit / 8 + 1] = static_cast<std::uint8_t>(value >> 8);
  }
  return packed;
}

Bytes unpack_septets(View packed, std::size_t count) {
  Bytes septets;
  for (std::size_t i = 0; i < std::min(count, packed.size() * 8 / 7); ++i) {
    const std::size_t bit = i * 7;
    unsigned value = packed[bit / 8];
    if (bit / 8 + 1 < packed.size()) value |= static_cast<unsigned>(packed[bit / 8 + 1]) << 8;
    septets.push_back(static_cast<std::uint8_t>(value >> (bit % 8) & 0x7F));
  }
  return septets;
}

Bytes encode_alpha(std::string_view text) {
  const std::u32string characters = from_utf8(text);
  if (auto gsm = to_gsm(characters)) return *gsm;
  const auto common = common_base(characters);
  if (common && characters.size() <= 0xFF) {
    const char32_t block = *common & ~char32_t{0x7F};
    const bool aligned = std::all_of(characters.begin(), characters.end(), [&](char32_t c) {
      return default_code(c).has_value() || (c & ~char32_t{0x7F}) == block;
    });
    if (aligned && block < 0x8000) {
      return based(characters, block, {0x81, static_cast<std::uint8_t>(block >> 7)});
    }
    return based(
        characters, *common,
        {0x82, static_cast<std::uint8_t>(*common >> 8), static_cast<std::uint8_t>(*common & 0xFF)});
  }
  Bytes ucs2 = to_ucs2(characters);
  ucs2.insert(ucs2.begin(), 0x80);
  return ucs2;
}

std::optional<Bytes> encode_alpha(std::string_view text, std::size_t width) {
  Bytes field = encode_alpha(text);
  if (field.size() > width) return std::nullopt;
  field.resize(width, 0xFF);
  return field;
}

std::string decode_alpha(View field) {
  if (field.empty()) return {};
  Reader reader(field.subspan(1));
  if (field[0] == 0x80) {
    Bytes units;
    while (reader.left() >= 2) {
      const std::uint16_t unit = reader.u16();
      if (unit == 0xFFFF) break;
      units.push_back(static_cast<std::uint8_t>(unit >> 8));
      units.push_back(static_cast<std::uint8_t>(unit & 0xFF));
    }
    return to_utf8(from_ucs2(units));
  }
  if (field[0] == 0x81 || field[0] == 0x82) {
    const std::size_t count = reader.u8();
    const char32_t base =
        field[0] == 0x81 ? static_cast<char32_t>(reader.u8()) << 7 : char32_t{reader.u16()};
    return to_utf8(read_based(reader.take(std::min(count, reader.left())), base));
  }
  const auto end = std::find(field.begin(), field.end(), 0xFF);
  return to_utf8(from_gsm({field.begin(), end}));
}

}  // namespace base
