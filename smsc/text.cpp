#include "smsc/text.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace smsc {

namespace {

constexpr char32_t kReplacement = 0xFFFD;

// TS 23.038 table 6.2.1, by septet.
constexpr char16_t kBasic[128] = {
    u'@',  0xA3, u'$', 0xA5,  0xE8, 0xE9,  0xF9,  0xEC,  0xF2,  0xC7,  u'\n', 0xD8,  0xF8,
    u'\r', 0xC5, 0xE5, 0x394, u'_', 0x3A6, 0x393, 0x39B, 0x3A9, 0x3A0, 0x3A8, 0x3A3, 0x398,
    0x39E, 0,    0xC6, 0xE6,  0xDF, 0xC9,  u' ',  u'!',  u'"',  u'#',  0xA4,  u'%',  u'&',
    u'\'', u'(', u')', u'*',  u'+', u',',  u'-',  u'.',  u'/',  u'0',  u'1',  u'2',  u'3',
    u'4',  u'5', u'6', u'7',  u'8', u'9',  u':',  u';',  u'<',  u'=',  u'>',  u'?',  0xA1,
    u'A',  u'B', u'C', u'D',  u'E', u'F',  u'G',  u'H',  u'I',  u'J',  u'K',  u'L',  u'M',
    u'N',  u'O', u'P', u'Q',  u'R', u'S',  u'T',  u'U',  u'V',  u'W',  u'X',  u'Y',  u'Z',
    0xC4,  0xD6, 0xD1, 0xDC,  0xA7, 0xBF,  u'a',  u'b',  u'c',  u'd',  u'e',  u'f',  u'g',
    u'h',  u'i', u'j', u'k',  u'l', u'm',  u'n',  u'o',  u'p',  u'q',  u'r',  u's',  u't',
    u'u',  u'v', u'w', u'x',  u'y', u'z',  0xE4,  0xF6,  0xF1,  0xFC,  0xE0};

struct Extended {
  std::uint8_t septet;
  char16_t character;
};
constexpr Extended kExtension[] = {{0x0A, u'\f'}, {0x14, u'^'},  {0x28, u'{'}, {0x29, u'}'},
                                   {0x2F, u'\\'}, {0x3C, u'['},  {0x3D, u'~'}, {0x3E, u']'},
                                   {0x40, u'|'},  {0x65, 0x20AC}};

std::optional<base::Bytes> to_single_octets(std::u32string_view text, char32_t highest) {
  base::Bytes octets;
  for (const char32_t character : text) {
    if (character > highest) return std::nullopt;
    octets.push_back(static_cast<std::uint8_t>(character));
  }
  return octets;
}

constexpr std::uint8_t kNoSeptet = 0xFF;

constexpr std::uint8_t search_basic(char32_t character) {
  for (std::uint8_t septet = 0; septet < 128; ++septet) {
    if (kBasic[septet] == character && septet != kEscape) return septet;
  }
  return kNoSeptet;
}

// Of the first 256 characters; only the Greek ones are not among them.
constexpr auto kBasicOfLatin1 = [] {
  std::array<std::uint8_t, 256> septets{};
  for (std::size_t i = 0; i < septets.size(); ++i) {
    septets[i] = search_basic(static_cast<char32_t>(i));
  }
  return septets;
}();

bool put_gsm7(char32_t character, base::Bytes& out) {
  const std::uint8_t septet = character < kBasicOfLatin1.size()
                                  ? kBasicOfLatin1[static_cast<std::size_t>(character)]
                                  : search_basic(character);
  if (septet != kNoSeptet) {
    out.push_back(septet);
    return true;
  }
  for (const Extended& entry : kExtension) {
    if (entry.character != character) continue;
    out.push_back(kEscape);
    out.push_back(entry.septet);
    return true;
  }
  return false;
}

base::View without_trailing_zeros(base::View octets, std::size_t unit) {
  while (octets.size() >= unit) {
    const base::View last = octets.last(unit);
    if (std::any_of(last.begin(), last.end(), [](std::uint8_t octet) { return octet != 0; })) break;
    octets = octets.first(octets.size() - unit);
  }
  return octets;
}

std::u32string from_single_octets(base::View octets) {
  return std::u32string(octets.begin(), octets.end());
}

}  // namespace

std::optional<base::Bytes> to_gsm7(std::u32string_view text) {
  base::Bytes septets;
  septets.reserve(text.size());
  for (const char32_t character : text) {
    if (!put_gsm7(character, septets)) return std::nullopt;
  }
  return septets;
}

std::u32string from_gsm7(base::View septets) {
  std::u32string text;
  for (std::size_t i = 0; i < septets.size(); ++i) {
    const std::uint8_t septet = septets[i];
    if (septet > 0x7F) {
      text.push_back(septet);  // no septet: some SMSCs let Latin-1 through
    } else if (septet != kEscape) {
      text.push_back(kBasic[septet]);
    } else if (++i < septets.size()) {
      const auto* const found =
          std::find_if(std::begin(kExtension), std::end(kExtension),
                       [&](const Extended& entry) { return entry.septet == septets[i]; });
      // What is not in the extension is shown as in the basic table (TS 23.038 6.2.1.1).
      const char32_t plain = septets[i] < 0x80 ? kBasic[septets[i]] : U' ';
      const char32_t shown = found != std::end(kExtension) ? found->character : plain;
      text.push_back(shown == 0 ? U' ' : shown);
    }
  }
  return text;
}

std::optional<std::u32string> to_codepoints(std::string_view utf8) {
  if (!base::valid_utf8(utf8)) return std::nullopt;
  std::u32string text;
  for (std::size_t i = 0; i < utf8.size();) {
    const auto first = static_cast<std::uint8_t>(utf8[i]);
    const std::size_t more = first < 0x80 ? 0 : first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
    char32_t value = more == 0 ? first : first & (0x3Fu >> more);
    for (std::size_t k = 1; k <= more; ++k) {
      value = value << 6 | (static_cast<std::uint8_t>(utf8[i + k]) & 0x3Fu);
    }
    text.push_back(value);
    i += more + 1;
  }
  return text;
}

std::string to_utf8(std::u32string_view text) {
  std::string out;
  for (char32_t c : text) {
    if (c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) c = kReplacement;
    if (c < 0x80) {
      out.push_back(static_cast<char>(c));
      continue;
    }
    const int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    constexpr std::uint32_t kLead[] = {0, 0xC0, 0xE0, 0xF0};
    out.push_back(static_cast<char>(kLead[more] | (c >> (6 * more))));
    for (int k = more - 1; k >= 0; --k) {
      out.push_back(static_cast<char>(0x80u | ((c >> (6 * k)) & 0x3Fu)));
    }
  }
  return out;
}

base::Bytes to_ucs2(std::u32string_view text) {
  base::Writer out;
  for (const char32_t c : text) {
    if (c < 0x10000) {
      out.u16(static_cast<std::uint16_t>(c));
    } else {
      out.u16(static_cast<std::uint16_t>(0xD800 + ((c - 0x10000) >> 10)));
      out.u16(static_cast<std::uint16_t>(0xDC00 + ((c - 0x10000) & 0x3FF)));
    }
  }
  return out.take();
}

std::u32string from_ucs2(base::View octets) {
  std::u32string text;
  base::Reader reader(octets);
  while (reader.left() >= 2) {
    const char32_t unit = reader.u16();
    const bool high = unit >= 0xD800 && unit <= 0xDBFF;
    if (high && reader.left() >= 2) {
      const std::size_t at = reader.position();
      const char32_t low = static_cast<char32_t>(octets[at] << 8 | octets[at + 1]);
      if (low >= 0xDC00 && low <= 0xDFFF) {
        reader.u16();
        text.push_back(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00));
        continue;
      }
    }
    text.push_back(unit >= 0xD800 && unit <= 0xDFFF ? kReplacement : unit);
  }
  return text;
}

std::optional<Encoded> encode_text(std::string_view utf8, Alphabet default_alphabet) {
  const auto text = to_codepoints(utf8);
  if (!text) return std::nullopt;
  std::optional<base::Bytes> octets;
  if (default_alphabet == Alphabet::gsm7) octets = to_gsm7(*text);
  if (default_alphabet == Alphabet::latin1) octets = to_single_octets(*text, 0xFF);
  if (default_alphabet == Alphabet::ascii) octets = to_single_octets(*text, 0x7F);
  if (octets) return Encoded{default_alphabet, 0x00, std::move(*octets)};
  return Encoded{Alphabet::ucs2, 0x08, to_ucs2(*text)};
}

Coding coding_of(std::uint8_t data_coding) {
  switch (data_coding) {
    case 0x00:
      return Coding::default_alphabet;
    case 0x01:
      return Coding::ascii;
    case 0x03:
      return Coding::latin1;
    case 0x08:
      return Coding::ucs2;
    default:
      break;
  }
  const int group = data_coding >> 4;
  // Message class, and message waiting with text, 7 bit and UCS2 (TS 23.038 clause 4).
  if (group == 0xF) return (data_coding & 4) != 0 ? Coding::binary : Coding::default_alphabet;
  if (group == 0xC || group == 0xD) return Coding::default_alphabet;
  if (group == 0xE) return Coding::ucs2;
  if (group == 1) {  // general group, class meaning
    const int alphabet = data_coding >> 2 & 3;
    if (alphabet == 2) return Coding::ucs2;
    return alphabet == 1 ? Coding::binary : Coding::default_alphabet;
  }
  return Coding::binary;
}

std::string decode_text(base::View octets, Coding coding, Alphabet default_alphabet) {
  if (coding == Coding::ucs2) return to_utf8(from_ucs2(without_trailing_zeros(octets, 2)));
  if (coding == Coding::default_alphabet && default_alphabet == Alphabet::gsm7) {
    return to_utf8(from_gsm7(octets));
  }
  return to_utf8(from_single_octets(without_trailing_zeros(octets, 1)));
}

}  // namespace smsc
