// Whoever sits at a terminal reads what a call is going to do before he is asked for the last time.
#include <algorithm>
#include <set>

#include "cli/care.h"
#include "cli/care_intent.h"
#include "tests/unit/cli/tools.h"

using namespace tools;

namespace {

cli::CommandLine line_of(const cli::CommandSpec& command) {
  cli::CommandLine line;
  line.command = &command;
  line.arguments = {"8986001234567890120"};
  return line;
}

}  // namespace

// Proves that every call of agents that changes something says what, with the card's name.
BOOST_AUTO_TEST_CASE(every_change_is_told) {
  const std::set<std::string> change_nothing{"show", "audit", "audit verify", "erase verify",
                                             "pending"};
  const std::set<std::string> tell_otherwise{"approve"};  // what is approved, and asks
  for (const cli::CommandSpec& command : cli::care_program().commands) {
    if (tell_otherwise.contains(command.name)) continue;
    const std::string text = cli::what_happens(line_of(command));
    BOOST_TEST(text.empty() == change_nothing.contains(command.name), command.name);
    if (!text.empty()) {
      BOOST_TEST(text.find("8986001234567890120") != std::string::npos, text);
      BOOST_TEST(text.find('%') == std::string::npos, text);
    }
  }
}

// Proves that it is said on a terminal before the document's number is asked for, that leaving
// there changes nothing, and that scripts are told nothing.
BOOST_AUTO_TEST_CASE(told_before_the_last_question) {
  const Laboratory lab;
  lab.set_up();
  const std::string card = "8986001234567890120";
  const std::string sentence = "The subscriber of " + card + " gets no more reminders.";
  int terminal = -1;
  const pid_t pid = ::forkpty(&terminal, nullptr, nullptr, nullptr);
  BOOST_REQUIRE(pid >= 0);
  if (pid == 0) execute("bipvault-care", proven({"--config", lab.ini, "opt-out", card}));
  std::string output;
  while (output.find("(not shown): ") == std::string::npos) {
    BOOST_REQUIRE_MESSAGE(read_more(terminal, output), output);
  }
  BOOST_TEST(output.find(sentence) != std::string::npos, output);
  const std::string leave = "\x03";
  BOOST_REQUIRE(::write(terminal, leave.data(), leave.size()) == 1);
  while (read_more(terminal, output)) {
  }
  ::close(terminal);
  BOOST_TEST(code_of(pid) != 0);
  BOOST_TEST(!contains(lab.care({"audit", card}), "opted_out"));
  const Ended script = lab.care(proven({"opt-out", card}));
  BOOST_TEST(script.code == 0, script.output);
  BOOST_TEST(!contains(script, "gets no more reminders."), script.output);
  BOOST_TEST(contains(lab.care({"audit", card}), "opted_out"));
}
