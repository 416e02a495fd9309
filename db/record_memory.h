// Records that this process has just written and will soon need again: those with an upload under
// way, between STORE BEGIN and STORE END. Nothing is believed because it is remembered: an update
// that began with it counts only if its commit finds the version unchanged, and written by the same
// update (a commit that was answered early may have been lost), otherwise the row is read. Shared
// by all stores of a factory. Any thread.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/guarded.h"
#include "db/record_row.h"

namespace db {

class RecordMemory {
 public:
  void keep(StoredRecord known) {  // as committed
    state_.with([&](State& state) {
      const std::string iccid = known.record.iccid.digits();
      if (state.known.insert_or_assign(iccid, std::move(known)).second) {
        state.order.push_back(iccid);
      }
      if (state.order.size() > kMost) {
        state.known.erase(state.order.front());
        state.order.pop_front();
      }
    });
  }
  // Gives it away: who comes next reads the row, or what is kept by then.
  std::optional<StoredRecord> take(const vault::Iccid& iccid) {
    return state_.with([&](State& state) -> std::optional<StoredRecord> {
      const auto found = state.known.find(iccid.digits());
      if (found == state.known.end()) return std::nullopt;
      std::optional<StoredRecord> known(std::move(found->second));
      state.known.erase(found);
      return known;
    });
  }

 private:
  static constexpr std::size_t kMost = 4096;
  struct State {
    std::unordered_map<std::string, StoredRecord> known;
    std::deque<std::string> order;  // of arrival; may name some that are gone
  };
  base::Guarded<State> state_{State{}};
};

}  // namespace db
