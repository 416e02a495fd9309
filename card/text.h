// Character codings of card and toolkit: GSM default alphabet (TS 23.038 clause 6.2.1), alpha
// identifiers (TS 102 221 annex A), text strings with a DCS (TS 102 223 clause 8.15).
// Text inside the program is UTF-8. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace card {

// Code points of UTF-8 text; invalid octets become U+FFFD.
std::u32string from_utf8(std::string_view text);
std::string to_utf8(std::u32string_view text);

// One septet per octet, escape pairs for the extension table. Nothing: a character is not in it.
std::optional<base::Bytes> to_gsm(std::u32string_view text);
std::u32string from_gsm(base::View octets);  // unknown codes become a space

// UTF-16 big-endian with surrogate pairs.
base::Bytes to_ucs2(std::u32string_view text);
std::u32string from_ucs2(base::View octets);  // an odd last octet is dropped

// Septets packed into octets and back (TS 23.038 clause 6.1.2.1).
base::Bytes pack_septets(base::View septets);
base::Bytes unpack_septets(base::View packed, std::size_t count);

// Exactly `width` octets, FF behind the text. The shortest of the forms that can say it: GSM,
// 81, 82, 80. Nothing: it does not fit.
std::optional<base::Bytes> encode_alpha(std::string_view text, std::size_t width);
// The same without padding, as alpha identifier object or item text.
base::Bytes encode_alpha(std::string_view text);
std::string decode_alpha(base::View field);  // never fails: what cannot be read is left out

// DCS 04 (GSM, unpacked) when the text allows it, else 08 (UCS2).
base::Bytes encode_text_string(std::string_view text);
std::optional<std::string> decode_text_string(base::View value);  // DCS 00, 04, F4, 08

}  // namespace card
