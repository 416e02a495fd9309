// Command lines of the tools: options of the program, a subcommand of one or two words, its own
// options and arguments. Parsing and help texts come from one description.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <variant>
#include <vector>

namespace cli {

// Also documented in --help and the manual pages.
enum ExitCode {
  kDone = 0,
  kFailed = 1,
  kUsage = 2,
  kBadConfig = 3,
  kUnavailable = 4,
  kNotFound = 5,
  kLimit = 6,
};

struct OptionSpec {
  std::string name;
  std::string argument;  // empty: a switch
  std::string help;
};

struct CommandSpec {
  std::string name;       // "import", "keys init"
  std::string arguments;  // for people: "FILE"
  std::size_t least = 0;  // number of arguments
  std::size_t most = 0;
  std::string summary;
  std::string text;  // paragraphs of --help
  std::vector<OptionSpec> options;
  std::string instead = {};  // an option that stands in the place of the last argument; empty: none
};

struct ProgramSpec {
  std::string name;
  std::string summary;
  std::vector<OptionSpec> options;  // before the subcommand
  std::vector<CommandSpec> commands;
  ExitCode last_code = kLimit;  // --help lists the exit codes up to this one
};

struct CommandLine {
  const CommandSpec* command = nullptr;  // null: only with help or version
  bool help = false;
  bool version = false;
  std::map<std::string, std::string> options;  // of program and command; a switch: "yes"
  std::vector<std::string> arguments;

  bool has(const std::string& option) const { return options.contains(option); }
  // Empty if absent.
  std::string get(const std::string& option) const;
};

// Empty: as many arguments as the command takes, or one less and the option in its place.
std::string arguments_fault(const CommandLine& line);

// The program's options may also stand behind the subcommand. The string says what is wrong, then
// where to look.
std::variant<CommandLine, std::string> parse(const ProgramSpec& program,
                                             const std::vector<std::string>& arguments);

std::string help(const ProgramSpec& program);
std::string help(const ProgramSpec& program, const CommandSpec& command);

}  // namespace cli
