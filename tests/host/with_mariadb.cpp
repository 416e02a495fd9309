// with_mariadb COMMAND...: runs a command while a private MariaDB server with an empty database
// `bipvault` is there; its socket is in the environment as MARIADB_SOCKET.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>

#include "tests/support/mariadb.h"

int main(int count, char** arguments) {
  if (count < 2) return 2;
  try {
    support::MariaDb& server = support::MariaDb::running();
    server.run("CREATE DATABASE bipvault CHARACTER SET utf8mb4");
    setenv("MARIADB_SOCKET", server.socket().c_str(), 1);
    const pid_t child = fork();
    if (child == 0) {
      execvp(arguments[1], arguments + 1);
      _exit(127);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) return 1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "with_mariadb: %s\n", error.what());
    return 1;
  }
}
