// A connection with the buffers of a BIP channel: TCP here, UDP in datagram_channel.h (TS 102 223
// clauses 6.4.27, 6.4.29, 6.4.30). Non-blocking below; connect and flush wait in poll up to their
// time-outs. One thread.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "card/profile.h"

namespace card {

// Where the connection breaks, for tests of resumption. Counts over all channels of a run.
struct Cuts {
  std::optional<std::size_t> after_sent;
  std::optional<std::size_t> after_received;
};

class Channel {
 public:
  enum class Failed : std::uint8_t { unreachable, timed_out };

  // Takes over a connected socket. `buffer`: size of Tx and of Rx. `cuts` outlives the channel.
  Channel(int socket, std::size_t buffer, Cuts& cuts);
  virtual ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  static std::unique_ptr<Channel> connect(const ServerAddress& server, std::size_t buffer,
                                          Cuts& cuts, int timeout_ms, Failed& failed);

  // Into the Tx buffer; false: it does not fit, nothing was taken.
  bool store(base::View octets);
  std::size_t tx_free() const { return buffer_ - tx_.size(); }
  // Sends the Tx buffer; reads what comes meanwhile. A link that breaks shows in lost().
  virtual void flush();

  // Reads what has come, as far as the Rx buffer has room.
  virtual void pump();
  // Waits until something can be read or the link is lost.
  virtual void wait(int timeout_ms);
  std::size_t waiting() const { return rx_.size(); }
  base::Bytes take(std::size_t most);
  bool lost() const { return socket_ < 0; }

 protected:
  void cut();

  int socket_;
  std::size_t buffer_;
  Cuts& cuts_;
  base::Bytes tx_, rx_;

 private:
  bool write_some();

  static constexpr int kFlushTimeoutMs = 30'000;
};

namespace sockets {
// True: the socket is ready for `events` or has failed.
bool ready(int socket, short events, int timeout_ms);
sockaddr_in address_of(const ServerAddress& server);
}  // namespace sockets

}  // namespace card
