// retention as an operator, or his timer, calls it.
#include "tests/unit/cli/tools.h"

using namespace tools;

// Proves that a suspended card's data are kept for the time that suspend tells, and erased then
// with a receipt that holds; that a dry run touches nothing, and that a second run has nothing to
// do.
BOOST_AUTO_TEST_CASE(retention) {
  const Laboratory lab;
  lab.set_up();
  const std::string card = "8986001234567890120";
  const std::string clock = lab.path / "clock";
  const auto at = [&](int days, Arguments arguments) {
    std::ofstream(clock) << days * 86'400'000LL << "\n";
    arguments.insert(arguments.begin(), {"--clock-file", clock});
    return lab.ops(arguments);
  };
  BOOST_TEST(lab.care(proven({"suspend", card})).code == 0);
  BOOST_TEST(contains(at(149, {"retention"}), "looked at 2 records: 0 suspended"));
  const Ended dry = at(151, {"retention", "--dry-run"});
  BOOST_TEST(contains(dry, "1 suspended for longer than [vault] retention, none touched"));
  BOOST_TEST(contains(lab.care(proven({"show", card})), "+8613800000001"));
  const Ended done = at(151, {"retention", "--operator", "timer"});
  BOOST_TEST(done.code == 0);
  BOOST_TEST(done.output.starts_with("erased " + card + " at "), done.output);
  BOOST_TEST(contains(done, "1 erased now"));
  const std::string receipt = done.output.substr(0, done.output.find('\n'));
  BOOST_TEST(contains(lab.care({"erase", "verify", receipt}), "by ops:timer"));
  BOOST_TEST(!contains(lab.care(proven({"show", card})), "+8613800000001"));
  const Ended again = at(152, {"--json", "retention"});
  BOOST_TEST(again.code == 0);
  BOOST_TEST(contains(again, "\"due\": 1"));
  BOOST_TEST(!contains(again, "receipt"), again.output);
  BOOST_TEST(contains(lab.care({"audit", "verify"}), "the history is whole"));
}
