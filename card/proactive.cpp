#include "card/proactive.h"

namespace card {

void Proactive::put(const Command& command) {
  number_ = static_cast<std::uint8_t>(number_ % 0xFE + 1);
  type_ = command.type;
  Command numbered = command;
  numbered.number = number_;
  encoded_ = encode(numbered);
  fetched_ = false;
}

bool Proactive::terminal_response(base::View data) {
  if (!for_response_ || !fetched_) return false;
  auto response = decode_response(data);
  if (!response || response->number != number_ || response->type != type_) {
    response.emplace();
    response->result = General::terminal_unable;
  }
  response_ = std::move(*response);
  encoded_.clear();
  std::exchange(for_response_, nullptr).resume();
  return true;
}

void Proactive::signal() {
  if (for_event_) std::exchange(for_event_, nullptr).resume();
}

}  // namespace card
