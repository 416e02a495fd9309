#include "card/results.h"

#include <array>

#include "base/bytes.h"

namespace card::result {
namespace {

struct Words {
  const char* name;
  const char* screen;
};

constexpr std::array<Words, 17> kResults{{
    {"done", "Done."},
    {"key required", "The key is needed."},
    {"wrong key", "Wrong key."},
    {"locked",
     "Locked after three wrong keys. Please go to customer care with an identity "
     "document."},
    {"unknown card", "This card is not registered for the phone backup."},
    {"nothing stored", "There is no backup."},
    {"wrong offset", "The transfer failed. Please try again."},
    {"digest mismatch", "The transfer failed. Please try again."},
    {"too large", "The content is too large for the backup."},
    {"try later", "The service is busy. Please try again later."},
    {"move pending", "The change of card is being checked. Customer care can help."},
    {"conflict", "Both cards have a backup. Please ask customer care."},
    {"malformed", "The service did not understand the card."},
    {"unsupported", "The service does not support this."},
    {"no such transaction", "The transfer has expired. Please try again."},
    {"mistyped key", "The key was mistyped."},
    {"suspended", "The service has ended for this card."},
}};

constexpr std::array<const char*, 11> kCommands{{"?", "REPORT", "STORE BEGIN", "STORE DATA",
                                                 "STORE END", "KEY CONFIRM", "FETCH BEGIN",
                                                 "FETCH DATA", "ERASE", "STATUS", "FETCH REPORT"}};

}  // namespace

std::string name(std::uint8_t code) {
  if (code < kResults.size()) return kResults[code].name;
  return "result " + base::to_hex({&code, 1});
}

std::string command_name(std::uint8_t ins) { return kCommands[ins < kCommands.size() ? ins : 0]; }

std::string for_user(std::uint8_t code) {
  return code < kResults.size() ? kResults[code].screen : "The service failed.";
}

}  // namespace card::result
