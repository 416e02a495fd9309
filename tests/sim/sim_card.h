// A card and the person who holds it: tries to store and to fetch, mistypes keys, goes on after
// cuts. Packets out, answers in, no I/O.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tests/sim/chance.h"
#include "tests/sim/oracle.h"
#include "tests/support/test_card.h"

namespace sim {

class SimCard {
 public:
  enum class Wish { status, store, fetch, report };
  enum class Visit {
    going_on,
    done,
    later,    // to be tried again
    refused,  // locked, or a key that the person does not have
  };

  // `oracle` outlives the card and knows it already.
  SimCard(std::string_view digits, Oracle& oracle, Chance& chance)
      : card(digits), oracle_(oracle), chance_(chance) {}

  // The packets of a visit's beginning. `careful`: no slips of the finger, nothing spoiled.
  std::vector<base::Bytes> begin(Wish wish, bool careful);
  // What follows on an answer.
  std::vector<base::Bytes> take(const support::TestCard::Answer& answer);
  // Another card in the same phone, which remembers the one before: nothing is stored or fetched
  // before the record has followed.
  void change_card(std::string_view digits);
  bool waits_for_record() const { return previous_.has_value(); }
  void record_followed() { previous_.reset(); }
  void hung_up() { visit_ = visit_ == Visit::going_on ? Visit::later : visit_; }

  Visit visit() const { return visit_; }
  bool locked() const { return locked_; }
  void forget_lock() { locked_ = false; }
  // A packet as somebody else who holds the card would send it.
  base::Bytes guess(const std::string& key) { return with_key(bip::Ins::fetch_begin, key); }
  base::Bytes erase(const std::string& key) { return with_key(bip::Ins::erase, key); }
  // The beginning of a store that nobody will end.
  std::vector<base::Bytes> unfinished();
  // The same, as if the card of another person had been in this phone.
  // No key: on his word alone.
  base::Bytes claim(bip::Ins how, const vault::Iccid& previous, const std::string& key);
  // From now on it stores contents with entries, more and fewer.
  void has_entries() { has_entries_ = true; }
  const std::string& key() const { return key_; }

  support::TestCard card;

 private:
  enum class Waiting { status, begin, end, confirm, fetch_begin, fetch_data, report };
  using Packets = std::vector<base::Bytes>;

  base::Bytes with_key(bip::Ins ins, const std::string& key);
  Packets one(const bip::Message& message, Waiting waiting);
  Packets finish(Visit visit);
  Packets store_begin();
  Packets fetch_begin();
  Packets report();
  Packets upload(std::uint32_t from);
  Packets stored(const bip::Fields& answer);
  Packets fetch_more();
  Packets fetched(const bip::Fields& answer);
  Packets confirm(const base::Secret& key, std::uint32_t transaction);
  Packets refused(vault::CardResult result);
  void type_key(bip::Fields& fields);
  base::Bytes new_content();

  Oracle& oracle_;
  Chance& chance_;
  Wish wish_ = Wish::status;
  Visit visit_ = Visit::done;
  Waiting waiting_ = Waiting::status;
  std::uint64_t awaited_ = 0;  // counter of the packet whose answer is waited for
  bool careful_ = false;
  bool has_entries_ = false;
  bool use_key_ = false;  // it was asked for
  bool locked_ = false;
  int keys_typed_ = 0;
  std::string key_;                       // the one that the person has written down
  std::optional<vault::Iccid> previous_;  // the card before, until the record has followed
  std::string shown_;                     // on the screen, not acknowledged yet
  Attempt* attempt_ = nullptr;            // under way or cut; none: nothing to go on with
  std::uint32_t transactions_ = 0;
  base::Bytes fetched_;
  vault::Digest fetch_digest_{};
  std::uint32_t fetch_ = 0;
  std::uint32_t fetch_total_ = 0;
  std::size_t fetch_from_ = 0;
};

}  // namespace sim
