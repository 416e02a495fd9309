#include "card/text.h"

namespace card {

base::Bytes encode_text_string(std::string_view text) {
  const std::u32string characters = from_utf8(text);
  auto gsm = to_gsm(characters);
  base::Bytes value = gsm ? std::move(*gsm) : to_ucs2(characters);
  value.insert(value.begin(), gsm ? 0x04 : 0x08);
  return value;
}

std::optional<std::string> decode_text_string(base::View value) {
  if (value.empty()) return std::string();
  const base::View octets = value.subspan(1);
  switch (value[0]) {
    case 0x00:
      return to_utf8(from_gsm(unpack_septets(octets, octets.size() * 8 / 7)));
    case 0x04:
    case 0xF4:
      return to_utf8(from_gsm(octets));
    case 0x08:
      return to_utf8(from_ucs2(octets));
    default:
      return std::nullopt;
  }
}

}  // namespace card
