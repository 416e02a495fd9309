// No octets make the card's image parser fail, and a card that has restored them backs up an image
// that it can read itself.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "card/image.h"
#include "card/profile.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto image = card::parse_image({data, size});
  if (!image) return 0;
  static const auto iccid = *card::iccid_octets("8944351002100001236");
  card::Card card = card::make_card(iccid, {10, 5, 3}, "");
  card::write_image(card.files, *image);
  if (!card::parse_image(card::encode_image(card::take_image(card.files)))) std::abort();
  return 0;
}
