// Between the messages on the wire and the domain's commands and answers (docs/protocol.md
// "Messages"). Pure, any thread.
#pragma once

#include <optional>
#include <variant>

#include "bip/message.h"
#include "vault/card.h"

namespace bip {

// Why a message is no command: `unsupported` or `malformed`.
struct NotACommand {
  vault::CardResult result = vault::CardResult::malformed;
  bool other_iccid = false;  // tag 80 names another card than the channel's
};

// Takes data out of the message. `fetch_max` is what FETCH DATA may be answered with.
std::variant<vault::CardCommand, NotACommand> to_command(Message& message,
                                                         const vault::Iccid& identified,
                                                         std::uint16_t fetch_max);

// Takes data out of the answer. `max_data` (tag 8C) goes with a STORE BEGIN that is done.
Message to_message(vault::CardAnswer& answer, std::optional<std::uint16_t> max_data);

// Most octets of tag 87 for which a packet stays within max_packet: an answer to FETCH DATA with
// a key beside the data, and a STORE DATA command. At least 1.
std::size_t fetch_room(std::size_t max_packet);
std::size_t store_room(std::size_t max_packet);

}  // namespace bip
