// The log as a port. Lines are for an operator at 3 a.m.: one state change, one line; repeated
// events are counted, not repeated. A line never holds a secret or a card's content. Every message
// has an identifier, "db.unavailable": its part and its name, by which docs/messages.md explains
// it.
#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace base {

enum class Severity { debug, info, warning, error };

class Log {
 public:
  virtual ~Log() = default;
  // Any thread; must not block or throw.
  virtual void write(Severity severity, std::string_view id, std::string_view text) = 0;

  void debug(std::string_view id, std::string_view t) { write(Severity::debug, id, t); }
  void info(std::string_view id, std::string_view t) { write(Severity::info, id, t); }
  void warning(std::string_view id, std::string_view t) { write(Severity::warning, id, t); }
  void error(std::string_view id, std::string_view t) { write(Severity::error, id, t); }
};

class NoLog : public Log {
 public:
  void write(Severity, std::string_view, std::string_view) override {}
};

namespace detail {
inline void append(std::string& out, std::string_view text) { out += text; }
template <std::integral T>
requires(!std::same_as<T, char>) void append(std::string& out, T value) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, end);
}
}  // namespace detail

// cat("offset ", 700, " of ", 16384): text and integers, nothing else.
template <class... Parts>
std::string cat(const Parts&... parts) {
  std::string out;
  (detail::append(out, parts), ...);
  return out;
}

// "db" of "db.unavailable".
inline std::string_view component_of(std::string_view id) { return id.substr(0, id.find('.')); }

// The text as it leaves: "store unavailable: ... [db.unavailable]". What is a component only adds
// nothing.
inline std::string with_id(std::string_view text, std::string_view id) {
  return id.find('.') == std::string_view::npos ? std::string(text) : cat(text, " [", id, "]");
}

}  // namespace base
