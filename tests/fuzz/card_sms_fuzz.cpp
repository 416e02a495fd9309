// No octets make the card's readers of short messages fail; what they read can be sent again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "card/push.h"
#include "card/short_message.h"
#include "card/sms_pp.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::View octets(data, size);
  if (const auto message = card::decode_deliver(octets)) {
    if (!card::encode_deliver(message->originator, message->user_data, 0)) std::abort();
  }
  if (const auto message = card::decode_submit(octets)) {
    if (!card::encode_submit(message->originator, message->user_data)) std::abort();
  }
  (void)card::read_part(octets);
  (void)card::decode_text(octets);
  (void)card::read_push_script(octets);
  return 0;
}
