// Between the threads of a platform that carries channels (bv.bip/1) and the gateway's loop: keeps
// what the platform says until the loop asks. Octets are copied into bounded buffers and not looked
// at; nothing here blocks or calls the platform. Every function from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "bip/limiter.h"
#include "bip/ports.h"
#include "vault/types.h"

namespace bip {

class CarriedInbox {
 public:
  static constexpr std::size_t kLargestPiece = 16 * 1024;
  static constexpr std::size_t kMostUntold = 1024;  // newcomers that the gateway has not seen yet
  static constexpr std::size_t kMostNews = 64;      // channels told at once

  struct Opening {
    std::uint64_t id = 0;
    Address address{};
    std::optional<vault::Iccid> iccid;  // nothing: the card sends an identification packet
    Transport transport = Transport::tcp;
    std::uint16_t answer_room = 0;  // octets of an answer; 0: any
  };
  enum class Taken : std::uint8_t {
    yes,
    busy,     // nothing was taken
    unknown,  // no such channel (any more)
    invalid,  // a number in use, or a piece that is too large
    stopped,  // no gateway listens
  };

  // What the platform tells.
  Taken open(Opening opening);
  Taken feed(std::uint64_t id, base::View octets);
  Taken writable(std::uint64_t id);
  Taken ended(std::uint64_t id, bool gone);

  // The gateway's side. From listen() to hang_up() the platform is heard; `wake` is called once for
  // all that has come since news(), under the lock: it only posts.
  struct Limits {
    std::size_t channels = 0;
    std::size_t octets = 0;  // of a channel; an empty buffer takes any piece
  };
  void listen(const Limits& limits, std::function<void()> wake);
  // Forgets everything; the channels that news() has not told of yet.
  std::vector<std::uint64_t> hang_up();
  void accept(bool yes);  // false: newcomers are answered busy
  void set_limits(const Limits& limits);

  struct News {
    std::uint64_t id = 0;
    std::optional<Opening> opening;
    bool writable = false;
    bool ended = false;
    bool gone = false;
  };
  // At most kMostNews, oldest first; `wake` is called again for the rest.
  std::vector<News> news();

  struct Piece {
    base::Bytes octets;
    bool room_again = false;  // the platform was told BUSY, and half of the limit is free
  };
  // At most `most` octets of a channel, in their order.
  Piece take(std::uint64_t id, std::size_t most);
  void forget(std::uint64_t id);

  std::size_t channels() const;

 private:
  struct Channel {
    base::Bytes octets;
    std::size_t taken = 0;  // of them
    std::optional<Opening> opening;
    bool told = false;  // among the news
    bool writable = false;
    bool ended = false;
    bool gone = false;
    bool was_busy = false;
  };
  template <class F>
  Taken with(std::uint64_t id, F f);
  void tell(std::uint64_t id, Channel& channel);

  mutable std::mutex mutex_;
  std::unordered_map<std::uint64_t, Channel> channels_;
  std::deque<std::uint64_t> news_;
  std::function<void()> wake_;  // empty: nobody listens
  Limits limits_;
  std::size_t untold_ = 0;
  bool accepting_ = false;
  bool woken_ = false;
};

}  // namespace bip
