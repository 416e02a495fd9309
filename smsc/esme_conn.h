// One TCP connection to an SMSC, perhaps under TLS, and the Link on it. Loop thread only.
#pragma once

#include "base/event_loop.h"

#include <boost/asio/ip/tcp.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "smsc/esme_names.h"
#include "smsc/link.h"
#include "smsc/tls.h"

namespace smsc {

class Conn : public std::enable_shared_from_this<Conn> {
 public:
  struct Parts {
    boost::asio::io_context& context;
    const base::Clock& clock;
    std::shared_ptr<const Settings> settings;
    std::shared_ptr<const TlsContext> tls;  // null: plain
    // Something has come, or the connection has ended: events are to be looked at, but not from
    // within this call.
    std::function<void()> changed;
  };
  Conn(const Parts& parts, Role role);

  // Tries the addresses one after the other, within connect_timeout: each has its share of what is
  // left of it.
  void open(Endpoints endpoints);
  // Writes what the link has to say. Afterwards, when the link is closed, the socket is too.
  void flush();
  void close();

  Link* link() { return link_ ? &*link_ : nullptr; }
  // No link came about, or it is closed and said goodbye.
  bool ended() const { return ended_; }
  const std::string& error() const { return error_; }  // why there was no link
  std::int64_t deadline() const;
  void on_deadline(base::Now now);

 private:
  void connect_next();
  void connected();
  void start_link();
  void arm_read();
  void on_readable();
  bool on_octets(base::View octets);
  void write_out();
  void wait_writable();
  base::View pending() const;
  void consume(std::size_t octets);
  void lost(const std::string& why);
  void fail(std::string error);

  Parts parts_;
  Role role_;
  boost::asio::ip::tcp::socket socket_;
  Endpoints endpoints_;
  std::size_t next_endpoint_ = 0;
  std::int64_t connect_deadline_;  // until there is a link
  std::int64_t attempt_deadline_;  // of the address that is tried
  std::optional<Tls> tls_;
  std::optional<Link> link_;
  std::string error_;
  base::Bytes read_buffer_;
  bool write_armed_ = false;
  bool read_armed_ = false;
  bool ended_ = false;
};

}  // namespace smsc
