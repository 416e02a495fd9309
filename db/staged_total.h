// How many octets all unfinished uploads hold in the store: counted there once a minute, and in
// between kept up to date with what this process writes. Other instances' writes are seen when it
// is counted again; it guards a soft limit. Shared by all stores of a factory. Any thread.
#pragma once

#include <cstdint>
#include <optional>

#include "base/guarded.h"
#include "base/time.h"

namespace db {

class StagedTotal {
 public:
  // Nothing: the caller counts, then calls counted(). Once a total is known, one caller a minute
  // is sent to count, and the others are told the last one meanwhile.
  std::optional<std::int64_t> get(base::Now now) {
    return state_.with([&](State& state) -> std::optional<std::int64_t> {
      const std::int64_t age = now.mono_ms - state.since;
      if (!state.known || age < 0 || age >= base::kMinuteMs) {
        state.since = now.mono_ms;
        return std::nullopt;
      }
      return state.total;
    });
  }
  void counted(std::int64_t total) {
    state_.with([&](State& state) {
      state.total = total;
      state.known = true;
    });
  }
  void changed(std::int64_t difference) {
    state_.with([&](State& state) { state.total += difference; });
  }
  void forget() {
    state_.with([](State& state) { state.known = false; });
  }

 private:
  struct State {
    std::int64_t total = 0;
    std::int64_t since = 0;  // mono_ms
    bool known = false;
  };
  base::Guarded<State> state_{State{}};
};

}  // namespace db
