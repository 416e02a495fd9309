// The tools where something is odd: a name, a form, an input that breaks off, a file of another
// user, a terminal, a very long history.
#include "db/sqlite_connection.h"
#include "tests/unit/cli/tools.h"

using namespace tools;

// Proves that what is not data is not given as JSON, and that this is said.
BOOST_AUTO_TEST_CASE(no_json_of_a_file) {
  for (const char* what : {"defaults", "reference"}) {
    const Ended refused = run("bipvault-ops", {"config", what, "--json"});
    BOOST_TEST(refused.code == 2);
    BOOST_TEST(refused.output ==
               std::string("bipvault-ops: config ") + what + " prints a file: without --json\n");
  }
}

// Proves that an import whose input cannot be read to its end tells what it has stored.
BOOST_AUTO_TEST_CASE(import_that_breaks_off) {
  const Laboratory lab;
  lab.set_up();
  std::string rows = "iccid\n";
  for (int i = 0; i < 5; ++i) rows += "898600000000001000" + std::to_string(i) + "\n";
  int in[2];
  int out[2];
  BOOST_REQUIRE((::pipe(in) == 0 && ::pipe(out) == 0));
  ::fcntl(in[0], F_SETFL, O_NONBLOCK);  // what comes behind the rows is an error, not the end
  BOOST_REQUIRE(::write(in[1], rows.data(), rows.size()) == static_cast<ssize_t>(rows.size()));
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(in[0], STDIN_FILENO);
    ::dup2(out[1], STDOUT_FILENO);
    ::dup2(out[1], STDERR_FILENO);
    ::close(out[1]);
    execute("bipvault-ops", {"--config", lab.ini, "import", "-", "--batch", "2"});
  }
  ::close(out[1]);
  Ended ended;
  while (read_more(out[0], ended.output)) {
  }
  ended.code = code_of(pid);
  for (int end : {in[0], in[1], out[0]}) ::close(end);
  BOOST_TEST(ended.code == 1);
  BOOST_TEST(contains(ended, "created 4, updated 0, unchanged 0, bad 0"), ended.output);
  BOOST_TEST(contains(ended, "the last cards that were read are not imported"), ended.output);
}

// Proves that every command that writes a name into the history refuses one that is none.
BOOST_AUTO_TEST_CASE(names_of_operators) {
  const Laboratory lab;
  lab.set_up();
  const Arguments calls[] = {{"import", "-"},
                             {"retention"},
                             {"reminders", "run"},
                             {"smsc", "send-test", "+8613800000001"},
                             {"wake", "8986001234567890120"},
                             {"swap", "8986001234567890120", "8986001234567890138"}};
  for (Arguments call : calls) {
    call.insert(call.end(), {"--operator", "eve; by ops:bob"});
    const Ended refused = lab.ops(call, "iccid\n8986001234567890146\n");
    BOOST_TEST(refused.code == 2, call.front() + ": " + refused.output);
    BOOST_TEST(contains(refused, "the operator's name is missing or holds other"), refused.output);
  }
  BOOST_TEST(!contains(lab.care({"audit"}), "eve"));
}

// Proves that the progress bar is there on a terminal, and gone before the result is printed.
BOOST_AUTO_TEST_CASE(progress_on_a_terminal) {
  const Laboratory lab;
  lab.set_up();
  const std::string file = lab.path / "cards.csv";
  std::ofstream rows(file);
  rows << "iccid\n";
  for (int i = 0; i < 2'000; ++i) rows << "89860000000000" << 10'000 + i << "\n";
  rows.close();
  int terminal = -1;
  const pid_t pid = ::forkpty(&terminal, nullptr, nullptr, nullptr);
  BOOST_REQUIRE(pid >= 0);
  if (pid == 0) execute("bipvault-ops", {"--config", lab.ini, "import", file, "--batch", "1000"});
  Ended ended;
  while (read_more(terminal, ended.output)) {
  }
  ::close(terminal);
  ended.code = code_of(pid);
  BOOST_TEST(ended.code == 0);
  const std::size_t bar = ended.output.find("\r[");
  const std::size_t cleared = ended.output.find("\r\x1b[K", bar);
  BOOST_TEST(bar != std::string::npos);
  BOOST_TEST(contains(ended, " %  1,000 lines"), ended.output);
  BOOST_TEST(cleared < ended.output.find("created 2000"));
  BOOST_TEST(!contains(lab.ops({"import", file}), "\x1b["));
}

// Proves that a database of another user is told as such, with both users.
BOOST_AUTO_TEST_CASE(database_of_another_user) {
  if (::geteuid() != 0) return;  // only root can become two users
  constexpr ::uid_t kNobody = 65534;
  const Laboratory lab;
  lab.set_up();
  BOOST_REQUIRE(::chown(lab.path.c_str(), kNobody, kNobody) == 0);
  for (const auto& entry : fs::directory_iterator(lab.path)) {
    if (entry.path().filename() == "bipvault.db") continue;
    BOOST_REQUIRE(::chown(entry.path().c_str(), kNobody, kNobody) == 0);
  }
  int out[2];
  BOOST_REQUIRE(::pipe(out) == 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(out[1], STDERR_FILENO);
    ::close(out[1]);
    const std::string tool = program("bipvault-ops");
    if (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0) _exit(126);
    ::execl(tool.c_str(), tool.c_str(), "--config", lab.ini.c_str(), "db", "status", nullptr);
    _exit(127);
  }
  ::close(out[1]);
  Ended ended;
  while (read_more(out[0], ended.output)) {
  }
  ::close(out[0]);
  ended.code = code_of(pid);
  BOOST_TEST(ended.code == 4);
  BOOST_TEST(contains(ended,
                      "bipvault.db: no permission to read and write it; it belongs to user "
                      "0, and this process is user 65534: run this as its owner"),
             ended.output);
}

// Proves that of a history of more entries than are shown the newest are there, and that the others
// are counted.
BOOST_AUTO_TEST_CASE(long_history) {
  const Laboratory lab;
  lab.set_up();
  const std::string card = "8986001234567890120";
  BOOST_TEST(!contains(lab.care(proven({"show", card})), "older entries"));
  db::SqliteConnection database(lab.path / "bipvault.db", db::SqliteMode::write, 5000);
  database.run(
      "WITH RECURSIVE n (seq) AS (SELECT 3 UNION ALL SELECT seq + 1 FROM n WHERE seq < 10010) "
      "INSERT INTO history SELECT h.record_id, n.seq, h.at, h.op, 'restored', 'card', 'entry ' || "
      "n.seq, h.mac FROM n, history h JOIN records r ON r.id = h.record_id "
      "WHERE h.seq = 1 AND r.iccid = '" +
      card + "'");
  database.run("UPDATE records SET history_count = 10010 WHERE iccid = '" + card + "'");
  const Ended shown = lab.care(proven({"show", card}));
  BOOST_TEST(contains(shown, "(11 older entries are left out"), shown.output.substr(0, 2000));
  BOOST_TEST(contains(shown, "entry 10010"));
  BOOST_TEST(contains(shown, "entry 12\n"));
  BOOST_TEST(!contains(shown, "entry 11\n"));
  BOOST_TEST(contains(lab.care(proven({"--json", "show", card})), "\"older_entries\": 12"));
}
