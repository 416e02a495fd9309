// PUSH (TS 102 226 clause 9): commands of remote management by which the network makes a card open
// a channel, in a compact command script. Values, any thread.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "card/profile.h"
#include "card/tlv.h"
#include "card/toolkit.h"

namespace card {

struct Push {
  ObjectList channel;                   // of the request for a BIP channel (clause 9.2.1)
  std::optional<std::uint16_t> cat_tp;  // port of the request for a CAT_TP link (clause 9.2.2)
  std::uint8_t commands = 0;            // in the script
};

// What a script of PUSH commands asks for. Otherwise the status word of the command that cannot be
// done, and how many commands there were up to it.
struct PushScript {
  std::optional<Push> push;
  std::uint16_t status = 0x9000;
  std::uint8_t commands = 0;
};
PushScript read_push_script(base::View script);
bool is_push_script(base::View data);

// OPEN CHANNEL with the objects of the PUSH, and the card's own in place of what it leaves out.
Command open_channel_for(const Push& push, const ServerAddress& own, std::uint16_t buffer);
// What the applet is to speak over that channel.
Carrier carrier_for(const Push& push, Carrier own);

// Compact response (TS 102 226 clause 5.1): number of commands, status word, data of the last one.
base::Bytes compact_response(std::uint8_t commands, std::uint16_t status, base::View data = {});
// The same from the terminal's answer to OPEN CHANNEL: a general result from 10 on is 6F00 with
// the result object.
base::Bytes push_response(const Push& push, const Response& opened);

}  // namespace card
