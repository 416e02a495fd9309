// retention as an operator, or his timer, calls it.
#include <sys/ioctl.h>

#include "db/sqlite_connection.h"
#include "tests/support/until.h"
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

// Proves that each receipt is out before the next card is erased: who reads slowly, or ends the
// tool, has those of all that was done.
BOOST_AUTO_TEST_CASE(receipts_as_they_are_made) {
  const Laboratory lab;
  lab.set_up();
  std::string rows = "iccid,customer\n";
  for (int i = 0; i < 200; ++i) rows += "89860000000000" + std::to_string(10'000 + i) + ",C\n";
  BOOST_TEST(lab.ops({"import", "-"}, rows).code == 0);
  db::SqliteConnection database(lab.path / "bipvault.db", db::SqliteMode::write, 5000);
  database.run("UPDATE records SET suspended_at = 1000 WHERE customer = 'C'");
  int out[2];
  BOOST_REQUIRE(::pipe(out) == 0);
  BOOST_REQUIRE(::fcntl(out[1], F_SETPIPE_SZ, 4096) > 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(out[1], STDOUT_FILENO);
    for (int end : out) ::close(end);
    execute("bipvault-ops", {"--config", lab.ini, "retention"});
  }
  ::close(out[1]);
  const auto waiting = [&] {
    int octets = 0;
    ::ioctl(out[0], FIONREAD, &octets);
    return octets > 3'000;
  };
  BOOST_TEST(support::until(waiting));
  std::int64_t left = 0;
  database.query("SELECT COUNT(*) FROM records WHERE customer = 'C'", {},
                 [&](const db::Row& row) { left = row.number(0); });
  BOOST_TEST(left > 100);
  std::string text;
  while (read_more(out[0], text)) {
  }
  ::close(out[0]);
  BOOST_TEST(code_of(pid) == 0);
  BOOST_TEST(text.find("200 erased now") != std::string::npos);
}
