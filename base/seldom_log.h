// The last net under a log: of messages with one identifier at most ten a minute go on, the rest
// are counted, and how many they were is told. What is known to repeat itself is counted where it
// happens; here ends what nobody thought of, such as a key service that fails for every card.
#pragma once

#include <iterator>
#include <map>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/guarded.h"
#include "base/log.h"

namespace base {

// Any thread.
class SeldomLog : public Log {
 public:
  static constexpr std::int64_t kBurst = 10;

  // Both outlive this object.
  SeldomLog(Log& out, const Clock& clock) : out_(out), clock_(clock) {}

  void write(Severity severity, std::string_view id, std::string_view text) override {
    if (taken(severity, id)) out_.write(severity, id, text);
  }

  // To be called now and then: tells what was left out of minutes that are over.
  void tell_left_out() {
    const std::int64_t now = clock_.now().mono_ms;
    const Minutes over = minutes_.with([&](Minutes& minutes) {
      Minutes ended;
      for (auto i = minutes.begin(); i != minutes.end();) {
        const auto next = std::next(i);
        if (now >= i->second.ends) ended.insert(minutes.extract(i));
        i = next;
      }
      return ended;
    });
    for (const auto& [id, minute] : over) tell(id, minute);
  }

 private:
  struct Minute {
    std::int64_t ends = 0;  // mono_ms
    std::int64_t lines = 0;
    Severity severity = Severity::info;
  };
  using Minutes = std::map<std::string, Minute, std::less<>>;

  bool taken(Severity severity, std::string_view id) {
    const std::int64_t now = clock_.now().mono_ms;
    Minute ended;
    const bool wanted = minutes_.with([&](Minutes& minutes) {
      auto found = minutes.find(id);
      if (found == minutes.end()) found = minutes.emplace(std::string(id), Minute{}).first;
      Minute& minute = found->second;
      if (now >= minute.ends) ended = std::exchange(minute, {now + kMinuteMs, 0, severity});
      return ++minute.lines <= kBurst;
    });
    tell(id, ended);
    return wanted;
  }
  void tell(std::string_view id, const Minute& minute) {
    if (minute.lines <= kBurst) return;
    out_.write(minute.severity, id, cat(minute.lines - kBurst, " more lines like the last ones"));
  }

  Log& out_;
  const Clock& clock_;
  Guarded<Minutes> minutes_;
};

}  // namespace base
