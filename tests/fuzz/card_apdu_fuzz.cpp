// No sequence of APDUs makes the card or its applet fail. The input is cut into APDUs by a length
// octet before each.
#include <cstddef>
#include <cstdint>

#include "card/applet.h"
#include "card/uicc.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto iccid = *card::iccid_octets("8944351002100001236");
  card::Card card = card::make_card(iccid, {5, 3, 2}, "");
  card.keys.kic = base::Secret(base::Bytes(16, 0x40));
  card.keys.kid = base::Secret(base::Bytes(16, 0x50));
  card::Applet applet(
      card, [] {}, [](const card::Event&) {});
  card::Uicc uicc(card, applet);
  base::Reader reader(base::View(data, size));
  while (reader.left() > 0)
    (void)uicc.transmit(reader.take(std::min<std::size_t>(reader.u8(), reader.left())));
  return 0;
}
