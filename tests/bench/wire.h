// A card's channel as bench_load uses it: pieces out, whole answers in, on TCP, TLS-PSK or CAT_TP;
// and the datagrams of a CAT_TP link once more, for a server that only counts them (echo.cpp).
#pragma once

#include <utility>

#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "tests/support/test_card.h"

namespace bench {

enum class Channel { tcp, tls_psk, cat_tp };

// Datagrams of one store, in their order.
struct Datagram {
  bool out = false;  // of the card
  std::size_t size = 0;
};
using Recording = std::vector<Datagram>;

class Wire {
 public:
  virtual ~Wire() = default;
  // `event`: it is open, an answer has come, or it has failed. Not called after close().
  virtual void open(std::function<void()> event) = 0;
  virtual void send(base::View piece) = 0;
  virtual std::optional<base::Bytes> answer() = 0;
  virtual bool is_open() const = 0;
  virtual bool failed() const = 0;
  virtual void close() = 0;
};

// `recording`: where a CAT_TP link notes its datagrams; null: nowhere.
std::shared_ptr<Wire> make_wire(boost::asio::io_context& context, Channel channel,
                                std::uint16_t port, const support::TestCard& card,
                                Recording* recording);
// Plays the card's part of a recording; both answers come, empty, when all has come back.
std::shared_ptr<Wire> make_replay(boost::asio::io_context& context, std::uint16_t port,
                                  const Recording& recording);

}  // namespace bench
