// One card's TCP channel without I/O: bytes and time in, batches, bytes and deadlines out
// (docs/protocol.md "Channels"). At most one batch is under way; the rest waits inside. Buffers
// exist only while octets are in them. One thread at a time per object.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/bytes.h"
#include "base/time.h"
#include "bip/exchange.h"
#include "bip/settings.h"

namespace bip {

class Session {
 public:
  enum class Phase {
    identifying,
    open,
    closing,  // nothing is served any more; the card may still fetch what was sent
    closed,   // the owner closes the socket now
  };
  // Why the vault closes; `none` while it does not.
  enum class End {
    none,
    by_card,
    cut_packet,  // the same, within a packet
    bad_identification,
    never_identified,
    never_proven,  // identified, but no packet has proven it in time
    second_identification,
    bad_packet,
    packet_too_large,
    packet_timeout,
    idle,
    no_answer,  // the channel below was given up: nothing is acknowledged (gateway)
    security,
    failed,
    superseded,  // a newer channel of the same card has proved itself
    limited,     // too many failures before (gateway)
    tls,         // the channel below failed (gateway)
    stopped,
  };

  static constexpr std::int64_t kNever = INT64_MAX;
  static constexpr std::int64_t kGather = 200;  // ms

  // Who tells which card calls: an identification packet, or the channel below (identified()),
  // whose time-outs then hold until it has.
  enum class Caller { by_packet, by_channel };
  Session(std::shared_ptr<const Settings> settings, base::Now now,
          Caller caller = Caller::by_packet);

  // Only once, and before any octet is fed.
  void identified(std::unique_ptr<Card> card, base::Now now);

  // Octets from the card, in pieces of any size; not more than room().
  void feed(base::View octets, base::Now now);
  // Whether the channel below holds the beginning of something that it can feed only when it is
  // whole (a TLS record, an SDU): packet_timeout counts from there.
  void unfinished_below(bool yes, base::Now now);
  // The card sends no more. What it sent completely is still served.
  void end_of_input(base::Now now);
  // The same: the channel below has ended over what the card sent, for the reason `why`.
  void ended_below(End why, base::Now now);
  // As end_of_input(), and nobody hears answers any more (a reset).
  void broken_off(base::Now now);
  // A newer channel of the card has proved itself: as broken_off().
  void superseded(base::Now now);
  // How much may be fed now; 0: stop reading. Reading resumes when half of the
  // limit is free, or no whole packet is left.
  std::size_t room() const;

  // Complete packets are due, no batch is under way and the output has room. Packets that want no
  // answer (pipelined STORE DATA) wait for more of them: until the batch or the input is full, one
  // that wants an answer follows, the input ends, or kGather has passed.
  bool ready() const;
  // Takes up to Settings::batch packets and the card's state. Only while ready().
  std::unique_ptr<Batch> next_batch(base::Now now);
  // The batch comes back, answered. Also in closing and closed: the card's state is kept.
  void reply(std::unique_ptr<Batch> batch, base::Now now);

  base::View output() const { return base::View(output_).subspan(sent_); }
  void consume(std::size_t octets, base::Now now);  // so many of them are on their way

  std::int64_t deadline() const;  // mono_ms, kNever: none
  void on_deadline(base::Now now);

  // No transfer under way: the idle time-out becomes close_wait.
  void drain() { draining_ = true; }
  // At once; what was not written is lost.
  void close(End why);

  Phase phase() const { return phase_; }
  End end() const { return end_; }
  bool under_way() const { return under_way_; }
  // Complete packets are under way, or wait for nothing but a worker or more of their kind.
  bool has_work() const;
  // They wait for no more of their kind.
  void gather_no_more() { gather_until_ = kNever; }
  // Of the card's state as of the last batch that came back.
  bool proven() const { return proven_; }
  // A verified packet was told to come again later: that nothing was proven was our doing.
  bool put_off() const { return put_off_; }
  std::int64_t opened_at() const { return opened_at_; }  // mono_ms
  std::uint8_t key_set() const { return key_set_; }
  vault::Counter last_counter() const { return last_counter_; }
  const std::optional<vault::Iccid>& iccid() const { return iccid_; }
  // The card's state, for CardService::close. Null before identification and while a batch is
  // under way.
  std::unique_ptr<Card> take_card() { return std::move(card_); }
  // Null at the same times.
  Card* card() { return card_.get(); }

 private:
  void scan(base::Now now);
  bool due() const;
  void put_back(base::View packets);
  bool identify(base::Now now);
  void reject(End why, base::Now now);
  void close_later(End why, base::Now now);
  bool has_partial() const { return unfinished_below_ || input_.size() > complete_; }
  std::int64_t idle_limit() const;
  std::int64_t proof_deadline() const;

  std::shared_ptr<const Settings> settings_;
  std::optional<vault::Iccid> iccid_;
  std::unique_ptr<Card> card_;

  base::Bytes input_;
  std::size_t complete_ = 0;  // octets of complete packets at the front of input_
  std::size_t packets_ = 0;   // how many they are
  std::size_t loud_end_ = 0;  // of complete_, up to behind the last packet that wants an answer
  std::int64_t gather_until_ = kNever;  // so long packets without answer wait; kNever: not at all
  base::Bytes output_;
  std::size_t sent_ = 0;

  std::int64_t opened_at_;
  std::int64_t identified_at_ = 0;
  std::int64_t answered_at_ = 0;
  std::int64_t partial_since_ = 0;
  std::int64_t active_at_;  // last octet in or out, last answer
  vault::Counter last_counter_ = 0;
  std::uint8_t key_set_ = 0;
  Phase phase_ = Phase::identifying;
  Caller caller_;
  End end_ = End::none;
  End broken_ = End::none;  // what follows the complete packets is no packet
  bool any_octet_ = false;
  bool answered_ = false;
  bool unfinished_below_ = false;
  bool reading_stopped_ = false;
  bool input_ended_ = false;
  bool deaf_ = false;  // nobody hears answers any more
  bool under_way_ = false;
  bool proven_ = false;
  bool put_off_ = false;
  bool transfer_ = false;
  bool key_entry_ = false;
  bool draining_ = false;
};

}  // namespace bip
