// One batch of packets of one card to one batch of answers, in a worker: check the head, unwrap,
// decode, serve, encode, wrap (docs/protocol.md "Packets"). May block as far as Keys and Store do.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/bytes.h"
#include "base/clock.h"
#include "bip/details.h"
#include "bip/faults.h"
#include "bip/ports.h"
#include "bip/settings.h"
#include "vault/card_service.h"

namespace bip {

// What the second SPI octet wants answered, and protected alike; b6 concerns SMS only and is
// ignored.
enum class Wants { nothing, always, errors, refused };
Wants wants_of(const CommandHead& head);

// The card at the other end of a channel. Belongs to the session, moves with the batch under way.
struct Card {
  explicit Card(vault::Iccid number) : iccid(std::move(number)) {}

  const vault::Iccid iccid;  // claimed by the identification packet
  Transport transport = Transport::tcp;
  bool over_tls = false;
  // The channel below is the card's own and ciphers: TLS under its key, not with a NULL suite. Then
  // packets may come without protection of their own.
  bool ciphered_below = false;
  std::optional<vault::CardChannel> channel;  // since the first packet whose CC verified
  bool proven = false;  // a packet verified, and the store knew its counter to be fresh
  // It was answered `try later` without the store, or its keys were away: no fault of its own.
  bool put_off = false;
  bool transfer = false;  // a store or fetch began on this channel and has not ended
  int security_errors = 0;
  vault::Counter last_counter = 0;  // of the last verified packet
  std::uint16_t fetch_max = 0;      // tag 8C of FETCH BEGIN; 0: not asked
  std::uint16_t answer_room = 0;    // octets of an answer that the channel takes whole; 0: all

  // Pipelined STORE DATA of this transaction are dropped unanswered until `offset` comes.
  struct Dropping {
    std::uint32_t transaction = 0;
    std::optional<std::uint32_t> offset;
  };
  std::optional<Dropping> dropping;

  // The store that was begun on this channel, for its detail record.
  struct Begun {
    std::uint32_t transaction = 0;
    std::uint32_t octets = 0;
    std::int64_t at = 0;  // mono_ms
  };
  std::optional<Begun> begun;
};

struct Batch {
  // To the worker.
  std::unique_ptr<Card> card;
  base::Bytes packets;                 // whole command packets, one after the other
  const Settings* settings = nullptr;  // the session's; outlive the batch
  std::int64_t waiting_since = 0;  // mono_ms: over queue_wait later BEGIN and REPORT `try later`
  bool draining = false;           // ... and always when this is set
  // Another channel of this card, proven by that key set with counters up to this one. A card that
  // verifies with a higher one is newer: it is not served before the other one has ended.
  struct Rival {
    std::uint8_t key_set = 0;
    vault::Counter counter = 0;
    bool operator==(const Rival&) const = default;
  };
  std::optional<Rival> rival;

  // Back from it.
  base::Bytes answers;  // whole response packets, one after the other
  Tally tally;
  std::size_t unserved = 0;  // octets at the end of `packets`: for another batch
  bool beats_rival = false;  // the first of them verified, and is newer than the rival was then
  bool key_entry = false;    // the last answer makes the user type a key
  bool close = false;        // too many security errors, or the worker failed
};

struct ExchangeParts {
  Keys& keys;
  vault::CardService& cards;
  vault::Store& store;
  const base::Clock& clock;
  DetailSink* details = nullptr;  // null: nobody wants them
};

// Fills the second half of the batch. What throws (out of memory) leaves the card's channel valid
// and what was answered so far in `answers`.
void exchange(Batch& batch, const ExchangeParts& parts);

}  // namespace bip
