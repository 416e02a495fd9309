// No octets of an SMSC, in one piece or octet by octet, make a Link or the decoders fail, run over
// a buffer, or leave a request of ours without its end.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "smsc/incoming.h"
#include "smsc/link.h"
#include "smsc/receipt.h"

namespace {

std::shared_ptr<const smsc::Settings> settings() {
  auto made = std::make_shared<smsc::Settings>();
  made->system_id = "fuzz";
  made->window = 4;
  return made;
}

// Feeds a bound link in pieces.
void talk(base::View octets, std::size_t piece) {
  base::Now now{1, 1'764'000'000'000};
  const auto set = settings();
  smsc::Link link(set, smsc::Role::transceiver, now);
  smsc::Marks marks;
  int open = 0;
  // The bind is answered, so that the input is that of a bound link.
  base::Bytes bound;
  smsc::append_header(bound, 0x80000009, 0, 1);
  link.feed(bound, now);
  smsc::SubmitSm message;
  message.destination.digits = "491701234567";
  for (std::uint64_t token = 1; token <= 3; ++token) {
    if (link.submit(message, token, now).ok()) ++open;
  }
  while (!octets.empty()) {
    const std::size_t size = std::min(piece, octets.size());
    link.feed(octets.first(size), now);
    octets = octets.subspan(size);
    while (auto event = link.next_event()) {
      using Kind = smsc::LinkEvent::Kind;
      if (event->kind == Kind::delivered) {
        if (smsc::is_receipt(event->message)) {
          (void)smsc::read_receipt(event->message, *set);
        } else {
          const auto sms = smsc::read_incoming(event->message, *set, now);
          (void)marks.mark(event->message, sms.parts > 1, 1'000, now);
        }
        link.deliver_result(event->sequence, 0, now);
      }
      if (event->kind == Kind::answered || event->kind == Kind::unanswered ||
          event->kind == Kind::unsent || event->kind == Kind::expired) {
        --open;
      }
    }
  }
  link.connection_lost(now);
  while (auto event = link.next_event()) {
    using Kind = smsc::LinkEvent::Kind;
    if (event->kind == Kind::unanswered || event->kind == Kind::unsent) --open;
  }
  if (open != 0) std::abort();
  if (smsc::library_text_high_water() >= 2'000) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::View octets(data, size);
  talk(octets, 65'536);
  talk(octets, 1);
  return 0;
}
