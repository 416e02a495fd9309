// Character codings of card and toolkit: those of base/gsm_text.h, and text strings with a DCS
// (TS 102 223 clause 8.15). Text inside the program is UTF-8. Pure functions, any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/gsm_text.h"

namespace card {

using base::decode_alpha;
using base::encode_alpha;
using base::from_gsm;
using base::from_ucs2;
using base::from_utf8;
using base::pack_septets;
using base::to_gsm;
using base::to_ucs2;
using base::to_utf8;
using base::unpack_septets;

// DCS 04 (GSM, unpacked) when the text allows it, else 08 (UCS2).
base::Bytes encode_text_string(std::string_view text);
std::optional<std::string> decode_text_string(base::View value);  // DCS 00, 04, F4, 08

}  // namespace card
