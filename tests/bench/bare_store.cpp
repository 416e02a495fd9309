// bench_bare: the limit of bench-store. The same event library, the same number of threads, the
// same octets in the same pieces; then only what bare_tables.h says. Once landed it stays as it is.
//
//   bench_bare init   ENGINE WHERE CARDS-FILE
//   bench_bare forget ENGINE WHERE                  throws away the images stored so far
//   bench_bare serve  ENGINE WHERE PORTS-FILE WORKERS BEGIN-SIZE STORE-SIZE ANSWER1 ANSWER2
//
// ENGINE sqlite: WHERE is a file. ENGINE mysql: WHERE is the server's socket, the schema is `bare`.
// A connection sends 14 octets that name the card, BEGIN-SIZE octets, and after the first answer
// the rest of STORE-SIZE octets; the second answer follows the commit. An answer is a packet of
// ANSWERn octets with a BER length, so that the load generator reads both sides alike.
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>

#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/bench/bare_tables.h"

namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

constexpr std::size_t kIdentification = 14;  // 03 0C 36 0A, ten octets of EF_ICCID
constexpr std::size_t kContent = 16 * 1024;
constexpr std::size_t kLargestGroup = 64;

struct Sizes {
  std::size_t begin = 0;
  std::size_t store = 0;
  std::size_t answers[2] = {};
};

std::string answer(std::size_t size) {
  std::string text(size, '\0');
  text[0] = 2;
  if (size < 0x82) {
    text[1] = static_cast<char>(size - 2);
  } else {
    text[1] = static_cast<char>(0x81);
    text[2] = static_cast<char>(size - 3);
  }
  return text;
}

// Digits of EF_ICCID: nibbles swapped, F is filler.
std::string digits(const char* octets) {
  std::string text;
  for (int i = 0; i < 10; ++i) {
    for (const int nibble : {octets[i] & 0x0F, (octets[i] >> 4) & 0x0F}) {
      if (nibble < 10) text += static_cast<char>('0' + nibble);
    }
  }
  return text;
}

struct Connection {
  explicit Connection(tcp::socket&& s, std::size_t size) : socket(std::move(s)), buffer(size) {}

  tcp::socket socket;
  std::vector<char> buffer;
  std::size_t filled = 0;
  bool begun = false;
};
using ConnectionPtr = std::shared_ptr<Connection>;

// The threads that write: with MariaDB each has a connection and takes one store at a time; the
// writer of SQLite takes all that wait.
class Writers {
 public:
  using Done = std::function<void(std::vector<ConnectionPtr>)>;

  Writers(const std::string& engine, const std::string& where, int count, Done done)
      : done_(std::move(done)) {
    if (engine == "sqlite") {
      threads_.emplace_back([this, where] { sqlite(where); });
    } else {
      for (int i = 0; i < count; ++i) threads_.emplace_back([this, where] { mysql(where); });
    }
  }

  void post(ConnectionPtr connection) {
    {
      std::lock_guard lock(mutex_);
      queue_.push_back(std::move(connection));
    }
    ready_.notify_one();
  }

 private:
  std::vector<ConnectionPtr> take(std::size_t most) {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [this] { return !queue_.empty(); });
    std::vector<ConnectionPtr> taken;
    while (!queue_.empty() && taken.size() < most) {
      taken.push_back(std::move(queue_.front()));
      queue_.pop_front();
    }
    return taken;
  }

  static bare::Item item_of(const Connection& connection) {
    const char* const octets = connection.buffer.data();
    return {digits(octets + 4),
            std::string_view(octets + connection.buffer.size() - kContent, kContent)};
  }

  void mysql(const std::string& socket) {
    bare::MySql tables(socket, "bare");
    for (;;) {
      std::vector<ConnectionPtr> taken = take(1);
      tables.store(item_of(*taken.front()));
      done_(std::move(taken));
    }
  }

  void sqlite(const std::string& path) {
    bare::Sqlite tables(path);
    std::vector<bare::Item> items;
    for (;;) {
      std::vector<ConnectionPtr> taken = take(kLargestGroup);
      items.clear();
      for (const ConnectionPtr& connection : taken) items.push_back(item_of(*connection));
      tables.store(items);
      done_(std::move(taken));
    }
  }

  Done done_;
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<ConnectionPtr> queue_;
  std::vector<std::thread> threads_;
};

class Server {
 public:
  Server(const std::string& engine, const std::string& where, int workers, const Sizes& sizes)
      : sizes_(sizes),
        answers_{answer(sizes.answers[0]), answer(sizes.answers[1])},
        acceptor_(context_, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)),
        writers_(engine, where, workers, [this](std::vector<ConnectionPtr> done) {
          boost::asio::post(context_, [this, done = std::move(done)] {
            for (const ConnectionPtr& connection : done) {
              send(*connection, answers_[1]);
              read(connection);
            }
          });
        }) {}

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  void run() {
    accept();
    context_.run();
  }

 private:
  void accept() {
    acceptor_.async_accept([this](const error_code& error, tcp::socket socket) {
      if (error) bare::die("accept: " + error.message());
      error_code ignored;
      socket.non_blocking(true, ignored);
      socket.set_option(tcp::no_delay(true), ignored);
      read(std::make_shared<Connection>(std::move(socket), sizes_.store));
      accept();
    });
  }

  void read(const ConnectionPtr& connection) {
    connection->socket.async_wait(tcp::socket::wait_read, [this, connection](const error_code& e) {
      if (!e) on_readable(connection);
    });
  }

  void on_readable(const ConnectionPtr& connection) {
    Connection& c = *connection;
    if (c.filled == c.buffer.size()) return;  // the card has closed, or says too much
    error_code error;
    const std::size_t got = c.socket.read_some(
        boost::asio::buffer(c.buffer.data() + c.filled, c.buffer.size() - c.filled), error);
    if (error && error != boost::asio::error::would_block) return;
    c.filled += got;
    if (!c.begun && c.filled >= kIdentification + sizes_.begin) {
      c.begun = true;
      send(c, answers_[0]);
    }
    if (c.filled == c.buffer.size()) {
      writers_.post(connection);
    } else {
      read(connection);
    }
  }

  static void send(Connection& connection, const std::string& octets) {
    error_code error;
    connection.socket.write_some(boost::asio::buffer(octets), error);
  }

  const Sizes sizes_;
  const std::string answers_[2];
  boost::asio::io_context context_{1};
  tcp::acceptor acceptor_;
  Writers writers_;
};

std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

int serve(char** a) {
  const Sizes sizes{std::stoul(a[6]), std::stoul(a[7]), {std::stoul(a[8]), std::stoul(a[9])}};
  Server server(a[2], a[3], std::stoi(a[5]), sizes);
  const std::string path = a[4];
  std::ofstream(path + ".new") << "{\"tcp\": " << server.port() << "}\n";
  if (std::rename((path + ".new").c_str(), path.c_str()) != 0) bare::die("cannot write " + path);
  server.run();
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  const std::string what = count > 3 ? arguments[1] : "";
  const bool sqlite = count > 3 && std::string(arguments[2]) == "sqlite";
  if (what == "init" && count == 5) {
    const auto iccids = lines_of(arguments[4]);
    if (sqlite) {
      bare::Sqlite(arguments[3]).create(iccids);
    } else {
      bare::MySql(arguments[3], "bare").create(iccids);
    }
    return 0;
  }
  if (what == "forget" && count == 4) {
    if (sqlite) {
      bare::Sqlite(arguments[3]).forget_images();
    } else {
      bare::MySql(arguments[3], "bare").forget_images();
    }
    return 0;
  }
  if (what == "serve" && count == 10) return serve(arguments);
  std::fprintf(stderr, "bench_bare: see the head of bare_store.cpp\n");
  return 2;
}
