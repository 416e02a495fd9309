// A card's way to the vault, as a park of thousands needs it: packets out, answers in, time as an
// argument. What has to be written is kept as long as the network (or its imitation) takes.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

#include "base/bytes.h"
#include "base/time.h"
#include "card/park/cards.h"
#include "card/park/settings.h"

struct ssl_ctx_st;

namespace card::park {

class Channel {
 public:
  static constexpr std::int64_t kNever = INT64_MAX;
  enum class State : std::uint8_t { opening, open, closed };

  virtual ~Channel() = default;
  virtual void send(base::View packet, base::Now now) = 0;
  // The next whole one, or what has come and can be none.
  virtual std::optional<base::Bytes> answer(base::Now now) = 0;
  virtual void close(base::Now now) = 0;
  virtual State state() const = 0;
  // Of a socket of its own; a CAT_TP link has none.
  virtual int descriptor() const { return -1; }
  virtual bool wants_write() const { return false; }
  virtual void on_ready(bool readable, bool writable, base::Now now) = 0;
  virtual std::int64_t deadline() const = 0;  // mono_ms
  virtual void on_deadline(base::Now now) = 0;
};

// TCP from `source` (0: any; else the last octets of a 127.0.0.0/8 address); with `tls` above it
// the pre-shared key of the card. Null: no descriptor or no such source to be had.
std::unique_ptr<Channel> open_stream(const Settings& settings, const ParkCard& card,
                                     std::uint32_t source, std::shared_ptr<ssl_ctx_st> tls,
                                     base::Now now);

}  // namespace card::park
