#include "cli/care_intent.h"

#include <cstdio>
#include <map>

#include "base/log.h"
#include "base/text.h"
#include "cli/care.h"
#include "cli/terminal.h"

namespace cli {

std::string what_happens(const CommandLine& line) {
  // %: the card, as it was named.
  static const std::map<std::string, std::string> sentences{
      {"unlock",
       "The record of % is opened: it can be stored to and fetched again, with three "
       "attempts."},
      {"confirm-move", "The record that % claims goes to it, and its old card is no longer known."},
      {"reject-move", "The claim of % is dropped; the record stays with its card."},
      {"request", "Nothing happens before another agent has approved the %."},
      {"reject", "The request % is over, and nothing of it is done."},
      {"opt-out", "The subscriber of % gets no more reminders."},
      {"opt-in", "The subscriber of % gets reminders again."},
      {"export", "All that is stored for % is written into a file, readable by whoever has it."},
      {"suspend",
       "The service of % ends: the card is told so, and what is stored is erased after "
       "the retention time."},
      {"resume", "The service of % is on again, with what is stored."},
      {"erase", "Everything that is stored for % is erased, for good."}};
  const auto found = sentences.find(line.command->name);
  if (found == sentences.end()) return "";
  std::string text = found->second;
  if (line.command->name == "unlock" && line.has("reset-key")) {
    text += " Its next session within 24 hours is given a new key; the old one ends.";
  }
  const std::size_t place = text.find('%');
  const bool card = line.command->name != "request" && line.command->name != "reject";
  return base::cat(text.substr(0, place), card ? who_text(line) : line.arguments[0],
                   text.substr(place + 1));
}

void tell_what_happens(const CommandLine& line) {
  const std::string text = what_happens(line);
  if (!text.empty() && interactive()) std::fprintf(stderr, "%s\n", base::visible(text).c_str());
}

}  // namespace cli
