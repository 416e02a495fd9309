// What operators are told about the store: one line when it goes and one when it is back, with how
// long and how many tries failed, however many requests meet it in between and however often it
// comes and goes. Shared by all stores of a factory. Any thread.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/counters.h"
#include "base/guarded.h"
#include "base/log.h"
#include "db/sql.h"

namespace db {

class Health {
 public:
  // It is back when it has been well for `settled_after_ms`. The clock outlives this object.
  Health(base::Log& log, base::Counters& counters, std::int64_t settled_after_ms,
         const base::Clock& clock)
      : log_(log), counters_(counters), settled_after_ms_(settled_after_ms), clock_(clock) {}

  // Reads work.
  void reachable() {
    clear([](Trouble t) { return t == Trouble::unreachable || t == Trouble::misfit; });
  }
  // What was found when schema and keys were looked at; empty: nothing wrong.
  void misfit_seen(const std::string& fault) {
    state_.with([&](State& state) { state.misfit = fault; });
    if (fault.empty()) return reachable();
    enter(Trouble::misfit, fault);
  }
  // What was wrong with them when they were last looked at: while it is, nothing is written.
  std::string misfit() const {
    return state_.with([](const State& state) { return state.misfit; });
  }
  // What stands in the way of writing: what failed, and nothing has gone through since; a full disk
  // until all has been well for a while, since it takes a small transaction now and then. Empty:
  // nothing of the kind.
  std::string write_fault() const {
    return state_.with([](const State& state) {
      return state.trouble != Trouble::none ? state.fault : state.full;
    });
  }
  // Something was committed.
  void writable() {
    clear([](Trouble) { return true; });
  }
  void failed(const SqlError& error) {
    if (error.kind() == SqlError::Kind::conflict) return;  // somebody else's commits go through
    if (error.kind() == SqlError::Kind::keys) return;      // the store itself is well
    enter(trouble_of(error.kind()), error.text());
  }
  void count(std::string_view name) { counters_.add(name); }
  void took(std::string_view name, std::chrono::steady_clock::duration time) {
    counters_.took(name, std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
  }

 private:
  enum class Trouble { none, unreachable, misfit, full, broken };
  static constexpr std::size_t kTroubles = 5;
  // From the first failure until all has been well for a while.
  struct Episode {
    std::int64_t began = 0;  // mono_ms, all of them
    std::int64_t well_since = 0;
    std::int64_t failures = 0;
    std::array<bool, kTroubles> told{};
  };
  struct State {
    Trouble trouble = Trouble::none;  // now
    bool open = false;                // an episode is
    Episode episode;
    std::string misfit;
    std::string fault;  // of the trouble
    std::string full;   // the last that was told of a full disk in this episode
  };

  static Trouble trouble_of(SqlError::Kind kind) {
    switch (kind) {
      case SqlError::Kind::lost:
      case SqlError::Kind::unknown:
        return Trouble::unreachable;
      case SqlError::Kind::misfit:
        return Trouble::misfit;
      case SqlError::Kind::full:
        return Trouble::full;
      default:
        return Trouble::broken;
    }
  }
  void enter(Trouble trouble, const std::string& text) {
    const std::int64_t now = clock_.now().mono_ms;
    std::string over;
    const bool is_new = state_.with([&](State& state) {
      over = end_of_episode(state, now);
      if (!state.open) state.episode = {now, now, 0, {}};
      state.open = true;
      state.trouble = trouble;
      state.fault = text;
      if (trouble == Trouble::full) state.full = text;
      state.episode.failures += 1;
      return !std::exchange(state.episode.told[static_cast<std::size_t>(trouble)], true);
    });
    if (!over.empty()) log_.info("db.available", over);
    if (is_new) log_.error("db.unavailable", "store unavailable: " + text);
  }
  template <class F>
  void clear(F&& ends) {
    const std::string over = state_.with([&](State& state) {
      if (!state.open) return std::string();
      const std::int64_t now = clock_.now().mono_ms;
      const bool stays = state.trouble == Trouble::misfit && !state.misfit.empty();
      if (state.trouble != Trouble::none && !stays && ends(state.trouble)) {
        state.trouble = Trouble::none;
        state.episode.well_since = now;
      }
      return end_of_episode(state, now);
    });
    if (!over.empty()) log_.info("db.available", over);
  }
  // The line for its end, if it has come.
  std::string end_of_episode(State& state, std::int64_t now) const {
    const Episode& episode = state.episode;
    const bool over = state.open && state.trouble == Trouble::none &&
                      now - episode.well_since >= settled_after_ms_;
    if (!over) return {};
    state.open = false;
    state.full.clear();
    return base::cat("store available again: trouble for ",
                     (episode.well_since - episode.began + 999) / 1000, " s, ", episode.failures,
                     " tries failed");
  }

  base::Log& log_;
  base::Counters& counters_;
  const std::int64_t settled_after_ms_;
  const base::Clock& clock_;
  base::Guarded<State> state_{State{}};
};

}  // namespace db
