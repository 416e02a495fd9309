// The tools as processes, on a SQLite store of their own.
#pragma once

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <utmp.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace tools {

namespace fs = std::filesystem;

inline constexpr int kDeadlineMs = 20'000;
inline constexpr char kNumber[] = "D98765432";
using Arguments = std::vector<std::string>;

struct Ended {
  int code = -1;
  std::string output;
};

inline fs::path program(const std::string& name) {
  return fs::read_symlink("/proc/self/exe").parent_path().parent_path() / "bin" / name;
}

inline std::string text_of(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

[[noreturn]] inline void execute(const std::string& name, Arguments arguments) {
  const std::string path = program(name);
  std::vector<char*> argv{const_cast<char*>(path.c_str())};
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  ::execv(path.c_str(), argv.data());
  _exit(127);
}

// False when nothing came in time, or the other end is closed.
inline bool read_more(int from, std::string& output) {
  pollfd wait{from, POLLIN, 0};
  if (::poll(&wait, 1, kDeadlineMs) <= 0) return false;
  char part[4096];
  const ssize_t got = ::read(from, part, sizeof part);
  if (got <= 0) return false;
  output.append(part, static_cast<std::size_t>(got));
  return true;
}

inline int code_of(pid_t pid) {
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

// Both outputs of a tool whose standard input is `input` and no terminal. With `place`, standard
// output goes to that file ("": it is closed), and only what stands on standard error is given.
inline Ended run(const std::string& name, const Arguments& arguments, const std::string& input = "",
                 const char* place = nullptr) {
  int in[2];
  int out[2];
  if (::pipe(in) != 0 || ::pipe(out) != 0) std::abort();
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(in[0], STDIN_FILENO);
    ::dup2(out[1], STDOUT_FILENO);
    ::dup2(out[1], STDERR_FILENO);
    for (int end : {in[0], in[1], out[0], out[1]}) ::close(end);
    if (place != nullptr) {
      ::close(STDOUT_FILENO);
      if (*place != '\0' && ::open(place, O_WRONLY) != STDOUT_FILENO) _exit(126);
    }
    execute(name, arguments);
  }
  ::close(in[0]);
  ::close(out[1]);
  const bool written =
      ::write(in[1], input.data(), input.size()) == static_cast<ssize_t>(input.size());
  ::close(in[1]);
  Ended ended;
  while (read_more(out[0], ended.output)) {
  }
  ::close(out[0]);
  ended.code = code_of(pid);
  BOOST_TEST(written);
  return ended;
}

struct Laboratory {
  Laboratory() {
    char name[] = "/tmp/bipvault-cli-XXXXXX";
    path = ::mkdtemp(name);
    ini = path / "bipvault.ini";
    std::ofstream(ini) << run("bipvault-ops", {"config", "defaults"}).output;
  }
  ~Laboratory() { fs::remove_all(path); }

  Ended ops(Arguments arguments, const std::string& input = "") const {
    arguments.insert(arguments.begin(), {"--config", ini});
    return run("bipvault-ops", arguments, input);
  }
  Ended care(Arguments arguments, const std::string& input = std::string(kNumber) + "\n") const {
    arguments.insert(arguments.begin(), {"--config", ini});
    return run("bipvault-care", arguments, input);
  }
  // With keys, schema and two cards.
  void set_up() const {
    BOOST_REQUIRE_EQUAL(ops({"keys", "init"}).code, 0);
    BOOST_REQUIRE_EQUAL(ops({"db", "init"}).code, 0);
    const Ended imported = ops({"import", "-"},
                               "iccid,msisdn\n8986001234567890120,+8613800000001\n"
                               "8986001234567890138,+8613800000002\n");
    BOOST_REQUIRE_MESSAGE(imported.code == 0, imported.output);
  }

  fs::path path;
  std::string ini;
};

inline const Arguments kProof{"--agent", "ann", "--reason", "lost phone", "--document", "passport"};

inline Arguments proven(Arguments arguments) {
  arguments.insert(arguments.end(), kProof.begin(), kProof.end());
  return arguments;
}

inline bool contains(const Ended& ended, const std::string& text) {
  return ended.output.find(text) != std::string::npos;
}

}  // namespace tools
