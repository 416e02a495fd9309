// What operators are told about the store: one line when it goes and one when it is back, however
// many requests meet it in between. Shared by all stores of a factory. Any thread.
#pragma once

#include <string>

#include "base/counters.h"
#include "base/guarded.h"
#include "base/log.h"
#include "db/sql.h"

namespace db {

class Health {
 public:
  Health(base::Log& log, base::Counters& counters) : log_(log), counters_(counters) {}

  // Reads work, the schema is right.
  void reachable() {
    clear([](Trouble t) { return t == Trouble::unreachable || t == Trouble::schema; });
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

 private:
  enum class Trouble { none, unreachable, schema, full, broken };

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
    const bool is_new = state_.with([&](Trouble& state) {
      const bool changed = state != trouble;
      state = trouble;
      return changed;
    });
    if (is_new) log_.error("db", "store unavailable: " + text);
  }
  template <class F>
  void clear(F&& ends) {
    const bool was = state_.with([&](Trouble& state) {
      const bool over = state != Trouble::none && ends(state);
      if (over) state = Trouble::none;
      return over;
    });
    if (was) log_.info("db", "store available again");
  }

  base::Log& log_;
  base::Counters& counters_;
  base::Guarded<Trouble> state_{Trouble::none};
};

}  // namespace db
