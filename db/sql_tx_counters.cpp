// SqlTx: replay counters. That of the key set used last lies in the row of the card's record, which
// is written anyway; table `counters` has those of other key sets, and of cards without a record.
#include <algorithm>

#include "db/sql_tx_entry.h"

namespace db {

using vault::Counter;
using vault::Iccid;

Counter SqlTx::counter_in_table(const Iccid& card, std::uint8_t key_set) {
  Counter value = 0;
  fault_.guarded([&] {
    connection_.query("SELECT value FROM counters WHERE iccid = ? AND key_set = ?",
                      {std::string_view(card.digits()), number(key_set)},
                      [&](const Row& row) { value = static_cast<Counter>(row.number(0)); });
  });
  return value;
}

// The record that the card had before this update, whatever has become of it since.
SqlTx::Entry* SqlTx::loaded_as(const Iccid& card) {
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const auto& entry) {
    return entry->loaded && entry->loaded->iccid == card;
  });
  return found == entries_.end() ? nullptr : found->get();
}

bool SqlTx::keeps_card(const Entry& entry) {
  return !entry.removed && entry.record.iccid == entry.loaded->iccid;
}

SqlTx::CounterState& SqlTx::counter_state(const Iccid& card, std::uint8_t key_set) {
  look_up(card);
  const auto [place, is_new] = counters_.try_emplace({card, key_set});
  CounterState& state = place->second;
  if (!is_new) return state;
  const Entry* const entry = loaded_as(card);
  const bool here = entry != nullptr && entry->loaded_counter.key_set == key_set;
  state.seen = here ? entry->loaded_counter.value : counter_in_table(card, key_set);
  state.value = state.seen;
  return state;
}

Counter SqlTx::counter(const Iccid& card, std::uint8_t key_set) {
  return counter_state(card, key_set).value;
}

void SqlTx::raise_counter(const Iccid& card, std::uint8_t key_set, Counter value) {
  CounterState& state = counter_state(card, key_set);
  state.value = std::max(state.value, value);
}

void SqlTx::raise_in_table(ChangeSet& out, const Iccid& card, const LatestCounter& counter) {
  const Counter there = counter_in_table(card, counter.key_set);
  if (counter.value > there) {
    out.counters.push_back({card, counter.key_set, there, counter.value});
  }
}

// A counter stays with its card: a record that gets another one, or goes, leaves it in the table.
void SqlTx::collect_counters(ChangeSet& out) {
  for (const auto& entry : entries_) {
    if (entry->counter.key_set == 0 || keeps_card(*entry)) continue;
    CounterState& state = counters_[{entry->loaded->iccid, entry->counter.key_set}];
    state.value = std::max(state.value, entry->counter.value);
    state.seen = 0;  // nothing of it is in the table for sure
    entry->counter = {};
  }
  std::vector<std::pair<CounterKey, Counter>> raised;
  for (const auto& [key, state] : counters_) {
    if (state.value > state.seen) raised.emplace_back(key, state.value);
  }
  // First the key set that the row has already: whatever drives it out finds it as it shall be.
  std::stable_partition(raised.begin(), raised.end(), [&](const auto& one) {
    const Entry* const entry = loaded_as(one.first.first);
    return entry != nullptr && entry->counter.key_set == one.first.second;
  });
  for (const auto& [key, value] : raised) raise(out, key.first, {key.second, value});
}

void SqlTx::raise(ChangeSet& out, const Iccid& card, const LatestCounter& raised) {
  Entry* const entry = loaded_as(card);
  if (entry == nullptr || !keeps_card(*entry)) return raise_in_table(out, card, raised);
  const bool drives_out = entry->counter.key_set != 0 && entry->counter.key_set != raised.key_set;
  if (drives_out) raise_in_table(out, card, entry->counter);
  entry->counter = raised;
}

}  // namespace db
