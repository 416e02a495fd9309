// The applet's end of a CAT_TP link. A card has no clock: time is what the terminal's timer tells,
// in whole seconds while something is under way. One thread; nothing here waits.
#pragma once

#include <cstdint>
#include <optional>

#include "bip/cat_tp.h"

namespace card {

class CatTpEnd {
 public:
  static constexpr int kTickSeconds = 1;

  // `buffer`: of the BIP channel, which a datagram must fit. `first`: initial sequence number.
  CatTpEnd(std::uint16_t port, std::size_t buffer, std::uint16_t first, base::View identification);

  bool send(base::View sdu) { return machine_.send(sdu, now(), out_); }
  void datagram(base::View octets);  // what is no PDU of this link is dropped
  void tick();                       // the timer has expired
  void close() { machine_.close(bip::CatTpReset::normal, now(), out_); }

  // What is to be sent, one after the other; the view holds until the next call of this object.
  std::optional<base::View> next_datagram();
  std::optional<base::Bytes> next_sdu() { return machine_.take(now(), out_); }

  bool open() const { return machine_.phase() == bip::CatTp::Phase::open; }
  bool ended() const { return machine_.phase() == bip::CatTp::Phase::closed; }
  // More than so many PDUs wait: sending goes on when some were acknowledged.
  bool busy() const { return machine_.backlog() > kMostBacklog; }
  bool needs_ticks() const { return machine_.deadline() != bip::CatTp::kNever; }

 private:
  static constexpr std::size_t kMostBacklog = 4096;
  static bip::CatTpSettings settings_for(std::size_t buffer);
  base::Now now() const { return {now_ms_, 0}; }

  const bip::CatTpSettings settings_;
  const bip::CatTp::Ports ports_;
  bip::CatTp machine_;
  bip::CatTpOutput out_;
  std::size_t taken_ = 0;
  std::int64_t now_ms_ = 0;
};

}  // namespace card
