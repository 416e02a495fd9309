// Text and the octets in which SMPP carries it: GSM 7 bit default alphabet (TS 23.038 6.2.1, one
// septet per octet), Latin-1, ASCII, UCS2. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "smsc/settings.h"

namespace smsc {

inline constexpr std::uint8_t kEscape = 0x1B;  // to the extension table

// Septets, or nothing when a character is not in the alphabet and its extension.
std::optional<base::Bytes> to_gsm7(std::u32string_view text);
std::u32string from_gsm7(base::View septets);  // what is undefined becomes a blank

// Valid UTF-8 only; nothing otherwise.
std::optional<std::u32string> to_codepoints(std::string_view utf8);
std::string to_utf8(std::u32string_view text);

base::Bytes to_ucs2(std::u32string_view text);  // UTF-16, big-endian
std::u32string from_ucs2(base::View octets);    // lone surrogates become U+FFFD

struct Encoded {
  Alphabet alphabet = Alphabet::gsm7;
  std::uint8_t data_coding = 0;
  base::Bytes octets;
};
// In the SMSC's default alphabet (data_coding 0) if every character is there, otherwise UCS2.
// Nothing: not UTF-8.
std::optional<Encoded> encode_text(std::string_view utf8, Alphabet default_alphabet);

// What a data_coding says about the content (SMPP 3.4 5.2.19, TS 23.038 clause 4).
enum class Coding : std::uint8_t { default_alphabet, ascii, latin1, ucs2, binary };
Coding coding_of(std::uint8_t data_coding);

// Text of an incoming message; the coding must not be binary. Ends of 00 octets are cut off for
// UCS2 and Latin-1; in the default alphabet 00 is "@".
std::string decode_text(base::View octets, Coding coding, Alphabet default_alphabet);

}  // namespace smsc
