// What bench_load sends: the packets of a complete store, made before the clock starts, and the one
// who sends them and keeps the answers for later. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "bip/message.h"
#include "tests/bench/wire.h"
#include "tests/support/test_card.h"

namespace bench {

using Clock = std::chrono::steady_clock;

inline constexpr std::size_t kBlock = 700;

// One card's state over all runs.
struct BenchCard {
  explicit BenchCard(const std::string& digits) : card(digits) {}
  support::TestCard card;
  std::string key;
  std::uint32_t transaction = 0;
  bool busy = false;  // a parcel of it is under way: its next one waits, for the counters' sake
};

// One complete store, ready to be sent, and what came back.
struct Parcel {
  BenchCard* owner = nullptr;
  base::Bytes octets;
  std::vector<std::size_t> ends;  // of the pieces; the first two go before the first answer
  base::Bytes answers[2];
  std::optional<Clock::time_point> due;  // open loop: since when it should be under way
  double took_ms = 0;
  bool cut = false;  // the connection failed
  bool sent = false;
};

// Only TCP begins with an identification packet: the other channels tell by themselves.
inline Parcel make_parcel(BenchCard& owner, base::View image, bool identify) {
  Parcel parcel;
  parcel.owner = &owner;
  const auto piece = [&](const base::Bytes& packet) {
    parcel.octets.insert(parcel.octets.end(), packet.begin(), packet.end());
    parcel.ends.push_back(parcel.octets.size());
  };
  support::TestCard& card = owner.card;
  const std::uint32_t transaction = ++owner.transaction;
  if (identify) piece(card.identification());
  bip::Message begin = card.store_begin(image, transaction);
  if (!owner.key.empty()) begin.fields.key = base::Secret(base::as_bytes(owner.key));
  piece(card.packet(begin));
  for (std::size_t at = 0; at < image.size(); at += kBlock) {
    const auto offset = static_cast<std::uint32_t>(at);
    piece(card.packet(card.store_data(image, transaction, offset, kBlock), 0x1A));
  }
  piece(card.packet(card.plain(bip::Ins::store_end, transaction)));
  return parcel;
}

inline Parcel make_confirm(BenchCard& owner, bool identify) {
  Parcel parcel;
  parcel.owner = &owner;
  if (identify) {
    parcel.octets = owner.card.identification();
    parcel.ends.push_back(parcel.octets.size());
  }
  bip::Message confirm = owner.card.plain(bip::Ins::key_confirm, owner.transaction);
  confirm.fields.key = base::Secret(base::as_bytes(owner.key));
  const base::Bytes packet = owner.card.packet(confirm);
  parcel.octets.insert(parcel.octets.end(), packet.begin(), packet.end());
  parcel.ends.push_back(parcel.octets.size());
  return parcel;
}

// One of the N cards at once: sends the next parcel whenever it has finished one.
class Slot {
 public:
  using Next = std::function<Parcel*()>;
  using Connect = std::function<std::shared_ptr<Wire>(const Parcel& parcel)>;

  Slot(std::size_t head, Connect connect, Next next)
      : head_(head), connect_(std::move(connect)), next_(std::move(next)) {}

  void go() {
    parcel_ = next_();
    if (parcel_ == nullptr) return;
    began_ = parcel_->due.value_or(Clock::now());
    answer_ = piece_ = 0;
    wire_ = connect_(*parcel_);
    wire_->open([this] { on_event(); });
  }

 private:
  void on_event() {
    if (wire_->failed()) return finish(true);
    if (!wire_->is_open()) return;
    if (piece_ == 0) send(head_);
    while (answer_ < 2) {
      auto answer = wire_->answer();
      if (!answer) return;
      parcel_->answers[answer_++] = std::move(*answer);
      if (piece_ == parcel_->ends.size()) return finish(false);
      send(parcel_->ends.size());
    }
  }

  void send(std::size_t last_piece) {
    for (; piece_ < last_piece; ++piece_) {
      const std::size_t begin = piece_ == 0 ? 0 : parcel_->ends[piece_ - 1];
      wire_->send(base::View(parcel_->octets).subspan(begin, parcel_->ends[piece_] - begin));
    }
  }

  void finish(bool cut) {
    parcel_->cut = cut;
    parcel_->owner->busy = false;
    parcel_->took_ms = std::chrono::duration<double, std::milli>(Clock::now() - began_).count();
    const std::shared_ptr<Wire> done = std::move(wire_);  // it is calling us
    done->close();
    go();
  }

  const std::size_t head_;  // pieces before the first answer
  Connect connect_;
  Next next_;
  std::shared_ptr<Wire> wire_;
  Parcel* parcel_ = nullptr;
  Clock::time_point began_;
  std::size_t piece_ = 0;
  std::size_t answer_ = 0;
};

}  // namespace bench
