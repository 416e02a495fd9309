// Character codings of cards and short messages: GSM default alphabet (TS 23.038 clause 6.2.1),
// alpha identifiers (TS 102 221 annex A), UCS2.
// Text inside the program is UTF-8. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace base {

// Code points of UTF-8 text; invalid octets become U+FFFD.
std::u32string from_utf8(std::string_view text);
std::string to_utf8(std::u32string_view text);

// One septet per octet, escape pairs for the extension table. Nothing: a character is not in it.
std::optional<Bytes> to_gsm(std::u32string_view text);
// An escape pair that nobody knows is its character of the basic table (TS 23.038 clause 6.2.1.1);
// what is no septet becomes a space.
std::u32string from_gsm(View octets);

// UTF-16 big-endian with surrogate pairs.
Bytes to_ucs2(std::u32string_view text);
std::u32string from_ucs2(View octets);  // an odd last octet is dropped

// Septets packed into octets and back (TS 23.038 clause 6.1.2.1).
Bytes pack_septets(View septets);
Bytes unpack_septets(View packed, std::size_t count);

// Exactly `width` octets, FF behind the text. The shortest of the forms that can say it: GSM,
// 81, 82, 80. Nothing: it does not fit.
std::optional<Bytes> encode_alpha(std::string_view text, std::size_t width);
// The same without padding, as alpha identifier object or item text.
Bytes encode_alpha(std::string_view text);
std::string decode_alpha(View field);  // never fails: what cannot be read is left out

}  // namespace base
