// Command lines are understood in every order that people write them in, and mistakes are named.
#include <boost/test/unit_test.hpp>

#include "cli/care.h"
#include "cli/command_line.h"
#include "cli/ops.h"
#include "cli/progress.h"

namespace {

using Arguments = std::vector<std::string>;

cli::CommandLine good(const cli::ProgramSpec& program, const Arguments& arguments) {
  auto parsed = cli::parse(program, arguments);
  if (const auto* wrong = std::get_if<std::string>(&parsed)) BOOST_FAIL(*wrong);
  return std::get<cli::CommandLine>(parsed);
}

std::string wrong(const cli::ProgramSpec& program, const Arguments& arguments) {
  auto parsed = cli::parse(program, arguments);
  const auto* text = std::get_if<std::string>(&parsed);
  return text == nullptr ? "" : *text;
}

}  // namespace

// Proves that options may stand before and behind the command, with "=" or without.
BOOST_AUTO_TEST_CASE(options_everywhere) {
  const Arguments forms[] = {{"--config", "f.ini", "--json", "import", "cards.csv", "--dry-run"},
                             {"--config=f.ini", "import", "--dry-run", "cards.csv", "--json"},
                             {"import", "cards.csv", "--json", "--config", "f.ini", "--dry-run"}};
  for (const Arguments& form : forms) {
    const cli::CommandLine line = good(cli::ops_program(), form);
    BOOST_TEST(line.command->name == "import");
    BOOST_TEST(line.get("config") == "f.ini");
    BOOST_TEST(line.has("json"));
    BOOST_TEST(line.has("dry-run"));
    BOOST_TEST(line.arguments == Arguments{"cards.csv"}, boost::test_tools::per_element());
  }
}

// Proves that commands of two words win over those of one, and that "-" and "--" do their work.
BOOST_AUTO_TEST_CASE(commands_and_arguments) {
  BOOST_TEST(good(cli::ops_program(), {"keys", "init"}).command->name == "keys init");
  BOOST_TEST(good(cli::care_program(), {"audit", "verify"}).command->name == "audit verify");
  const cli::CommandLine audit = good(cli::care_program(), {"audit", "89", "--agent", "ann"});
  BOOST_TEST(audit.command->name == "audit");
  BOOST_TEST(audit.get("agent") == "ann");
  BOOST_TEST(good(cli::ops_program(), {"import", "-"}).arguments.front() == "-");
  BOOST_TEST(good(cli::care_program(), {"show", "+8613800000001"}).arguments.front() ==
             "+8613800000001");
}

// Proves that each mistake is refused with words.
BOOST_AUTO_TEST_CASE(mistakes) {
  const Arguments cases[] = {{},
                             {"--config"},
                             {"--nonsense", "import", "x"},
                             {"imports", "x"},
                             {"keys"},
                             {"import"},
                             {"import", "a", "b"},
                             {"import", "a", "--batch"},
                             {"import", "a", "--reason", "x"},
                             {"import", "a", "--dry-run=maybe"},
                             {"import", "a", "--format", "csv", "--format", "csv"},
                             {"swap", "1"},
                             {"--json", "import", "a", "--json"}};
  for (const Arguments& arguments : cases) {
    const std::string text = wrong(cli::ops_program(), arguments);
    BOOST_TEST(!text.empty(), (arguments.empty() ? "" : arguments.back()));
  }
}

// Proves that a value that is empty is refused, not taken for the option's default.
BOOST_AUTO_TEST_CASE(empty_values) {
  for (const Arguments& arguments : {Arguments{"--config", "", "status"},
                                     {"--config=", "status"},
                                     {"status", "--config", ""},
                                     {"import", "a", "--operator", ""}}) {
    const std::string text = wrong(cli::ops_program(), arguments);
    BOOST_TEST(text.find(" has no value\n") != std::string::npos, text);
  }
}

// Proves that whoever asks for help with the first of two words is helped.
BOOST_AUTO_TEST_CASE(help_of_a_first_word) {
  for (const Arguments& arguments : {Arguments{"keys", "--help"}, {"db", "-h"}, {"--help", "db"}}) {
    const cli::CommandLine line = good(cli::ops_program(), arguments);
    BOOST_TEST((line.help && line.command == nullptr));
  }
  BOOST_TEST(!wrong(cli::ops_program(), {"xyzzy", "--help"}).empty());
  BOOST_TEST(!wrong(cli::ops_program(), {"keys", "--json"}).empty());
}

// Proves that the fault comes first, then where to look, and that what was nearly right is named.
BOOST_AUTO_TEST_CASE(faults_come_first_and_help) {
  const auto ops = [](const Arguments& arguments) { return wrong(cli::ops_program(), arguments); };
  const auto care = [](const Arguments& arguments) {
    return wrong(cli::care_program(), arguments);
  };
  BOOST_TEST(ops({"swap", "1"}) ==
             "an argument is missing: OLD NEW\nUsage: bipvault-ops [--config FILE] swap OLD NEW "
             "[options]\nTry 'bipvault-ops swap --help'.");
  BOOST_TEST(ops({"import", "a", "b"}).starts_with("'b' is one argument too many\nUsage: "));
  BOOST_TEST(ops({"db"}) ==
             "'db' needs a second word: init, upgrade, status, check\nTry 'bipvault-ops --help'.");
  BOOST_TEST(
      ops({"db", "staus"}).starts_with("'db staus' is not a command (nearest: db status)\n"));
  BOOST_TEST(care({"shwo", "89"}).starts_with("'shwo' is not a command (nearest: show)\n"));
  BOOST_TEST(ops({"confg", "check"}).starts_with("'confg' is not a command (nearest: config)\n"));
  BOOST_TEST(ops({"xyzzy"}) == "'xyzzy' is not a command\nTry 'bipvault-ops --help'.");
  BOOST_TEST(care({"show", "89", "--agnt", "a"})
                 .starts_with("unknown option --agnt (nearest: --agent)\nUsage: bipvault-care"));
  BOOST_TEST(
      ops({"--cofnig", "x", "status"}).starts_with("unknown option --cofnig (nearest: --config)"));
  BOOST_TEST(ops({"status", "--qqqqqqqq"}).starts_with("unknown option --qqqqqqqq\n"));
  BOOST_TEST(ops({}) == "a command is missing\nTry 'bipvault-ops --help'.");
}

// Proves that a document's number cannot be given on the command line.
BOOST_AUTO_TEST_CASE(no_number_on_the_command_line) {
  for (const cli::CommandSpec& command : cli::care_program().commands) {
    for (const cli::OptionSpec& option : command.options) {
      BOOST_TEST(option.name.find("number") == std::string::npos);
    }
  }
  BOOST_TEST(!wrong(cli::care_program(), {"show", "89", "--document-number", "D1"}).empty());
}

// Proves that every command has a help text that names all its options, and that lines fit.
BOOST_AUTO_TEST_CASE(help_is_complete) {
  for (const cli::ProgramSpec* program : {&cli::ops_program(), &cli::care_program()}) {
    const std::string top = cli::help(*program);
    for (const cli::CommandSpec& command : program->commands) {
      BOOST_TEST(top.find("  " + command.name) != std::string::npos);
      const std::string text = cli::help(*program, command);
      BOOST_TEST(text.find(command.text) != std::string::npos);
      BOOST_TEST(text.find("Exit codes:") != std::string::npos);
      for (const cli::OptionSpec& option : command.options) {
        BOOST_TEST(text.find("--" + option.name) != std::string::npos);
        BOOST_TEST(text.find(option.help) != std::string::npos);
      }
      BOOST_TEST(good(*program, {command.name.substr(0, command.name.find(' ')),
                                 command.name.find(' ') == std::string::npos
                                     ? "x"
                                     : command.name.substr(command.name.find(' ') + 1),
                                 "--help"})
                     .help);
      std::size_t begin = 0;
      for (std::size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
        BOOST_TEST(end - begin <= 100u, text.substr(begin, end - begin));
      }
    }
  }
}

// Proves that a day is a day of the calendar.
BOOST_AUTO_TEST_CASE(days) {
  BOOST_TEST(*cli::parse_day("1970-01-02") == 86'400'000);
  BOOST_TEST(*cli::parse_day("2024-02-29") == 1'709'164'800'000);
  for (const char* bad : {"", "2026-02-29", "2026-13-01", "2026-1-1", "2026/01/01", "2026-01-01 ",
                          "1969-12-31", "20a6-01-01"}) {
    BOOST_TEST(!cli::parse_day(bad), bad);
  }
}

// Proves the progress bar's texts, also for a file of unknown size.
BOOST_AUTO_TEST_CASE(progress) {
  BOOST_TEST(cli::with_commas(0) == "0");
  BOOST_TEST(cli::with_commas(999) == "999");
  BOOST_TEST(cli::with_commas(1'234'567) == "1,234,567");
  BOOST_TEST(cli::progress_line(25, 100, 250'000, 5000) ==
             "[#####               ] 25 %  250,000 lines  50,000/s");
  BOOST_TEST(cli::progress_line(5, 0, 10, 0) == "10 lines");
}
