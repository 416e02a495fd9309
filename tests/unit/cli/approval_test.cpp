// Calls that a second agent approves, by the tool: what it takes, prints and asks.
#include "tests/unit/cli/tools.h"

using namespace tools;

namespace {

const std::string kCard = "8986001234567890120";

struct TwoAgents : Laboratory {
  TwoAgents() {
    std::ifstream in(ini);
    std::string text((std::istreambuf_iterator<char>(in)), {});
    const std::string off = "two_person = no";
    BOOST_REQUIRE(text.find(off) != std::string::npos);
    text.replace(text.find(off), off.size(), "two_person = yes");
    std::ofstream(ini) << text;
    set_up();
  }
  static Arguments by(const std::string& agent, Arguments arguments) {
    for (const char* word : {"--reason", "contract ended", "--document", "passport", "--agent"}) {
      arguments.emplace_back(word);
    }
    arguments.push_back(agent);
    return arguments;
  }
  std::string request(Arguments arguments) const {
    arguments.insert(arguments.begin(), "request");
    const Ended asked = care(by("ann", arguments));
    BOOST_REQUIRE_MESSAGE(asked.code == 0, asked.output);
    return asked.output.substr(8, 8);
  }
  // On a terminal, with these answers to what it asks.
  Ended on_terminal(Arguments arguments,
                    const std::vector<std::pair<std::string, std::string>>& answers) const {
    int terminal = -1;
    const pid_t pid = ::forkpty(&terminal, nullptr, nullptr, nullptr);
    if (pid == 0) {
      arguments.insert(arguments.begin(), {"--config", ini});
      execute("bipvault-care", arguments);
    }
    Ended ended;
    for (const auto& [question, answer] : answers) {
      while (ended.output.find(question) == std::string::npos) {
        if (!read_more(terminal, ended.output)) break;
      }
      const std::string line = answer + "\n";
      BOOST_TEST(::write(terminal, line.data(), line.size()) == static_cast<ssize_t>(line.size()));
    }
    while (read_more(terminal, ended.output)) {
    }
    ::close(terminal);
    ended.code = code_of(pid);
    return ended;
  }
};

}  // namespace

// Proves the way of a request from one agent to the other, and its exit codes.
BOOST_FIXTURE_TEST_CASE(two_agents_by_the_tool, TwoAgents) {
  BOOST_TEST(contains(care(by("ann", {"erase", kCard})), "a second agent has to approve this"));
  BOOST_TEST(contains(care({"pending", "--agent", "bob"}), "no request waits"));
  const std::string id = request({"erase", kCard});
  const Ended waiting = care({"pending", "--agent", "bob"});
  BOOST_TEST(contains(waiting, "request " + id + ": erase, card " + kCard +
                                   "\n  open; asked for by "
                                   "agent:ann "));
  BOOST_TEST(contains(waiting, "reason: contract ended; document: passport ...5432"));
  BOOST_TEST(!contains(waiting, kNumber));
  BOOST_TEST(care(by("ann", {"approve", id})).code == 1);
  BOOST_TEST(care(by("bob", {"approve", "12345678"})).code == 5);
  BOOST_TEST(care(by("bob", {"approve", "x"})).code == 2);
  BOOST_TEST(care({"approve", id, "--agent", "bob"}).code == 2, "reason and document are missing");
  const Ended done = care(by("bob", {"approve", id}));
  BOOST_TEST(done.code == 0);
  BOOST_TEST(contains(done, "request " + id + " approved. erased: " + kCard), done.output);
  const Ended told = care({"--json", "pending", id, "--agent", "ann"});
  BOOST_TEST(contains(told, "\"state\": \"done\""), told.output);
  BOOST_TEST(contains(told, "\"result\": \"erased " + kCard + " at "), told.output);
  BOOST_TEST(care(by("bob", {"approve", id})).code == 1);
  BOOST_TEST(contains(care({"audit", "verify"}), "the history is whole"));
}

// Proves that a request says what it can be, and that withdrawing it needs no document.
BOOST_FIXTURE_TEST_CASE(requests_that_are_none, TwoAgents) {
  for (const Arguments& wrong :
       {Arguments{"request", "show", kCard}, Arguments{"request", "export", kCard},
        Arguments{"request", "export", kCard, "--format", "pdf"},
        Arguments{"request", "erase", kCard, "--reset-key"},
        Arguments{"request", "unlock", kCard, "--format", "raw"}, Arguments{"request", "unlock"}}) {
    BOOST_TEST(care(by("ann", wrong)).code == 2, wrong[1]);
  }
  BOOST_TEST(care(by("ann", {"request", "unlock", kCard})).code == 1, "nothing to unlock");
  BOOST_TEST(contains(care(by("ann", {"request", "confirm-move", kCard})),
                      "this needs no second agent: call it at once"));
  const std::string id = request({"erase", "8986 0012 3456 7890 120"});
  const Ended ended = care({"reject", id, "--agent", "ann", "--reason", "mistaken"});
  BOOST_TEST(ended.output == "request " + id + " withdrawn\n");
  BOOST_TEST(care(by("bob", {"approve", id})).code == 1);
}

// Proves that who approves on a terminal sees what it is, and that only "yes" means it.
BOOST_FIXTURE_TEST_CASE(shown_before_it_is_approved, TwoAgents) {
  const std::string id = request({"erase", kCard});
  for (const auto& [answer, code] : {std::pair{"y", 1}, std::pair{"yes", 0}}) {
    const Ended ended = on_terminal(by("bob", {"approve", id}),
                                    {{"(not shown): ", kNumber}, {"Type yes: ", answer}});
    BOOST_TEST(contains(ended, "request " + id + ": erase, card " + kCard), ended.output);
    BOOST_TEST(ended.code == code, ended.output);
    BOOST_TEST(contains(ended, "Receipt") == (code == 0), ended.output);
  }
}
