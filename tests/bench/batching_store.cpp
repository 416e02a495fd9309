// bench_batching: the second limit of bench-store on MariaDB. The protocol of bench_bare (its head
// says what comes and goes), but what waits together is committed together: one UPDATE and one
// INSERT of several rows, one COMMIT, over few connections.
//
//   bench_batching serve mysql SOCKET PORTS-FILE WORKERS BEGIN-SIZE STORE-SIZE ANSWER1 ANSWER2
//
// The tables are bench_bare's. WORKERS is not used: kConnections is what was fastest. Errors end
// the program: a limit that half works would be none. Threads: one for all sockets, one for each
// connection to the database; the queue is what they share.
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>

#include <mysql.h>

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/bench/bare_tables.h"

namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

constexpr int kConnections = 2;
constexpr std::size_t kLargestGroup = 64;
constexpr std::size_t kHead = 14;  // 03 0C 36 0A, ten octets of EF_ICCID
constexpr std::size_t kContent = 16 * 1024;

// ---- The database -------------------------------------------------------------------------------

std::string repeated(const std::string& what, std::size_t times) {
  std::string text = what;
  for (std::size_t i = 1; i < times; ++i) text += "," + what;
  return text;
}

// One connection. Statements are prepared once for each number of rows.
class Batches {
 public:
  explicit Batches(const std::string& socket) : handle_(mysql_init(nullptr)) {
    need(mysql_real_connect(handle_, nullptr, "root", "", "bare", 0, socket.c_str(), 0) != nullptr);
    const std::string level = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";
    need(mysql_real_query(handle_, level.data(), level.size()) == 0);
    need(mysql_autocommit(handle_, false) == 0);
  }

  void store(const std::vector<bare::Item>& items) {
    auto& [update, insert] = statements_[items.size() - 1];
    if (update == nullptr) {
      update = prepare("UPDATE records SET version = version + 1, updated_at = ? WHERE iccid IN (" +
                       repeated("?", items.size()) + ") AND state = 1");
      insert = prepare("INSERT INTO images (iccid, stored_at, data) VALUES " +
                       repeated("(?,?,?)", items.size()));
    }
    std::int64_t now = std::chrono::duration_cast<std::chrono::milliseconds>(
                           std::chrono::system_clock::now().time_since_epoch())
                           .count();
    std::vector<MYSQL_BIND> keys{number(now)};
    std::vector<MYSQL_BIND> rows;
    for (const bare::Item& item : items) {
      keys.push_back(octets(MYSQL_TYPE_STRING, item.iccid));
      rows.push_back(octets(MYSQL_TYPE_STRING, item.iccid));
      rows.push_back(number(now));
      rows.push_back(octets(MYSQL_TYPE_BLOB, item.data));
    }
    execute(update, keys);
    if (mysql_stmt_affected_rows(update) != items.size()) bare::die("a record is not there");
    execute(insert, rows);
    need(mysql_commit(handle_) == 0);
  }

 private:
  void need(bool good) const {
    if (!good) bare::die(mysql_error(handle_));
  }

  static MYSQL_BIND number(std::int64_t& value) {
    MYSQL_BIND bind{};
    bind.buffer_type = MYSQL_TYPE_LONGLONG;
    bind.buffer = &value;
    return bind;
  }

  // The client takes buffer_length where no length is given.
  static MYSQL_BIND octets(enum_field_types type, std::string_view value) {
    MYSQL_BIND bind{};
    bind.buffer_type = type;
    bind.buffer = const_cast<char*>(value.data());
    bind.buffer_length = value.size();
    return bind;
  }

  MYSQL_STMT* prepare(const std::string& sql) {
    MYSQL_STMT* const statement = mysql_stmt_init(handle_);
    need(mysql_stmt_prepare(statement, sql.data(), sql.size()) == 0);
    return statement;
  }

  static void execute(MYSQL_STMT* statement, std::vector<MYSQL_BIND>& values) {
    if (mysql_stmt_bind_param(statement, values.data()) != 0 ||
        mysql_stmt_execute(statement) != 0) {
      bare::die(mysql_stmt_error(statement));
    }
  }

  MYSQL* const handle_;
  std::array<std::pair<MYSQL_STMT*, MYSQL_STMT*>, kLargestGroup> statements_{};
};

// ---- The cards ----------------------------------------------------------------------------------

struct Sizes {
  std::size_t begin = 0;
  std::size_t store = 0;
  std::size_t answers[2] = {};
};

// A packet of that many octets: 02, a BER length, zeros.
std::string answer(std::size_t size) {
  std::string text(size, '\0');
  text[0] = 2;
  if (size >= 0x82) text[1] = static_cast<char>(0x81);
  text[size < 0x82 ? 1 : 2] = static_cast<char>(size < 0x82 ? size - 2 : size - 3);
  return text;
}

struct Connection {
  Connection(tcp::socket&& s, std::size_t size) : socket(std::move(s)), buffer(size) {}

  // Digits of EF_ICCID: nibbles swapped, F is filler.
  bare::Item item() const {
    bare::Item item{"", std::string_view(buffer.data() + buffer.size() - kContent, kContent)};
    for (std::size_t i = kHead - 10; i < kHead; ++i) {
      const auto octet = static_cast<unsigned char>(buffer[i]);
      for (const int nibble : {octet & 0x0F, octet >> 4}) {
        if (nibble < 10) item.iccid += static_cast<char>('0' + nibble);
      }
    }
    return item;
  }

  tcp::socket socket;
  std::vector<char> buffer;
  std::size_t filled = 0;
  bool begun = false;
};
using Group = std::vector<std::shared_ptr<Connection>>;

class Writers {
 public:
  Writers(const std::string& socket, std::function<void(Group)> done) : done_(std::move(done)) {
    for (int i = 0; i < kConnections; ++i) threads_.emplace_back([this, socket] { run(socket); });
  }

  void post(std::shared_ptr<Connection> connection) {
    {
      std::lock_guard lock(mutex_);
      queue_.push_back(std::move(connection));
    }
    ready_.notify_one();
  }

 private:
  [[noreturn]] void run(const std::string& socket) {
    Batches batches(socket);
    for (;;) {
      Group group = take();
      std::vector<bare::Item> items;
      for (const auto& connection : group) items.push_back(connection->item());
      batches.store(items);
      done_(std::move(group));
    }
  }

  Group take() {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [this] { return !queue_.empty(); });
    Group group;
    for (; !queue_.empty() && group.size() < kLargestGroup; queue_.pop_front()) {
      group.push_back(std::move(queue_.front()));
    }
    return group;
  }

  std::function<void(Group)> done_;
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::shared_ptr<Connection>> queue_;
  std::vector<std::thread> threads_;
};

class Server {
 public:
  Server(const std::string& socket, const Sizes& sizes)
      : sizes_(sizes),
        answers_{answer(sizes.answers[0]), answer(sizes.answers[1])},
        acceptor_(context_, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)),
        writers_(socket, [this](Group group) {
          boost::asio::post(context_, [this, group = std::move(group)] {
            for (const auto& connection : group) {
              send(*connection, answers_[1]);
              wait(connection);
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
      socket.non_blocking(true);
      socket.set_option(tcp::no_delay(true));
      wait(std::make_shared<Connection>(std::move(socket), sizes_.store));
      accept();
    });
  }

  void wait(const std::shared_ptr<Connection>& connection) {
    connection->socket.async_wait(tcp::socket::wait_read, [this, connection](const error_code& e) {
      if (!e) read(connection);
    });
  }

  void read(const std::shared_ptr<Connection>& connection) {
    Connection& c = *connection;
    if (c.filled == c.buffer.size()) return;  // the card has closed, or says too much
    error_code error;
    c.filled += c.socket.read_some(
        boost::asio::buffer(c.buffer.data() + c.filled, c.buffer.size() - c.filled), error);
    if (error && error != boost::asio::error::would_block) return;
    if (!c.begun && c.filled >= kHead + sizes_.begin) {
      c.begun = true;
      send(c, answers_[0]);
    }
    if (c.filled == c.buffer.size()) {
      writers_.post(connection);
    } else {
      wait(connection);
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

}  // namespace

int main(int count, char** a) {
  if (count != 10 || std::string(a[1]) != "serve" || std::string(a[2]) != "mysql") {
    std::fprintf(stderr, "bench_batching: see the head of batching_store.cpp\n");
    return 2;
  }
  const Sizes sizes{std::stoul(a[6]), std::stoul(a[7]), {std::stoul(a[8]), std::stoul(a[9])}};
  Server server(a[3], sizes);
  const std::string path = a[4];
  std::ofstream(path + ".new") << "{\"tcp\": " << server.port() << "}\n";
  if (std::rename((path + ".new").c_str(), path.c_str()) != 0) bare::die("cannot write " + path);
  server.run();
  return 0;
}
