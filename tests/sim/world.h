// One run: two instances of the vault on one store, some cards, somebody who records and repeats,
// customer care, and everything that can go wrong between them. One thread, time that jumps from
// event to event, every decision from the seed.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bip/key_crypto.h"
#include "bip/session.h"
#include "tests/sim/approvals.h"
#include "tests/sim/chance.h"
#include "tests/sim/defects.h"
#include "tests/sim/faulty_store.h"
#include "tests/sim/loud_keys.h"
#include "tests/sim/oracle.h"
#include "tests/sim/sim_card.h"
#include "tests/sim/smsc.h"
#include "tests/support/test_vault.h"
#include "vault/care_service.h"
#include "vault/housekeeping.h"
#include "vault/reminder_service.h"

namespace sim {

// What happened in a run, to see that it was not idle.
struct Figures {
  std::uint64_t steps = 0;  // batches served
  std::uint64_t visits = 0;
  std::uint64_t stored = 0;  // acknowledged
  std::uint64_t fetched = 0;
  std::uint64_t cuts = 0;
  std::uint64_t kills = 0;
  std::uint64_t away = 0;
  std::uint64_t unknown = 0;
  std::uint64_t disturbed = 0;
  std::uint64_t repeated = 0;  // packets sent again by somebody else
  std::uint64_t guesses = 0;
  std::uint64_t locks = 0;
  std::uint64_t ended = 0;   // locks, by themselves
  std::uint64_t pauses = 0;  // services that ended for a while
  std::uint64_t reminded = 0;
  std::uint64_t changes = 0;  // of card
  std::uint64_t merges = 0;   // of two records with content
  std::uint64_t undone = 0;   // moves
  std::uint64_t erased = 0;
  std::uint64_t aged = 0;   // of them, after their retention
  std::uint64_t swept = 0;  // uploads
  std::uint64_t care = 0;   // calls in the middle
  std::uint64_t asked = 0;  // of a second agent
  std::uint64_t approved = 0;
  std::uint64_t exported = 0;
  std::uint64_t clocks = 0;  // set forward or back
  void add(const Figures& other);
};

class World {
 public:
  // On a database of `store`, which must be empty, or on an SQLite file of its own.
  World(std::uint64_t seed, Defect defect, const db::Settings& store = {});
  ~World();
  // Throws Breach.
  void run();
  const Figures& figures() const { return figures_; }
  std::string last_events() const;  // for whoever has to understand a breach

 private:
  struct Instance {
    std::unique_ptr<vault::StoreFactory> stores;
    std::unique_ptr<vault::CardService> cards;
    std::unique_ptr<FaultyStore> store;
    std::unique_ptr<FaultyStore> calendar_store;
    std::unique_ptr<Smsc> smsc;
    std::unique_ptr<vault::ReminderService> reminders;
    std::unique_ptr<vault::Housekeeping> house;
    int life = 0;                 // counts its starts: what was meant for an earlier one is lost
    std::int64_t down_until = 0;  // mono_ms
  };
  struct Link;
  using LinkPtr = std::shared_ptr<Link>;
  struct Person;

  base::Now now() const { return vault_.clock.now(); }
  void after(std::int64_t ms, std::function<void()> what);
  void until_quiet();
  void set_the_clock();
  void tell(const std::string& text);
  void start(Instance& instance);
  void kill(Instance& instance);

  // The network.
  LinkPtr open(const support::TestCard& card, Person* person);
  void send_up(const LinkPtr& link, base::View octets);
  void send_down(const LinkPtr& link, base::View octets);
  std::int64_t arrival(std::int64_t& last);
  void arrived(const LinkPtr& link, base::View octets);
  void cut(const LinkPtr& link);
  void hang_up(const LinkPtr& link);
  void heard(const LinkPtr& link, base::View octets);

  // An instance's end of a link.
  void feed(const LinkPtr& link);
  void follow(const LinkPtr& link);
  void watch(const LinkPtr& link);
  void work(const LinkPtr& link);
  void serve(const LinkPtr& link, bip::Batch& batch);
  void replied(const LinkPtr& link, std::unique_ptr<bip::Batch> batch);
  void ended(const LinkPtr& link);
  void put_away(Instance& instance, std::unique_ptr<bip::Card> card);
  void meanwhile();
  void check(const vault::Iccid& iccid);
  void commits_arrive();

  // People.
  void next_visit(Person& person);
  void visit(Person& person, SimCard::Wish wish);
  void look_after(Person& person);
  void over(Person& person);
  void care_unlocks(Person& person, bool reset_key);
  void care_pauses(Person& person);
  void care_sets(const std::string& card, bool suspended);
  void care_moves(Person& person);
  void change_card(Person& person);
  void guess(Person& person);
  void claim(Person& person);
  void repeat(Person& person);
  void finish(Person& person);
  void visit_until_done(Person& person, SimCard::Wish wish);

  // A person with two cards, and what care and provisioning do to them.
  void add_pair();
  void pair_acts(Person& person);
  void speak(Person& person, base::View packet);
  void care_acts(Person& person);
  std::optional<vault::CareFailure> care_call(vault::CareService& care, Person& person);
  void settle(const Person& person);
  void count_changes();

  // What customer care does only with a second agent.
  struct Asked;
  void ask(Person& person);
  void decide(const Asked& asked);
  void decided(const Asked& asked, const vault::CareFailure* failure);
  void take(const Asked& asked);
  void call_care(const vault::Iccid& card, const std::function<void(vault::CareService&)>& what);
  void second_agent();
  std::optional<vault::CareFailure> by_two(const std::string& card,
                                           const vault::CareService::Wish& wish);

  // What the vault does unasked.
  vault::Policy house_policy() const;
  void keep_house(Instance& instance);
  void look_at_all();
  void leave_off(Person& person);
  void grow_old();

  // Reminders.
  void start_calendar(Instance& instance);
  void calendar(int days);
  void look_at_calendar(Instance& instance);
  void handed(Instance& instance, const Smsc::Taken& taken);
  void subscriber_answers(const vault::Msisdn& number);
  void deliver(const vault::IncomingSms& sms);

  support::TestVault vault_;
  const Defect defect_;
  Chance chance_;
  StoreTroubles troubles_;
  vault::Policy policy_;
  const bool months_;  // does this run last that long?
  const bool timed_;   // do locks end by themselves?
  const bool ages_;    // is what is kept over within the run?
  const bool two_;     // does customer care need a second agent?
  LoudKeys loud_keys_{*vault_.keys, vault_.log};
  std::unique_ptr<vault::Store> god_;  // sees everything, has no troubles
  Oracle oracle_;
  Approvals approvals_;
  support::TestKeySource key_source_;
  bip::KeyCrypto crypto_{key_source_};
  std::shared_ptr<bip::Settings> settings_ = std::make_shared<bip::Settings>();
  std::vector<Instance> instances_{2};
  std::unique_ptr<vault::StoreFactory> care_stores_;
  std::unique_ptr<FaultyStore> care_store_;
  // What the octets in memory of killed instances still point to.
  std::vector<std::unique_ptr<vault::CardService>> killed_;
  std::vector<std::unique_ptr<Person>> people_;
  std::vector<LinkPtr> links_;
  std::multimap<std::int64_t, std::function<void()>> events_;  // by mono_ms
  const vault::Iccid* served_ = nullptr;                       // whose command a worker is at
  const Instance* looking_ = nullptr;                          // who looks at the calendar
  bool calm_ = false;                                          // nothing goes wrong any more
  std::uint64_t deciding_ = 0;                                 // the request that an agent is at
  int customers_ = 0;
  int messages_ = 0;
  Figures figures_;
  std::vector<std::string> told_;
};

}  // namespace sim
