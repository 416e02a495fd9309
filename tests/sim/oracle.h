// What must hold whatever happens: looked at after every step of a worker, from the answers it gave
// and from what the store holds then. A breach ends the run.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "tests/sim/bars.h"
#include "tests/sim/breach.h"
#include "tests/sim/census.h"
#include "tests/support/test_card.h"
#include "vault/ports.h"

namespace sim {

// One content that a card has tried to store.
struct Attempt {
  base::Bytes image;
  vault::Digest digest{};
  std::uint32_t transaction = 0;
  bool spoiled = false;   // the card sends other octets than the digest says
  bool end_sent = false;  // from here on the vault may have it
  bool acknowledged = false;
};

class Oracle {
 public:
  // Outlive the oracle; `store` has no troubles.
  Oracle(vault::Store& store, const vault::KeyRing& keys, const base::Clock& clock,
         const vault::Policy& policy)
      : store_(store), keys_(keys), clock_(clock), policy_(policy) {}

  // Called before it looks: what was answered while its commit was on its way arrives.
  void looks_after(std::function<void()> arrives) { arrives_ = std::move(arrives); }
  void add(const vault::Iccid& iccid, const std::string& number) {
    owners_.push_back(std::make_unique<Owner>(policy_));
    cards_[iccid] = owners_.back().get();
    owners_.back()->iccids.push_back(iccid);
    owners_.back()->number = number;
    phones_[number] = {};
  }
  // The owner of `old` has another card now; what he has stored is his with either.
  void changes_card(const vault::Iccid& old, const vault::Iccid& fresh) {
    cards_[fresh] = &owner(old);
    owner(old).iccids.push_back(fresh);
  }
  // What was stored is erased, and does not follow any more: his card begins with what it has.
  void starts_anew(const vault::Iccid& card);
  // One person with two cards in use, whose records may become one and part again: of them the
  // census says what must hold.
  void add_pair(const vault::Iccid& first, const vault::Iccid& second, const std::string& number);
  // The card's list, in the order of trying; the references stay valid.
  Attempt& begins(const vault::Iccid& iccid, Attempt attempt);
  void acknowledged(const vault::Iccid& iccid, Attempt& attempt);
  // What the card was given by a fetch that began when `from` was the last acknowledged one.
  std::size_t last_acknowledged(const vault::Iccid& iccid) const;
  void fetched(const vault::Iccid& iccid, const vault::Digest& digest, std::size_t from) const;
  // By customer care, for this card: which of his contents does not matter.
  void handed_out(const vault::Iccid& iccid, const vault::Digest& digest) const;
  void nothing_there(const vault::Iccid& iccid) const;
  void unlocked(const vault::Iccid& iccid);
  // Customer care was told that the card's service has ended, or is on again.
  void service(const vault::Iccid& iccid, bool suspended);
  // A key that nobody may read anywhere.
  void secret(std::string key) { secrets_.insert(std::move(key)); }

  // A command that must use up its counter: served once, whoever sends it and how often. (Of data
  // and status a repetition has no effect, so that their counters may be kept later.)
  void counts(const vault::Iccid& iccid, std::uint64_t counter) {
    owner(iccid).counted.emplace(iccid, counter);
  }
  // A key in it is one for another card's record, which has a budget of its own.
  void is_report(const vault::Iccid& iccid, std::uint64_t counter) {
    owner(iccid).reports.emplace(iccid, counter);
  }
  // A worker has answered one command of the card.
  void answered(const vault::Iccid& iccid, const support::TestCard::Answer& answer);
  // A step may have changed the card's record.
  void look_at(const vault::Iccid& iccid);
  // A reminder has reached this number; or its owner has said that he wants no more.
  void reminded(const std::string& number);
  void stopped(const std::string& number);
  void all_reminded_since(std::int64_t utc_ms) const;
  // At the end of a run.
  void whole_history() const;
  void no_secret_in(const std::string& log) const;
  std::uint64_t locks_ended() const;  // by themselves

 private:
  using Command = std::pair<vault::Iccid, std::uint64_t>;  // the card and its counter
  // One person, with one card after the other, and the record that follows.
  struct Owner {
    explicit Owner(const vault::Policy& policy) : bars(policy) {}
    std::vector<vault::Iccid> iccids;
    std::string number;
    std::vector<std::unique_ptr<Attempt>> attempts;
    int wrong_told = 0;         // answers about wrong keys since the last right one
    std::set<Command> counted;  // are good once
    std::set<Command> used;     // of them, those that were
    std::set<Command> reports;
    std::optional<vault::Record> record;  // when it was looked last
    std::vector<vault::ImageInfo> versions;
    Bars bars;
    std::optional<Census> census;  // of a pair; his bars are in it
  };
  struct Phone {
    std::int64_t reminded_at = 0;  // utc_ms
    std::int64_t stopped_at = 0;   // 0: not
    bool kept = true;              // false: may be erased
  };
  Owner& owner(const vault::Iccid& iccid) { return *cards_.at(iccid); }
  const Owner& owner(const vault::Iccid& iccid) const { return *cards_.at(iccid); }
  void told(Owner& owner, const Command& command, const support::TestCard::Answer& answer) const;
  bool may_hold(const Owner& owner, const vault::Digest& digest, std::size_t from) const;
  vault::Record record_of(const Owner& owner);
  Kept kept_of(const vault::Record& record);
  Entries entries_since(const vault::Record& before);
  void check_kept(Owner& owner, const Kept& kept);
  void forget(Owner& owner);
  void check_image(const Owner& owner, const vault::Record& record) const;
  [[noreturn]] static void breach(const vault::Iccid& iccid, const std::string& what);

  vault::Store& store_;
  const vault::KeyRing& keys_;
  const base::Clock& clock_;
  const vault::Policy& policy_;
  std::function<void()> arrives_;
  std::vector<std::unique_ptr<Owner>> owners_;
  std::map<vault::Iccid, Owner*> cards_;
  std::map<std::string, Phone> phones_;
  std::set<std::string> secrets_;
};

}  // namespace sim
