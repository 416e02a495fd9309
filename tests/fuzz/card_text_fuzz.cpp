// No octets make the text and number decoders fail, and what they give is valid: text that the
// encoders take.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "base/text.h"
#include "card/memo.h"
#include "card/number.h"
#include "card/phone_book.h"
#include "card/text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::View octets(data, size);
  if (!base::valid_utf8(card::decode_alpha(octets))) std::abort();
  const auto text = card::decode_text_string(octets);
  if (text && !base::valid_utf8(*text)) std::abort();
  if (!card::to_bcd(card::from_bcd(octets))) std::abort();
  (void)card::parse_pbr(octets);
  (void)card::decode_memo(octets);
  (void)card::from_utf8(base::as_text(octets));
  return 0;
}
