// What operators are told about the store: one line when it goes and one when it is back, however
// many requests meet it in between. Shared by all stores of a factory. Any thread.
#pragma once

#include <chrono>
#include <string>
#include <utility>

#include "base/counters.h"
#include "base/guarded.h"
#include "base/log.h"
#include "db/sql.h"

namespace db {

class Health {
 public:
  Health(base::Log& log, base::Counters& counters) : log_(log), counters_(counters) {}

  // Reads work.
  void reachable() {
    clear([](Trouble t) { return t == Trouble::unreachable || t == Trouble::schema; });
  }
  // What was found when the schema was looked at; empty: nothing wrong.
  void schema_seen(const std::string& fault) {
    state_.with([&](State& state) { state.schema_fault = fault; });
    if (fault.empty()) return reachable();
    enter(Trouble::schema, fault);
  }
  // What was wrong with the schema when it was last looked at: while it is, nothing is written.
  std::string schema_fault() const {
    return state_.with([](const State& state) { return state.schema_fault; });
  }
  // Something was committed.
  void writable() {
    clear([](Trouble) { return true; });
  }
  void failed(const SqlError& error) {
    if (error.kind() == SqlError::Kind::conflict) return;  // somebody else's commits go through
    enter(trouble_of(error.kind()), error.text());
  }
  void count(std::string_view name) { counters_.add(name); }
  void took(std::string_view name, std::chrono::steady_clock::duration time) {
    counters_.took(name, std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
  }

 private:
  enum class Trouble { none, unreachable, schema, full, broken };
  struct State {
    Trouble trouble = Trouble::none;
    std::string schema_fault;
  };

  static Trouble trouble_of(SqlError::Kind kind) {
    switch (kind) {
      case SqlError::Kind::lost:
      case SqlError::Kind::unknown:
        return Trouble::unreachable;
      case SqlError::Kind::schema:
        return Trouble::schema;
      case SqlError::Kind::full:
        return Trouble::full;
      default:
        return Trouble::broken;
    }
  }
  void enter(Trouble trouble, const std::string& text) {
    const bool is_new =
        state_.with([&](State& state) { return std::exchange(state.trouble, trouble) != trouble; });
    if (is_new) log_.error("db", "store unavailable: " + text);
  }
  template <class F>
  void clear(F&& ends) {
    const bool was = state_.with([&](State& state) {
      const bool stays = state.trouble == Trouble::schema && !state.schema_fault.empty();
      const bool over = state.trouble != Trouble::none && !stays && ends(state.trouble);
      if (over) state.trouble = Trouble::none;
      return over;
    });
    if (was) log_.info("db", "store available again");
  }

  base::Log& log_;
  base::Counters& counters_;
  base::Guarded<State> state_{State{}};
};

}  // namespace db
