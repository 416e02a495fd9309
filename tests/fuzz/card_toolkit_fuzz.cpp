// No octets make the toolkit decoders fail, and what they understand can be said again and means
// the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "card/commands.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::View octets(data, size);
  if (const auto command = card::decode_command(octets)) {
    const auto again = card::decode_command(card::encode(*command));
    if (!again || again->objects.encode() != command->objects.encode()) std::abort();
    (void)card::read_items(*command);
  }
  if (const auto response = card::decode_response(octets)) {
    const auto again = card::decode_response(card::encode(*response));
    if (!again || again->additional != response->additional) std::abort();
  }
  if (const auto envelope = card::decode_envelope(octets)) {
    if (!card::decode_envelope(card::encode(*envelope))) std::abort();
  }
  return 0;
}
