#include "cli/command_line.h"

#include <Poco/Util/Option.h>
#include <Poco/Util/OptionException.h>
#include <Poco/Util/OptionProcessor.h>
#include <Poco/Util/OptionSet.h>

#include <algorithm>
#include <iterator>

#include "base/log.h"
#include "base/text.h"

namespace cli {

namespace {

using Poco::Util::Option;
using Poco::Util::OptionSet;

constexpr const char* kExitCodes[] = {
    "done",
    "refused or failed, or the output cannot be written",
    "wrong command line",
    "the configuration is wrong, or a key file is",
    "the store is not available, or nobody has answered: the text tells",
    "no record fits, or several do",
    "a limit is reached",
};
static_assert(std::size(kExitCodes) == kLimit + 1);

std::string exit_codes_help(const ProgramSpec& program) {
  std::string out = "Exit codes:\n";
  for (int code = 0; code <= program.last_code; ++code) {
    out += base::cat("  ", code, "  ", kExitCodes[code], "\n");
  }
  return out;
}

OptionSet option_set(const std::vector<OptionSpec>& specs) {
  OptionSet set;
  for (const OptionSpec& spec : specs) {
    Option option(spec.name, "", spec.help);
    if (!spec.argument.empty()) option.argument(spec.argument);
    set.addOption(option);
  }
  set.addOption(Option("help", "h", "print this help"));
  return set;
}

std::vector<OptionSpec> with_program(const ProgramSpec& program, const CommandSpec& command) {
  std::vector<OptionSpec> all = command.options;
  all.insert(all.end(), program.options.begin(), program.options.end());
  return all;
}

std::string options_help(const std::vector<OptionSpec>& specs) {
  constexpr std::size_t kLeft = 26;
  std::string out;
  const auto add = [&](std::string left, const std::string& help) {
    left.resize(std::max(left.size() + 2, kLeft), ' ');
    out += "  " + left + help + "\n";
  };
  for (const OptionSpec& spec : specs) {
    add("--" + spec.name + (spec.argument.empty() ? "" : " " + spec.argument), spec.help);
  }
  add("-h, --help", "print this help");
  return out;
}

// Takes options from `next` on. With `mixed`, arguments go to the command line; otherwise the
// first one ends the reading.
void take_options(const OptionSet& set, const std::vector<std::string>& all, std::size_t& next,
                  bool mixed, CommandLine& line) {
  Poco::Util::OptionProcessor processor(set);
  for (; next < all.size(); ++next) {
    std::string name;
    std::string value;
    if (!processor.process(all[next], name, value)) {
      if (!mixed) break;
      line.arguments.push_back(all[next]);
      continue;
    }
    if (name.empty()) continue;
    if (name == "help") line.help = true;
    if (name == "version") line.version = true;
    const bool is_switch = !set.getOption(name).takesArgument();
    // A script's variable that is not set must not mean the default: another vault, another actor.
    if (!is_switch && value.empty())
      throw Poco::Util::EmptyOptionException("--" + name + " has no value");
    const bool fresh = line.options.emplace(name, is_switch ? "yes" : value).second;
    if (!fresh) throw Poco::Util::DuplicateOptionException(name);
  }
  processor.checkRequired();
}

const CommandSpec* find_command(const ProgramSpec& program, const std::vector<std::string>& all,
                                std::size_t& next) {
  const CommandSpec* found = nullptr;
  std::size_t words = 0;
  for (const CommandSpec& command : program.commands) {
    const bool two = command.name.find(' ') != std::string::npos;
    if (two && next + 1 >= all.size()) continue;
    const std::string typed = two ? all[next] + " " + all[next + 1] : all[next];
    const std::size_t size = two ? 2 : 1;
    if (typed != command.name || size <= words) continue;
    found = &command;
    words = size;
  }
  next += words;
  return found;
}

std::string usage_line(const ProgramSpec& program, const CommandSpec& command) {
  return "Usage: " + program.name + " [--config FILE] " + command.name +
         (command.arguments.empty() ? "" : " " + command.arguments) + " [options]\n";
}

std::string nearest_hint(std::string_view nearest) {
  return nearest.empty() ? "" : " (nearest: " + std::string(nearest) + ")";
}

// "keys --help", "--help keys": the first of two words, and the wish to know the second.
bool asks_for_second_word(const ProgramSpec& program, const std::vector<std::string>& all,
                          std::size_t next, bool help) {
  help = help || (next + 1 < all.size() && (all[next + 1] == "--help" || all[next + 1] == "-h"));
  return help && std::any_of(program.commands.begin(), program.commands.end(),
                             [&](const CommandSpec& command) {
                               return command.name.starts_with(all[next] + " ");
                             });
}

// What was typed in the place of a command.
std::string unknown_command(const ProgramSpec& program, const std::vector<std::string>& all,
                            std::size_t next) {
  const std::string& first = all[next];
  const std::string both = next + 1 < all.size() ? first + " " + all[next + 1] : first;
  std::vector<std::string_view> names;
  std::string second_words;
  for (const CommandSpec& command : program.commands) {
    const std::string_view name = command.name;
    names.push_back(name);
    names.push_back(name.substr(0, name.find(' ')));
    if (!command.name.starts_with(first + " ")) continue;
    second_words += (second_words.empty() ? "" : ", ") + command.name.substr(first.size() + 1);
  }
  if (!second_words.empty() && both == first) {
    return "'" + first + "' needs a second word: " + second_words;
  }
  const bool two = !second_words.empty();
  const std::string& typed = two ? both : first;
  return "'" + typed + "' is not a command" + nearest_hint(base::nearest_word(typed, names));
}

std::string unknown_option(const std::vector<OptionSpec>& known, const std::string& typed) {
  std::vector<std::string_view> names{"help"};
  for (const OptionSpec& option : known) names.push_back(option.name);
  const std::string_view nearest = base::nearest_word(typed, names);
  return "unknown option --" + typed +
         nearest_hint(nearest.empty() ? "" : "--" + std::string(nearest));
}

// The fault first, then where to look.
std::string refused(const ProgramSpec& program, const CommandSpec* command,
                    const std::string& fault) {
  if (command == nullptr) return fault + "\nTry '" + program.name + " --help'.";
  return fault + "\n" + usage_line(program, *command) + "Try '" + program.name + " " +
         command->name + " --help'.";
}

}  // namespace

std::string CommandLine::get(const std::string& option) const {
  const auto found = options.find(option);
  return found == options.end() ? "" : found->second;
}

std::variant<CommandLine, std::string> parse(const ProgramSpec& program,
                                             const std::vector<std::string>& arguments) {
  CommandLine line;
  std::size_t next = 0;
  try {
    take_options(option_set(program.options), arguments, next, false, line);
    if (next == arguments.size()) {
      if (line.help || line.version) return line;
      return refused(program, nullptr, "a command is missing");
    }
    line.command = find_command(program, arguments, next);
    if (line.command == nullptr) {
      line.help = asks_for_second_word(program, arguments, next, line.help);
      if (line.help) return line;
      return refused(program, nullptr, unknown_command(program, arguments, next));
    }
    take_options(option_set(with_program(program, *line.command)), arguments, next, true, line);
  } catch (const Poco::Util::UnknownOptionException& error) {
    const auto known = line.command ? with_program(program, *line.command) : program.options;
    return refused(program, line.command, unknown_option(known, error.message()));
  } catch (const Poco::Exception& error) {
    return refused(program, line.command, error.displayText());
  }
  if (line.help) return line;
  const std::string fault = arguments_fault(line);
  if (!fault.empty()) return refused(program, line.command, fault);
  return line;
}

std::string arguments_fault(const CommandLine& line) {
  const CommandSpec& command = *line.command;
  const bool instead = !command.instead.empty() && line.has(command.instead);
  const std::size_t given = line.arguments.size() + (instead ? 1 : 0);
  if (given >= command.least && given <= command.most) return "";
  if (instead && given > command.most) {
    return "--" + command.instead + " stands in the place of " +
           command.arguments.substr(command.arguments.rfind(' ') + 1);
  }
  if (given < command.least) return "an argument is missing: " + command.arguments;
  return "'" + line.arguments.back() + "' is one argument too many";
}

std::string help(const ProgramSpec& program) {
  std::string out = "Usage: " + program.name + " [--config FILE] COMMAND [options]\n\n" +
                    program.summary + "\n\nCommands:\n";
  for (const CommandSpec& command : program.commands) {
    std::string left = command.name + (command.arguments.empty() ? "" : " " + command.arguments);
    left.resize(std::max<std::size_t>(left.size() + 2, 26), ' ');
    out += "  " + left + command.summary + "\n";
  }
  return out + "\n'" + program.name + " COMMAND --help' tells more.\n\nOptions:\n" +
         options_help(program.options) + "\n" + exit_codes_help(program);
}

std::string help(const ProgramSpec& program, const CommandSpec& command) {
  return usage_line(program, command) + "\n" + command.text + "\n\nOptions:\n" +
         options_help(with_program(program, command)) + "\n" + exit_codes_help(program);
}

}  // namespace cli
