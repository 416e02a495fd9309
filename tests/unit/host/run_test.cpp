// bipvault-host as a process, with plugins that do little: life, signals, refusals, exit codes.
#include <boost/test/unit_test.hpp>

#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace fs = std::filesystem;

namespace {

constexpr int kDeadlineMs = 15'000;

fs::path build_directory() {
  return fs::read_symlink("/proc/self/exe").parent_path().parent_path();
}

struct Laboratory {
  Laboratory() {
    char name[] = "/tmp/bipvault-host-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~Laboratory() { fs::remove_all(path); }

  fs::path write(const std::string& name, const std::string& content) const {
    std::ofstream(path / name) << content;
    ::chmod((path / name).c_str(), 0600);
    return path / name;
  }
  std::string host_ini(const std::string& plugin, const std::string& more = "") const {
    return write("host.ini", "[host]\nplugin = " + (build_directory() / "tests" / plugin).string() +
                                 "\nplugin_config = plugin.cfg\n" + more);
  }

  fs::path path;
};

// A running bipvault-host whose both outputs are read here.
class Process {
 public:
  explicit Process(std::vector<std::string> arguments) {
    int ends[2];
    if (::pipe(ends) != 0) std::abort();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(ends[1], STDOUT_FILENO);
      ::dup2(ends[1], STDERR_FILENO);
      ::close(ends[0]);
      const std::string program = build_directory() / "bin" / "bipvault-host";
      std::vector<char*> argv{const_cast<char*>(program.c_str())};
      for (std::string& argument : arguments) argv.push_back(argument.data());
      argv.push_back(nullptr);
      ::execv(program.c_str(), argv.data());
      _exit(127);
    }
    ::close(ends[1]);
    out_ = ends[0];
  }
  ~Process() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    ::close(out_);
  }

  // Reads until the text has come once more than before. False: it does not come.
  bool wait_for(const std::string& text) {
    for (;;) {
      const std::size_t found = output_.find(text, seen_);
      if (found != std::string::npos) {
        seen_ = found + text.size();
        return true;
      }
      if (!read_more()) return false;
    }
  }
  int end() {
    while (read_more()) {
    }
    int status = 0;
    ::waitpid(std::exchange(pid_, 0), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  }
  void signal(int number) const { ::kill(pid_, number); }
  pid_t pid() const { return pid_; }
  const std::string& output() const { return output_; }

 private:
  bool read_more() {
    pollfd wait{out_, POLLIN, 0};
    if (::poll(&wait, 1, kDeadlineMs) <= 0) return false;
    char part[4096];
    const ssize_t got = ::read(out_, part, sizeof part);
    if (got <= 0) return false;
    output_.append(part, static_cast<std::size_t>(got));
    return true;
  }

  pid_t pid_ = 0;
  int out_ = -1;
  std::string output_;
  std::size_t seen_ = 0;
};

std::string content(const fs::path& path) {
  std::ifstream file(path);
  return {(std::istreambuf_iterator<char>(file)), {}};
}

}  // namespace

// Proves the whole life: start, ports file, key for the plugin, health, reload good and refused,
// drain, stop, exit 0.
BOOST_AUTO_TEST_CASE(life_of_a_plugin) {
  const Laboratory lab;
  lab.write("plugin.cfg", "key 980800214365870921F3 1\n");
  lab.write("keys.csv",
            "iccid,key_set,algorithm,kic,kid\n8980001234567890123,1,aes,"
            "000102030405060708090A0B0C0D0E0F,000102030405060708090A0B0C0D0E0F\n");
  Process host({"--config",
                lab.host_ini("tiny_good.so", "card_keys = keys.csv\nports_file = ports.json\n")});
  BOOST_REQUIRE_MESSAGE(host.wait_for("info host card keys: 1 key sets"), host.output());
  BOOST_REQUIRE_MESSAGE(host.wait_for("info host loaded Tiny 1.0 of the tests"), host.output());
  BOOST_REQUIRE_MESSAGE(host.wait_for("info tiny key of 16 octets"), host.output());
  BOOST_REQUIRE_MESSAGE(host.wait_for("info host started"), host.output());
  BOOST_TEST(content(lab.path / "ports.json") == "{\"tcp\": 4711}\n");

  host.signal(SIGUSR1);
  BOOST_REQUIRE_MESSAGE(host.wait_for("info health {\"state\": 2"), host.output());
  lab.write("plugin.cfg", "cfg:1: not wanted\n");
  host.signal(SIGHUP);
  BOOST_REQUIRE_MESSAGE(host.wait_for("error host reload refused: INVALID: cfg:1: not wanted"),
                        host.output());
  BOOST_REQUIRE_MESSAGE(host.wait_for("the configuration stays as it was"), host.output());
  lab.write("plugin.cfg", "good\n");
  lab.write("keys.csv", "nonsense\n");
  host.signal(SIGHUP);
  BOOST_REQUIRE_MESSAGE(host.wait_for("there is no column iccid"), host.output());
  BOOST_REQUIRE_MESSAGE(host.wait_for("the card keys stay as they were"), host.output());
  BOOST_REQUIRE_MESSAGE(host.wait_for("info host reloaded"), host.output());

  host.signal(SIGTERM);
  BOOST_REQUIRE_MESSAGE(host.wait_for("info tiny drain with two lines"), host.output());
  BOOST_TEST(host.wait_for("info host drained"));
  BOOST_TEST(host.wait_for("info tiny stop"));
  BOOST_TEST(host.wait_for("info host ended"));
  BOOST_TEST(host.end() == 0);
  BOOST_TEST(!fs::exists(lab.path / "ports.json"));
}

// Proves that the deadline, and a second signal, end a drain that would never end.
BOOST_AUTO_TEST_CASE(drains_that_do_not_end) {
  const Laboratory lab;
  lab.write("plugin.cfg", "busy\n");
  Process deadline({"-c", lab.host_ini("tiny_good.so", "drain_deadline = 100ms\n")});
  BOOST_REQUIRE(deadline.wait_for("host started"));
  deadline.signal(SIGINT);
  BOOST_TEST(deadline.wait_for("drain: the deadline is over"));
  BOOST_TEST(deadline.end() == 0);

  Process twice({"-c", lab.host_ini("tiny_good.so", "drain_deadline = 1h\n")});
  BOOST_REQUIRE(twice.wait_for("host started"));
  twice.signal(SIGTERM);
  BOOST_REQUIRE(twice.wait_for("draining"));
  twice.signal(SIGTERM);
  BOOST_TEST(twice.wait_for("SIGTERM again"));
  BOOST_TEST(twice.end() == 0);
}

// Proves that a refused library is named with its reason and gives exit code 3.
BOOST_AUTO_TEST_CASE(refused_libraries) {
  const Laboratory lab;
  lab.write("plugin.cfg", "good\n");
  lab.write("text.so", "no library");
  const std::pair<const char*, const char*> cases[] = {
      {"tiny_other_major.so", "it speaks version 2.0"},
      {"tiny_bad_magic.so", "magic number"},
      {"tiny_wrong_pointers.so", "pointers of 4 octets"},
      {"tiny_no_create.so", "no create function"},
      {"tiny_no_plugin.so", "create() refused this host"},
      {"missing.so", "cannot open shared object file"}};
  for (const auto& [plugin, reason] : cases) {
    Process host({"--config", lab.host_ini(plugin)});
    BOOST_TEST(host.end() == 3);
    BOOST_TEST(host.output().find(reason) != std::string::npos, host.output());
  }
}

// Proves that a plugin whose configuration is refused ends the host with its reason and code 1.
BOOST_AUTO_TEST_CASE(refused_configurations) {
  const Laboratory lab;
  lab.write("plugin.cfg", "cfg:1: no good\n");
  const std::string ini = lab.host_ini("tiny_good.so");
  Process started({"--config", ini});
  BOOST_TEST(started.end() == 1);
  BOOST_TEST(started.output().find("init refused: INVALID: cfg:1: no good") != std::string::npos);
  Process checked({"--config", ini, "--check"});
  BOOST_TEST(checked.end() == 1);
  BOOST_TEST(checked.output().starts_with("cfg:1: no good\n"), checked.output());
  lab.write("plugin.cfg", "good\n");
  Process good({"--config", ini, "--check"});
  BOOST_TEST(good.end() == 0);
  lab.write("host.ini", "[host]\nplugin = x\n");
  Process missing({"--config", ini});
  BOOST_TEST(missing.end() == 1);
  BOOST_TEST(missing.output().find("[host] plugin_config: missing") != std::string::npos);
}

// Proves that a host that knows no card's key says so, when it checks and when it starts.
BOOST_AUTO_TEST_CASE(no_card_keys) {
  const Laboratory lab;
  lab.write("plugin.cfg", "good\n");
  const std::string told = "[host] card_keys is not set: this host knows no card's keys";
  Process checked({"--config", lab.host_ini("tiny_good.so"), "--check"});
  BOOST_TEST(checked.end() == 0);
  BOOST_TEST(checked.output().find("warning: " + told) != std::string::npos, checked.output());
  Process host({"--config", lab.host_ini("tiny_good.so")});
  BOOST_TEST(host.wait_for("warning host " + told), host.output());
  BOOST_TEST(host.wait_for("host started"), host.output());
  host.signal(SIGTERM);
  BOOST_TEST(host.end() == 0);
  lab.write("keys.csv", "iccid,key_set,algorithm,kic,kid\n");
  Process with_keys(
      {"--config", lab.host_ini("tiny_good.so", "card_keys = keys.csv\n"), "--check"});
  with_keys.end();
  BOOST_TEST(with_keys.output().find("card_keys is not set") == std::string::npos);
}

// Proves that the check finds a password that is not there before a start would.
BOOST_AUTO_TEST_CASE(missing_password) {
  const Laboratory lab;
  lab.write("plugin.cfg", "good\n");
  const std::string keys = "carry_sms = yes\nsmsc = 127.0.0.1:2775\nsmsc_password_file = word\n";
  Process checked({"--config", lab.host_ini("tiny_good.so", keys), "--check"});
  BOOST_TEST(checked.end() == 1);
  BOOST_TEST(
      checked.output().find("[host] smsc_password_file: there is no file") != std::string::npos,
      checked.output());
  lab.write("word", "secret\n");
  Process good({"--config", lab.host_ini("tiny_good.so", keys), "--check"});
  BOOST_TEST(good.end() == 0, good.output());
}

// Proves the codes of the command line.
BOOST_AUTO_TEST_CASE(command_line) {
  BOOST_TEST(Process({"--nonsense"}).end() == 2);
  BOOST_TEST(Process({"--config", "x", "y"}).end() == 2);
  BOOST_TEST(Process({"--help"}).end() == 0);
  BOOST_TEST(Process({"--version"}).end() == 0);
  BOOST_TEST(Process({"--config", "/nonexistent/host.ini"}).end() == 1);
}

// Proves that keys cannot leave by a core dump unless the operator allows it.
BOOST_AUTO_TEST_CASE(no_core_dumps) {
  const Laboratory lab;
  lab.write("plugin.cfg", "good\n");
  Process host({"--config", lab.host_ini("tiny_good.so")});
  BOOST_REQUIRE(host.wait_for("host started"));
  const std::string limits = content("/proc/" + std::to_string(host.pid()) + "/limits");
  const std::size_t line = limits.find("Max core file size");
  BOOST_REQUIRE(line != std::string::npos);
  BOOST_TEST(limits.substr(line, 40).find(" 0 ") != std::string::npos);
  host.signal(SIGTERM);
  BOOST_TEST(host.end() == 0);
}

// Proves that the laboratory's clock reaches plugin and log.
BOOST_AUTO_TEST_CASE(moved_clock) {
  const Laboratory lab;
  lab.write("plugin.cfg", "good\n");
  lab.write("offset", "3153600000000\n");
  Process host({"--config", lab.host_ini("tiny_good.so", "clock = file:offset\n")});
  BOOST_REQUIRE(host.wait_for("the clock says day "));
  BOOST_REQUIRE(host.wait_for("host started"));
  BOOST_TEST(host.output().substr(0, 2) == "21");
  host.signal(SIGTERM);
  BOOST_TEST(host.end() == 0);
}

// Proves that the validator passes a good plugin and finds defects and crashes.
BOOST_AUTO_TEST_CASE(validator) {
  const std::string tests = build_directory() / "tests";
  Process good({"--validate", tests + "/tiny_good.so"});
  BOOST_TEST(good.end() == 0, good.output());
  Process other({"--validate", tests + "/tiny_other_major.so"});
  BOOST_TEST(other.end() == 3);
  BOOST_TEST(other.output().find("it speaks version 2.0") != std::string::npos);
  Process crash({"--validate", tests + "/tiny_crashes.so"});
  BOOST_TEST(crash.end() == 3);
  // A sanitizer ends the process instead of letting the signal through.
  const bool found = crash.output().find("it crashed: Segmentation fault") != std::string::npos ||
                     crash.output().find("it ended the process") != std::string::npos;
  BOOST_TEST(found, crash.output());
}
