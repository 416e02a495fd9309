// No octets make the message decoder read outside them; what was understood is understood alike
// when encoded anew, and its way to a command of the domain ends.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "bip/card_messages.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto read = bip::decode_message({data, size});
  if (!read) return 0;
  const base::Bytes encoded = bip::encode_message(*read);
  auto second = bip::decode_message(encoded);
  if (!second || bip::encode_message(*second) != encoded) std::abort();
  const auto card = vault::Iccid::from_digits("89443510021000012364");
  (void)bip::to_command(*second, *card, 1024);
  return 0;
}
