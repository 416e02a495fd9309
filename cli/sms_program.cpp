#include "cli/sms_ops.h"

#include <algorithm>

namespace cli {

namespace {

OptionSpec wait_option() {
  return {"wait", "TIME", "how long the result is waited for (default: 30s; 0: not at all)"};
}

constexpr char kThroughTheStore[] =
    "\n"
    "The request is a row in the store; a running instance with an SMSC does it within seconds.\n"
    "Exit code 1: it was refused or failed; 4: nobody has done it yet. It expires after an hour.";

}  // namespace

std::vector<CommandSpec> sms_commands() {
  return {
      {"reminders preview",
       "",
       0,
       0,
       "count who would be reminded now",
       "Counts the records whose date has come, and of them those that the rules would write to:\n"
       "not opted out, with a number, nothing stored since. Changes nothing.",
       {{"limit", "N", "count no further than N records (default: 10000)"}}},
      {"reminders run",
       "",
       0,
       0,
       "begin the day's reminders now",
       std::string("Begins a run though one was begun today already. Outside the allowed hours it "
                   "is refused.") +
           kThroughTheStore,
       {wait_option(), operator_option()}},
      {"reminders status",
       "",
       0,
       0,
       "show the settings, the last run and who works",
       "Shows whether reminders are on, the allowed hours, when the last run began, how many are\n"
       "due, and the instances that have reported.",
       {}},
      {"wake",
       "WHO",
       1,
       1,
       "have a card open a channel",
       std::string("Has the card of WHO (ICCID in any spelling, or number) woken by SMS, one "
                   "message at a time;\nwhat it answers stands in the record's history.") +
           kThroughTheStore,
       {{"reason", "REASON", "update: to store (default); identity: to report"},
        wait_option(),
        operator_option()}},
      {"smsc status",
       "",
       0,
       0,
       "show the SMSCs as each instance sees them",
       "Shows for each instance that has reported: when, and of each SMSC whether it is bound, "
       "what\n"
       "waits, and what is wrong. Exit code 1 if an SMSC of a running instance is not bound, or "
       "if\n"
       "no instance runs.",
       {}},
      {"smsc send-test",
       "NUMBER [TEXT]",
       1,
       2,
       "send a text message",
       std::string("Sends TEXT to NUMBER (international, +...), through one SMSC if --smsc names "
                   "it.") +
           kThroughTheStore,
       {{"smsc", "NAME", "only through [smsc.NAME]"}, wait_option(), operator_option()}},
  };
}

bool is_sms_command(const std::string& name) {
  const auto commands = sms_commands();
  return std::any_of(commands.begin(), commands.end(),
                     [&](const CommandSpec& command) { return command.name == name; });
}

}  // namespace cli
