#include "tests/support/mariadb.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <vector>

#include "db/mysql_connection.h"

namespace support {

namespace {

// The child dies with the test, however the test ends.
// Other threads may run: between fork and exec nothing is allocated.
pid_t spawn(const std::vector<std::string>& words, const std::string& output) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int file = ::open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (file < 0 || ::dup2(file, 1) < 0 || ::dup2(file, 2) < 0) ::_exit(126);
  ::execvp(arguments[0], arguments.data());
  ::_exit(127);
}

db::Settings settings_for(const std::string& socket) {
  db::Settings settings;
  settings.engine = db::Engine::mysql;
  settings.socket = socket;
  settings.user = "root";
  settings.database = "mysql";
  return settings;
}

void install(const std::string& directory) {
  std::vector<std::string> words{
      "mariadb-install-db",
      "--no-defaults",
      "--auth-root-authentication-method=normal",
      "--skip-test-db",
      "--basedir=/usr",
      "--datadir=" + directory + "/data",
      "--force"};  // a machine whose own name resolves nowhere is no reason
  if (::geteuid() == 0) words.push_back("--user=root");
  const pid_t pid = spawn(words, directory + "/install.log");
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (status == 0) return;
  std::ostringstream told;
  told << std::ifstream(directory + "/install.log").rdbuf();
  throw std::runtime_error("mariadb-install-db failed: " + told.str());
}

}  // namespace

MariaDb& MariaDb::running() {
  static MariaDb server;
  return server;
}

MariaDb::MariaDb() {
  char name[] = "/tmp/bv-db-XXXXXX";
  if (::mkdtemp(name) == nullptr) throw std::runtime_error("no directory under /tmp");
  directory_ = name;
  socket_ = directory_ + "/s";
  install(directory_);
  start();
}

MariaDb::~MariaDb() {
  if (pid_ > 0 && ::waitpid(pid_, nullptr, WNOHANG) == pid_) {
    pid_ = 0;
    std::cerr << "mariadbd ended by itself; its log:\n"
              << std::ifstream(directory_ + "/server.log").rdbuf() << std::flush;
  }
  kill();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

void MariaDb::start() {
  const std::string sbin = "/usr/sbin/mariadbd";
  std::vector<std::string> words{::access(sbin.c_str(), X_OK) == 0 ? sbin : "mariadbd",
                                 "--no-defaults",
                                 "--datadir=" + directory_ + "/data",
                                 "--socket=" + socket_,
                                 "--tmpdir=" + directory_,  // servers of other tests run beside
                                 "--pid-file=" + directory_ + "/pid",
                                 "--skip-networking",
                                 "--innodb-flush-log-at-trx-commit=1",
                                 "--innodb-buffer-pool-size=512M",
                                 "--innodb-log-file-size=256M",
                                 "--innodb-rollback-on-timeout=ON",  // as operations.md advises
                                 "--max-connections=300"};
  if (::geteuid() == 0) words.push_back("--user=root");
  pid_ = spawn(words, directory_ + "/server.log");
  for (int tries = 0; tries < 3000; ++tries) {  // a minute: recovery on a busy machine
    try {
      db::MySqlConnection probe(settings_for(socket_), base::Secret());
      return;
    } catch (const db::SqlError&) {
      if (::waitpid(pid_, nullptr, WNOHANG) == pid_) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
  std::cerr << "mariadbd did not start; its log:\n"
            << std::ifstream(directory_ + "/server.log").rdbuf() << std::flush;
  throw std::runtime_error("mariadbd did not start, see " + directory_ + "/server.log");
}

void MariaDb::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

void MariaDb::pause() {
  ::kill(pid_, SIGSTOP);
  // Until its main thread has seen the signal, all others go on.
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WSTOPPED | WEXITED | WNOWAIT) != 0 &&
         errno == EINTR) {
  }
}
void MariaDb::resume() { ::kill(pid_, SIGCONT); }

void MariaDb::run(const std::string& sql) {
  db::MySqlConnection connection(settings_for(socket_), base::Secret());
  connection.run(sql);
}

std::string MariaDb::ask(const std::string& sql) {
  db::MySqlConnection connection(settings_for(socket_), base::Secret());
  std::string answer;
  connection.query(sql, {}, [&](const db::Row& row) {
    if (answer.empty()) answer = row.text(0);
  });
  return answer;
}

}  // namespace support
