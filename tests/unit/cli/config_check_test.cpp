// `config check`: all faults at once, in both forms of output, with the exit code that fits.
#include "tests/unit/cli/tools.h"

using namespace tools;

namespace {

std::size_t count(const Ended& ended, const std::string& text) {
  std::size_t found = 0;
  for (std::size_t at = 0; (at = ended.output.find(text, at)) != std::string::npos; ++at) ++found;
  return found;
}

// Where a line of the file begins so.
int line_of(const std::string& path, const std::string& beginning) {
  std::ifstream file(path);
  std::string text;
  for (int line = 1; std::getline(file, text); ++line) {
    if (text.starts_with(beginning)) return line;
  }
  return 0;
}

}  // namespace

// Proves that each key file that cannot be used is told, in text and in JSON, and never what is in
// it.
BOOST_AUTO_TEST_CASE(all_bad_key_files_are_told) {
  const Laboratory lab;
  lab.set_up();
  const Ended good = lab.ops({"--json", "config", "check"});
  BOOST_TEST(good.code == 0);
  BOOST_TEST(contains(good, "\"problems\": ["), good.output);
  BOOST_TEST(!contains(good, "\"text\""), good.output);
  std::ofstream(lab.path / "pepper.keys") << "1 c0ffee\n";
  std::ofstream(lab.path / "audit.keys") << "# nothing\n";
  for (const Arguments& form :
       {Arguments{"config", "check"}, Arguments{"--json", "config", "check"}}) {
    const Ended told = lab.ops(form);
    BOOST_TEST(told.code == 3);
    BOOST_TEST(contains(told, "pepper.keys:1: the key must be 64 hexadecimal digits"), told.output);
    BOOST_TEST(contains(told, "audit.keys: holds no key"), told.output);
    BOOST_TEST(count(told, "pepper_file") == 1u, told.output);
    BOOST_TEST(!contains(told, "c0ffee"), told.output);
    const std::string line = std::to_string(line_of(lab.ini, "pepper_file"));
    BOOST_TEST(contains(told, told.output.starts_with("{") ? "\"line\": " + line
                                                           : lab.ini + ":" + line + ": [keys] "),
               told.output);
    BOOST_TEST(!contains(told, "is good"), told.output);
  }
  const Ended status = lab.ops({"db", "check"});
  BOOST_TEST(status.code == 3);
  BOOST_TEST(contains(status, "pepper.keys:1:"), status.output);
  BOOST_TEST(contains(status, "audit.keys: holds no key"), status.output);
}

// Proves that a missing file does not hide what is wrong in another, and is told once.
BOOST_AUTO_TEST_CASE(a_missing_and_a_bad_key_file) {
  const Laboratory lab;
  lab.set_up();
  fs::remove(lab.path / "master.keys");
  std::ofstream(lab.path / "pepper.keys") << "one\n";
  const Ended told = lab.ops({"config", "check"});
  BOOST_TEST(told.code == 3);
  BOOST_TEST(count(told, "master_key_file") == 1u, told.output);
  BOOST_TEST(contains(told, "restore it from the backup of the keys"), told.output);
  BOOST_TEST(contains(told, "pepper.keys:1: a line is NUMBER HEX64"), told.output);
}

// Proves that a key file of another vault is told wherever somebody looks, that a database that is
// not there is no fault, and that new keys are taken when the old ones are given up.
BOOST_AUTO_TEST_CASE(a_key_file_of_another_vault) {
  const Laboratory lab;
  const Laboratory other;
  lab.set_up();
  other.set_up();
  const fs::path file = lab.path / "pepper.keys";
  fs::rename(file, lab.path / "kept");
  fs::copy_file(other.path / "pepper.keys", file);
  const std::string fault = "pepper.keys does not belong to this database: pepper 1 is another key";
  for (const Arguments& form :
       {Arguments{"config", "check"}, Arguments{"--json", "config", "check"}}) {
    const Ended told = lab.ops(form);
    BOOST_TEST(told.code == 3);
    BOOST_TEST(count(told, fault) == 1u, told.output);
  }
  BOOST_TEST(lab.ops({"db", "status"}).code == 3);
  BOOST_TEST(contains(lab.ops({"db", "status"}), fault));
  for (const Arguments& refused : {Arguments{"status"}, Arguments{"keys", "status"},
                                   Arguments{"db", "check"}, Arguments{"import", "-"}}) {
    const Ended told = lab.ops(refused, "iccid\n8986001234567890146\n");
    BOOST_TEST(told.code == 3);
    BOOST_TEST(contains(told, fault), told.output);
  }
  fs::rename(lab.path / "bipvault.db", lab.path / "elsewhere");
  BOOST_TEST(lab.ops({"config", "check"}).code == 0);
  fs::rename(lab.path / "elsewhere", lab.path / "bipvault.db");
  fs::rename(lab.path / "kept", file);
  BOOST_TEST(lab.ops({"config", "check"}).code == 0);
  BOOST_TEST(lab.ops({"db", "status"}).code == 0);
  fs::remove(file);
  BOOST_TEST(lab.ops({"keys", "init"}).code == 1);
  BOOST_TEST(lab.ops({"keys", "init", "--force"}).code == 0);
  std::ifstream made(file);
  const std::string text(std::istreambuf_iterator<char>(made), {});
  BOOST_TEST(text.find("\n2 ") != std::string::npos);
  BOOST_TEST(lab.ops({"config", "check"}).code == 0);
  BOOST_TEST(lab.ops({"import", "-"}, "iccid\n8986001234567890146\n").code == 0);
  BOOST_TEST(lab.ops({"db", "check"}).code == 0);
}

// Proves that a configuration without a listener is warned of: it will do for some platforms only.
BOOST_AUTO_TEST_CASE(no_listener) {
  const Laboratory lab;
  lab.set_up();
  const std::string warning = "warning: [bip] tcp, tls_psk and cat_tp are all empty";
  BOOST_TEST(!contains(lab.ops({"config", "check"}), warning));
  std::ofstream(lab.ini) << "[store]\npath = bipvault.db\n[keys]\nmaster_key_file = master.keys\n"
                            "pepper_file = pepper.keys\naudit_key_file = audit.keys\n"
                            "[bip]\ntcp =\n";
  const Ended told = lab.ops({"config", "check"});
  BOOST_TEST(told.code == 0, told.output);
  BOOST_TEST(contains(told, warning), told.output);
}

// Proves that users of [care] whom the machine does not know are told: nobody could call as them.
BOOST_AUTO_TEST_CASE(unknown_users_of_care) {
  const Laboratory lab;
  lab.set_up();
  std::ifstream in(lab.ini);
  std::string ini(std::istreambuf_iterator<char>(in), {});
  for (const auto& [key, users] :
       {std::pair<std::string, std::string>{"\nagents =", " root=ann no.such.user=li 64004=mei"},
        {"\nauditors =", " chief.of.nobody root"}}) {
    ini.insert(ini.find(key) + key.size(), users);
  }
  std::ofstream(lab.ini) << ini;
  const Ended told = lab.ops({"config", "check"});
  BOOST_TEST(told.code == 0);
  for (const char* user : {"no.such.user", "chief.of.nobody"}) {
    BOOST_TEST(contains(told, std::string("whom this machine does not know: ") + user + "\n"));
  }
  BOOST_TEST(count(told, "does not know") == 2u, told.output);
}
