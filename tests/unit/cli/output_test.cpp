// What a program could not print is never success: a full disk, a closed descriptor.
#include "tests/unit/cli/tools.h"

using namespace tools;

namespace {

constexpr char kFull[] = "/dev/full";
constexpr char kClosed[] = "";

void must_fail(const Ended& ended, int code, const std::string& what) {
  BOOST_TEST(ended.code == code, what << ": " << ended.code);
  BOOST_TEST(contains(ended, "standard output"), what << ": " << ended.output);
}

}  // namespace

// Proves that every program ends with exit code 1 and a line on standard error.
BOOST_AUTO_TEST_CASE(output_that_cannot_be_written) {
  const Laboratory lab;
  lab.set_up();
  const std::string host_ini = lab.path / "host.ini";
  std::ofstream(host_ini) << run("bipvault-host", {"--defaults"}).output;
  const std::pair<const char*, Arguments> calls[] = {
      {"bipvault-ops", {"config", "defaults"}},
      {"bipvault-ops", {"--help"}},
      {"bipvault-ops", {"--version"}},
      {"bipvault-ops", {"--config", lab.ini, "db", "status"}},
      {"bipvault-ops", {"--config", lab.ini, "config", "check"}},
      {"bipvault-ops", {"--config", lab.ini, "--json", "config", "check"}},
      {"bipvault-ops", {"--config", lab.ini, "export", "-"}},
      {"bipvault-ops", {"--config", lab.ini, "--json", "reminders", "status"}},
      {"bipvault-care", {"--config", lab.ini, "audit"}},
      {"bipvault-care", {"--config", lab.ini, "--json", "audit", "verify"}},
      {"bipvault-cared", {"--help"}},
      {"bipvault-host", {"--defaults"}},
      {"bipvault-host", {"--version"}},
      {"bipvault-card", {"--help"}},
  };
  for (const auto& [name, arguments] : calls) {
    for (const auto& [place, why] :
         {std::pair(kFull, "No space left on device"), std::pair(kClosed, "Bad file descriptor")}) {
      const Ended ended = run(name, arguments, "", place);
      must_fail(ended, 1, std::string(name) + " " + arguments.back());
      BOOST_TEST(contains(ended, why), ended.output);
    }
  }
}

// Proves that another fault keeps its exit code, and that what was done is told.
BOOST_AUTO_TEST_CASE(the_deed_and_its_answer) {
  const Laboratory lab;
  lab.set_up();
  must_fail(run("bipvault-ops", {"--config", lab.ini, "--json", "smsc", "status"}, "", kFull), 1,
            "nothing runs");
  const Ended swapped =
      run("bipvault-ops",
          {"--config", lab.ini, "swap", "8986001234567890120", "8986001234567890138"}, "", kFull);
  must_fail(swapped, 1, "swap");
  BOOST_TEST(contains(swapped, "the command itself was carried out"), swapped.output);
  BOOST_TEST(contains(lab.ops({"swap", "8986001234567890120", "8986001234567890138"}), "before"));
}

// Proves that with standard output closed the store's file is not written to in its place.
BOOST_AUTO_TEST_CASE(a_closed_output_does_not_hit_the_store) {
  const Laboratory lab;
  lab.set_up();
  for (int i = 0; i < 3; ++i) {
    must_fail(
        run("bipvault-ops", {"--config", lab.ini, "--json", "reminders", "status"}, "", kClosed), 1,
        "status");
  }
  const Ended checked = lab.ops({"db", "check"});
  BOOST_TEST(checked.code == 0, checked.output);
}
