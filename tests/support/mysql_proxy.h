// Stands between a client and a MySQL server on a unix socket and breaks what it is told to: the
// next COMMIT at a chosen point (and all connections with it), all connections, or every new one.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <thread>

namespace support {

class MySqlProxy {
 public:
  enum class Fault {
    none,
    cut_before_commit,  // the COMMIT never reaches the server
    cut_after_commit,   // the server has committed, the client is not told
    cut_every_commit,   // like the first, and stays armed
    hold_commit,        // the client is cut off; the COMMIT reaches the server later
  };

  MySqlProxy(std::string listen_path, std::string server_path);
  // On a port of 127.0.0.1 instead.
  explicit MySqlProxy(std::string server_path);
  ~MySqlProxy();

  void arm(Fault fault, int hold_ms = 0) {
    hold_ms_ = hold_ms;
    fault_ = fault;
  }
  bool armed() const { return fault_ != Fault::none; }
  // While true, new connections are closed at once.
  void refuse(bool yes) { refuse_ = yes; }
  void cut_all();
  std::uint16_t port() const;
  int accepted() const { return accepted_; }  // refused ones included
  int commits() const { return commits_; }
  int late_commits() const { return late_commits_; }  // held ones that the server has answered

 private:
  struct Pair;

  void start(bool bound);
  void accept_all();
  void carry(Pair& pair);
  bool from_client(Pair& pair);
  bool on_commit(Pair& pair);

  std::string listen_path_;
  std::string server_path_;
  int listener_ = -1;
  std::atomic<Fault> fault_{Fault::none};
  std::atomic<int> hold_ms_{0};
  std::atomic<bool> refuse_{false};
  std::atomic<int> accepted_{0};
  std::atomic<int> commits_{0};
  std::atomic<int> late_commits_{0};
  std::mutex mutex_;
  std::list<Pair> pairs_;
  std::thread acceptor_;
};

}  // namespace support
