// A UDP channel with the buffers of BIP: what was stored up to and including "send immediately" is
// one datagram, and one received datagram at a time lies in the Rx buffer (TS 102 223 clauses
// 6.4.29, 6.4.30). One thread.
#pragma once

#include <memory>

#include "card/channel.h"

namespace card {

class DatagramChannel : public Channel {
 public:
  // Takes over a socket that is connected to the server, as Channel does.
  using Channel::Channel;

  static std::unique_ptr<Channel> connect(const ServerAddress& server, std::size_t buffer,
                                          Cuts& cuts);

  void flush() override;
  void pump() override;
  void wait(int timeout_ms) override;

 private:
  bool cut_now(std::optional<std::size_t>& left, std::size_t octets);
};

}  // namespace card
