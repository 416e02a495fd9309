// One step of a card's visit, without I/O: command packets out, answers in. Status, a complete
// store (with KEY CONFIRM when a key was issued) or a complete fetch, whose digest is checked: it
// is whole, and one that the vault may hold.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "bip/message.h"
#include "card/park/cards.h"
#include "card/park/settings.h"

namespace card::park {

class Visit {
 public:
  enum class State : std::uint8_t {
    going_on,
    done,
    try_later,
    refused,
    broken,
    lost,  // the vault has another image than it may have, or none
  };

  // The card and its memory outlive the visit. `seed`: of the image's content.
  Visit(const ParkCard& card, Memory& memory, const Settings& settings, Step step, std::size_t size,
        std::uint64_t seed);

  // What is to be sent first, and after an answer; one packet each.
  std::vector<base::Bytes> begin();
  std::vector<base::Bytes> answer(base::View packet);

  State state() const { return state_; }
  std::size_t octets() const { return octets_; }   // of the image stored or fetched
  std::uint8_t result() const { return result_; }  // of the last answer
  bool key_wanted() const;  // refused because the card has been given no key, or another one

 private:
  enum class Waiting : std::uint8_t { status, begin, end, confirm, fetch_begin, fetch_data };

  base::Bytes packet(const bip::Message& message, bool errors_only = false);
  bip::Message message(bip::Ins ins) const;
  std::vector<base::Bytes> one(const bip::Message& command, Waiting waiting);
  std::vector<base::Bytes> upload(const bip::Fields& begun);
  std::vector<base::Bytes> stored(const bip::Fields& end);
  std::vector<base::Bytes> fetch_more();
  std::vector<base::Bytes> fetched(const bip::Fields& answer);
  std::vector<base::Bytes> finish(State state);

  const ParkCard& card_;
  Memory& memory_;
  const Settings& settings_;
  base::Bytes image_;
  base::Sha256 digest_{};
  std::size_t octets_ = 0;
  std::uint32_t fetch_ = 0;  // the vault's transaction
  std::uint32_t total_ = 0;
  Step step_;
  Waiting waiting_ = Waiting::status;
  State state_ = State::going_on;
  std::uint8_t result_ = 0;
};

// Identification packet, the first on a channel that does not tell who calls by itself.
base::Bytes identification_packet(const IccidOctets& iccid);

}  // namespace card::park
