// Result codes and command names of the messages (wire protocol section 3).
#pragma once

#include <cstdint>
#include <string>

#include "bip/message.h"

namespace card::result {

inline constexpr std::uint8_t kDone = 0x00, kKeyRequired = 0x01, kWrongKey = 0x02, kLocked = 0x03,
                              kUnknownCard = 0x04, kNothingStored = 0x05, kWrongOffset = 0x06,
                              kDigestMismatch = 0x07, kTooLarge = 0x08, kTryLater = 0x09,
                              kMovePending = 0x0A, kConflict = 0x0B, kMalformed = 0x0C,
                              kUnsupported = 0x0D, kNoTransaction = 0x0E, kMistyped = 0x0F,
                              kSuspended = 0x10;

std::string name(std::uint8_t code);         // "key required"
std::string command_name(std::uint8_t ins);  // "STORE BEGIN"
std::string for_user(std::uint8_t code);     // what the screen says

}  // namespace card::result
