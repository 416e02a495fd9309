// A private MariaDB server for tests: own data directory and socket under /tmp, no network, no
// configuration of the machine, durable settings. One per process, stopped with it.
#pragma once

#include <sys/types.h>

#include <string>

namespace support {

class MariaDb {
 public:
  // Started at first use (about a second).
  static MariaDb& running();

  const std::string& socket() const { return socket_; }
  // As root, without a database.
  void run(const std::string& sql);
  // One value of the first row, as text.
  std::string ask(const std::string& sql);
  // As if the machine had lost its power; the data directory stays.
  void kill();
  void start();
  // A process that stands still but keeps its connections.
  void pause();
  void resume();

 private:
  MariaDb();
  ~MariaDb();

  std::string directory_;
  std::string socket_;
  pid_t pid_ = 0;
};

}  // namespace support
