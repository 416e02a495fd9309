// The end of a service and of what is stored, by the tool.
#include "tests/unit/cli/tools.h"

using namespace tools;

// Proves the end of a service, its return and an erasure whose receipt holds later, is in the
// history, and is worth nothing when a digit of it is changed.
BOOST_AUTO_TEST_CASE(end_of_service) {
  const Laboratory lab;
  lab.set_up();
  const std::string card = "8986001234567890120";
  BOOST_TEST(contains(lab.care(proven({"suspend", card})), card + " suspended; its data are kept"));
  BOOST_TEST(lab.care(proven({"suspend", card})).code == 1);
  BOOST_TEST(contains(lab.care(proven({"show", card})), "On again: resume"));
  BOOST_TEST(lab.care(proven({"resume", card})).output == card + " is in service again\n");
  const Ended erased = lab.care(proven({"erase", card}));
  BOOST_TEST(erased.code == 0);
  BOOST_TEST(!contains(lab.care(proven({"show", card})), "+8613800000001"));
  BOOST_TEST(lab.care(proven({"erase", card})).code == 1);
  std::string receipt = erased.output.substr(erased.output.find('\n') + 1);
  receipt.pop_back();
  const Ended check = lab.care({"erase", "verify", receipt, "--operator", "chief"});
  BOOST_TEST(check.code == 0);
  BOOST_TEST(contains(check, "by agent:ann\nnothing from before is stored\n"));
  BOOST_TEST(contains(lab.care({"--json", "erase", "verify", receipt}), "\"holds\": true"));
  BOOST_TEST(lab.care({"erase", "verify", "'" + receipt + "'"}).code == 0);
  receipt.back() = receipt.back() == '0' ? '1' : '0';
  BOOST_TEST(lab.care({"erase", "verify", receipt}).code == 2);
  BOOST_TEST(lab.care({"erase", "verify", "'" + receipt + "'"}).code == 2);
  BOOST_TEST(contains(lab.care({"audit"}), "erasure_verified  ops:chief  " + card));
  BOOST_TEST(contains(lab.care({"audit", "verify"}), "the history is whole"));
}

// Proves that an erasure is asked once more on a terminal, and that only "yes" means it.
BOOST_AUTO_TEST_CASE(erase_is_asked_once_more) {
  const Laboratory lab;
  lab.set_up();
  const std::string card = "8986001234567890120";
  for (const auto& [answer, code] : {std::pair{"y\n", 1}, std::pair{"yes\n", 0}}) {
    int terminal = -1;
    const pid_t pid = ::forkpty(&terminal, nullptr, nullptr, nullptr);
    BOOST_REQUIRE(pid >= 0);
    if (pid == 0) {
      Arguments arguments = proven({"--config", lab.ini, "erase", card});
      execute("bipvault-care", arguments);
    }
    std::string output;
    for (const auto& [question, text] :
         {std::pair<std::string, std::string>{"(not shown): ", std::string(kNumber) + "\n"},
          {"Type yes: ", answer}}) {
      while (output.find(question) == std::string::npos) {
        BOOST_REQUIRE_MESSAGE(read_more(terminal, output), output);
      }
      BOOST_REQUIRE(::write(terminal, text.data(), text.size()) ==
                    static_cast<ssize_t>(text.size()));
    }
    while (read_more(terminal, output)) {
    }
    ::close(terminal);
    BOOST_TEST(code_of(pid) == code, output);
    BOOST_TEST((output.find("Receipt") != std::string::npos) == (code == 0), output);
  }
}
