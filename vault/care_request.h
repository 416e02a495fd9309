// A call of customer care that a second agent has to approve, as the store keeps it until some time
// after its end. Immutable value once read; any thread.
#pragma once

#include <cstdint>
#include <string>

#include "vault/types.h"

namespace vault {

// Calls that Approval can be asked for.
enum class CareAction : std::uint8_t { unlock = 1, hand_over = 2, erase = 3, confirm_move = 4 };

struct CareRequest {
  enum class State : std::uint8_t {
    open = 0,
    approved = 1,  // hand_over: the content is taken by who has asked
    done = 2,
    rejected = 3,  // withdrawn, when it was who has asked
  };
  std::uint64_t id = 0;       // eight digits, random, set by the store
  std::uint64_t version = 0;  // the store's: it guards every change of the row
  RecordId record{};
  std::uint32_t epoch = 0;  // the record's: under another one the request cannot end
  CareAction action = CareAction::unlock;
  State state = State::open;
  std::string asked_by;  // actor, "agent:NAME"
  std::int64_t asked_at = 0;
  std::int64_t expires_at = 0;  // over, whatever its state
  std::string reason;
  std::string document_type;
  std::string document_tail;  // what is kept of its number, as in the history
  std::string document_mac;
  std::string detail;  // unlock: "reset-key" or empty; hand_over: the form; confirm_move: old ICCID
  ImageId image{};     // hand_over: the version that was asked for
  std::string decided_by;  // actor: who has approved or rejected it
  std::int64_t decided_at = 0;
  std::string result;  // one line for people
  bool operator==(const CareRequest&) const = default;
};

// "unlock", "export", "erase", "confirm-move": as the tool calls it.
const char* name_of(CareAction action);
// "unlock --reset-key", "export as vcard4", for people.
std::string wish_text(const CareRequest& request);

}  // namespace vault
