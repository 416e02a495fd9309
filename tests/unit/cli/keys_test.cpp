// keys new, status, rotate and drop as an operator calls them, and what they refuse.
#include <functional>

#include "db/key_file_edit.h"
#include "db/sqlite_connection.h"
#include "tests/support/until.h"
#include "tests/unit/cli/tools.h"

using namespace tools;

// Proves the whole life of a key on an empty store, and each refusal with its exit code.
BOOST_AUTO_TEST_CASE(life_of_a_key) {
  const Laboratory lab;
  lab.set_up();
  BOOST_TEST(lab.ops({"keys", "status"}).output ==
             "master key 1: 0 data keys, newest\npepper 1: 0 subscribers' keys, newest\n");
  BOOST_TEST(lab.ops({"keys", "new", "audit"}).code == 2);
  BOOST_TEST(lab.ops({"keys", "new"}).code == 2);
  BOOST_TEST(contains(lab.ops({"keys", "new", "master"}), "key 2 is in"));
  BOOST_TEST(contains(lab.ops({"--json", "keys", "new", "pepper"}), "\"number\": 2"));
  BOOST_TEST(contains(lab.ops({"keys", "status"}), "master key 1: 0 data keys\nmaster key 2: 0"));
  BOOST_TEST(lab.ops({"keys", "rotate", "--batch", "0"}).code == 2);
  BOOST_TEST(lab.ops({"keys", "rotate", "--pause", "1h"}).code == 2);
  BOOST_TEST(contains(lab.ops({"keys", "rotate"}), "looked at 0 data keys, wrapped 0 anew"));
  BOOST_TEST(lab.ops({"keys", "drop", "master", "2"}).code == 1);
  BOOST_TEST(lab.ops({"keys", "drop", "master", "3"}).code == 1);
  BOOST_TEST(lab.ops({"keys", "drop", "master", "x"}).code == 2);
  BOOST_TEST(lab.ops({"keys", "drop", "audit", "1"}).code == 2);
  BOOST_TEST(lab.ops({"keys", "drop", "master", "1"}).code == 0);
  BOOST_TEST(contains(lab.ops({"--json", "keys", "drop", "pepper", "1"}), "\"dropped\": 1"));
  BOOST_TEST(contains(lab.ops({"keys", "status"}), "master key 2: 0 data keys, newest\npepper 2"));
}

// Proves that a wrong command line is told as such where there are neither keys nor a store yet.
BOOST_AUTO_TEST_CASE(command_line_first) {
  const Laboratory lab;
  BOOST_TEST(lab.ops({"keys", "new", "audit"}).code == 2);
  BOOST_TEST(lab.ops({"keys", "new", "master", "--in", "drawer"}).code == 2);
  BOOST_TEST(lab.ops({"keys", "drop", "audit", "1"}).code == 2);
  BOOST_TEST(lab.ops({"keys", "drop", "master", "0"}).code == 2);
  BOOST_TEST(lab.ops({"keys", "drop", "master", "1"}).code == 3);
}

// Proves that a key that is needed and not in its file is told by keys status.
BOOST_AUTO_TEST_CASE(key_that_is_missing) {
  const Laboratory lab;
  lab.set_up();
  db::SqliteConnection(lab.path / "bipvault.db", db::SqliteMode::write, 5000)
      .run("UPDATE records SET key_state = 2, pepper = 7");
  const Ended status = lab.ops({"keys", "status"});
  BOOST_TEST(status.code == 1);
  BOOST_TEST(contains(status, "pepper 7: 2 subscribers' keys, NOT IN THE KEY FILE"), status.output);
  BOOST_TEST(contains(lab.ops({"--json", "keys", "status"}), "\"in_file\": false"));
  BOOST_TEST(contains(lab.ops({"db", "check"}), "pepper 7 is not in the key file"));
}

// Proves that two hosts cannot give one number to two keys: a new one is known to the database at
// once, and a file that lacks one is not counted on from - not even above it, unless it is lost.
BOOST_AUTO_TEST_CASE(one_number_one_key) {
  const Laboratory lab;
  lab.set_up();
  for (const std::string kind : {"master", "pepper"}) {
    const fs::path file = lab.path / (kind + ".keys");
    const fs::path of_other_host = lab.path / "copy";
    fs::copy_file(file, of_other_host, fs::copy_options::overwrite_existing);
    BOOST_TEST(contains(lab.ops({"keys", "new", kind}), "key 2 is in"));
    BOOST_TEST(lab.ops({"db", "status"}).output.find("warning") == std::string::npos);
    fs::copy_file(of_other_host, file, fs::copy_options::overwrite_existing);
    const std::string lacks = "key file " + file.string() + " lacks ";
    const std::string missing = (kind == "master" ? "master key 2" : "pepper 2") +
                                std::string(", which the database knows");
    for (const Arguments& looked : {Arguments{"db", "status"}, Arguments{"config", "check"}}) {
      const Ended told = lab.ops(looked);
      BOOST_TEST(told.code == 0);
      BOOST_TEST(contains(told, "warning: " + lacks + missing), told.output);
    }
    const Ended refused = lab.ops({"keys", "new", kind});
    BOOST_TEST(refused.code == 1);
    BOOST_TEST(contains(refused, lacks + missing), refused.output);
    BOOST_TEST(contains(lab.ops({"keys", "new", kind, "--force"}), "key 3 is in"));
    BOOST_TEST(contains(lab.ops({"keys", "new", kind}), "key 4 is in"));
  }
}

namespace {

pid_t start_ops(const fs::path& ini, Arguments arguments, const char* output = "/dev/null") {
  arguments.insert(arguments.begin(), {"--config", ini});
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  const int file = ::open(output, O_WRONLY | O_CREAT | O_APPEND, 0600);
  for (const int place : {STDOUT_FILENO, STDERR_FILENO}) ::dup2(file, place);
  execute("bipvault-ops", arguments);
}

// A call that finds somebody else at work on the keys, and says so. Its code, once he is done.
int code_behind(const Laboratory& lab, const Arguments& arguments,
                const std::function<void()>& meanwhile, const std::function<void()>& at_last) {
  const fs::path output = lab.path / "told";
  pid_t pid = 0;
  {
    const auto lock = db::KeyFileLock::take(lab.path / "master.keys");
    BOOST_REQUIRE(lock.ok());
    meanwhile();
    pid = start_ops(lab.ini, arguments, output.c_str());
    BOOST_TEST(support::until([&] {
      return text_of(output).find("another process is changing keys in " + lab.path.string()) !=
             std::string::npos;
    }));
    at_last();
  }
  return code_of(pid);
}

std::size_t keys_in(const fs::path& file) {
  std::ifstream keys(file);
  std::size_t count = 0;
  for (std::string line; std::getline(keys, line);) count += line.empty() ? 0 : 1;
  return count;
}

}  // namespace

// Proves that processes that make keys at the same moment lose none.
BOOST_AUTO_TEST_CASE(many_new_keys_at_once) {
  const Laboratory lab;
  lab.set_up();
  const fs::path file = lab.path / "pepper.keys";
  const std::size_t before = keys_in(file);
  constexpr int kMany = 12;
  std::vector<pid_t> all;
  for (int i = 0; i < kMany; ++i) all.push_back(start_ops(lab.ini, {"keys", "new", "pepper"}));
  for (const pid_t one : all) BOOST_TEST(code_of(one) == 0);
  BOOST_TEST(keys_in(file) == before + kMany);
  BOOST_TEST(contains(lab.ops({"keys", "new", "pepper"}), "key 14 is in"));
}

// Proves that of two hosts that make a key at the same moment one has made it, and the other one
// has what it had.
BOOST_AUTO_TEST_CASE(two_hosts_at_once) {
  const Laboratory lab;
  lab.set_up();
  const fs::path other = lab.path / "other-host";
  fs::create_directory(other);
  for (const char* kind : {"master", "pepper", "audit"}) {
    const std::string name = std::string(kind) + ".keys";
    fs::copy_file(lab.path / name, other / name);
  }
  const std::string own = text_of(lab.ini);
  const std::string database = "path = ";
  const std::size_t at = own.find("\n" + database) + 1 + database.size();
  std::ofstream(other / "bipvault.ini") << own.substr(0, at) << "../" << own.substr(at);
  const auto keys = [&](const fs::path& host) { return keys_in(host / "pepper.keys"); };
  const std::size_t before = keys(lab.path);
  std::vector<pid_t> both;
  {
    // Both have asked for the number, and made the key, before either is noted.
    db::SqliteConnection busy(lab.path / "bipvault.db", db::SqliteMode::write, 5000);
    busy.run("BEGIN IMMEDIATE");
    for (const fs::path& host : {lab.path, other}) {
      both.push_back(start_ops(host / "bipvault.ini", {"keys", "new", "pepper"}));
    }
    BOOST_TEST(
        support::until([&] { return keys(lab.path) == before + 1 && keys(other) == before + 1; }));
    busy.run("ROLLBACK");
  }
  const int first = code_of(both[0]);
  const int second = code_of(both[1]);
  BOOST_TEST(std::min(first, second) == 0);
  BOOST_TEST(std::max(first, second) == 1);
  BOOST_TEST(keys(first == 0 ? lab.path : other) == before + 1);
  BOOST_TEST(keys(first == 0 ? other : lab.path) == before);
  for (const fs::path& host : {lab.path, other}) {
    BOOST_TEST(run("bipvault-ops", {"--config", host / "bipvault.ini", "db", "status"}).code == 0);
  }
}

// Proves that keys drop takes no key for the newest that its maker takes back: the file would be
// left without any.
BOOST_AUTO_TEST_CASE(drop_behind_a_new_key) {
  const Laboratory lab;
  lab.set_up();
  const fs::path file = lab.path / "master.keys";
  const std::string before = text_of(file);
  const auto set = [&](const std::string& content) { std::ofstream(file) << content; };
  const int code = code_behind(
      lab, {"keys", "drop", "master", "1"},
      [&] { set(before + "2 " + std::string(64, 'a') + "\n"); }, [&] { set(before); });
  BOOST_TEST(code == 1);
  BOOST_TEST(text_of(file) == before);
}

// Proves that of two first set-ups at once the later one finds the whole of the earlier one's.
BOOST_AUTO_TEST_CASE(init_behind_another) {
  const Laboratory lab;
  const fs::path file = lab.path / "pepper.keys";
  BOOST_TEST(code_behind(
                 lab, {"keys", "init"}, [] {}, [&] { BOOST_TEST(!fs::exists(file)); }) == 0);
  BOOST_TEST(keys_in(file) == 2u);
  BOOST_TEST(contains(lab.ops({"keys", "init"}), "all keys exist already"));
}

// Proves that what is stored counts as well as what was noted of keys.
BOOST_AUTO_TEST_CASE(number_that_is_in_use) {
  const Laboratory lab;
  lab.set_up();
  db::SqliteConnection(lab.path / "bipvault.db", db::SqliteMode::write, 5000)
      .run("UPDATE records SET key_state = 2, pepper = 7");
  BOOST_TEST(contains(lab.ops({"keys", "new", "pepper"}), "lacks pepper 7"));
  BOOST_TEST(contains(lab.ops({"keys", "new", "pepper", "--force"}), "key 8 is in"));
}

// Proves that nothing is made where the database cannot be asked, or knows other keys.
BOOST_AUTO_TEST_CASE(new_key_without_the_database) {
  const Laboratory lab;
  lab.set_up();
  fs::rename(lab.path / "bipvault.db", lab.path / "away");
  const Ended refused = lab.ops({"keys", "new", "master"});
  BOOST_TEST(refused.code == 4);
  BOOST_TEST(contains(refused, "which knows the numbers that were given"), refused.output);
  BOOST_TEST(contains(lab.ops({"keys", "new", "master", "--force"}), "key 2 is in"));
  fs::rename(lab.path / "away", lab.path / "bipvault.db");
  std::ofstream(lab.path / "pepper.keys") << "1 " << std::string(64, 'a') << "\n";
  const Ended foreign = lab.ops({"keys", "new", "pepper"});
  BOOST_TEST(foreign.code == 3);
  BOOST_TEST(contains(foreign, "does not belong to this database"), foreign.output);
}

namespace {

// An instance as it has written itself, so long ago.
void put_instance(const Laboratory& lab, const std::string& health, std::int64_t silent_s) {
  const std::string seen = std::to_string((std::time(nullptr) - silent_s) * 1000);
  db::SqliteConnection(lab.path / "bipvault.db", db::SqliteMode::write, 5000)
      .run("REPLACE INTO instances VALUES ('vault1', 1, '0', 0, " + seen + ", '" + health + "')");
}

}  // namespace

// Proves that a pepper stays while an instance has not loaded the newest pepper, whatever its
// master key is, and the other way round.
BOOST_AUTO_TEST_CASE(instances_are_asked_for_the_kind) {
  const Laboratory lab;
  lab.set_up();
  for (const char* kind : {"master", "pepper"})
    BOOST_TEST(lab.ops({"keys", "new", kind}).code == 0);
  put_instance(lab, "keys.master 2\nkeys.pepper 1\n", 0);
  const Ended pepper = lab.ops({"keys", "drop", "pepper", "1"});
  BOOST_TEST(pepper.code == 1);
  BOOST_TEST(contains(pepper, "the newest pepper is not loaded by: vault1"), pepper.output);
  put_instance(lab, "keys.master 1\nkeys.pepper 2\n", 0);
  BOOST_TEST(lab.ops({"keys", "drop", "pepper", "1"}).code == 0);
  const Ended master = lab.ops({"keys", "drop", "master", "1"});
  BOOST_TEST(contains(master, "the newest master key is not loaded by: vault1"), master.output);
}

// Proves that an instance that has been silent for less than an hour may still run.
BOOST_AUTO_TEST_CASE(silent_instances) {
  const Laboratory lab;
  lab.set_up();
  BOOST_TEST(lab.ops({"keys", "new", "master"}).code == 0);
  put_instance(lab, "keys.master 1\nkeys.pepper 1\n", 59 * 60);
  const Ended rotate = lab.ops({"keys", "rotate"});
  BOOST_TEST(rotate.code == 1);
  BOOST_TEST(contains(rotate, "has not loaded master key 2: vault1"), rotate.output);
  BOOST_TEST(lab.ops({"keys", "drop", "master", "1"}).code == 1);
  BOOST_TEST(contains(lab.ops({"keys", "status"}), "not loaded by: vault1"));
  put_instance(lab, "keys.master 1\nkeys.pepper 1\n", 61 * 60);
  BOOST_TEST(lab.ops({"keys", "rotate"}).code == 0);
  BOOST_TEST(lab.ops({"keys", "drop", "master", "1"}).code == 0);
}
