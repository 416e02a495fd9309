// Text that people wrote: trimming, UTF-8, numbers with units, and the word they probably meant.
// Pure functions, any thread; bounded by the length of their arguments.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace base {

std::string_view trim(std::string_view text);  // blanks and tabs at both ends
bool valid_utf8(std::string_view text);        // RFC 3629: no surrogates, no overlong forms
// At most `limit` octets of UTF-8, never half a character.
std::string_view cut_text(std::string_view text, std::size_t limit);
// For a log: control characters and marks of the direction of writing replaced, cut to 32 KiB.
std::string one_line(std::string_view text);
// For a terminal: the same as <U+202E>; ends of lines and tabs stay.
std::string visible(std::string_view text);
// Of a JSON text, whose strings then say the same: as \u202E.
std::string visible_json(std::string_view json);
// Octets of anybody's as ASCII for a line: what is not of blank to tilde becomes '?'.
std::string printable(std::string_view octets);
bool equal_ignoring_case(std::string_view a, std::string_view b);  // ASCII
std::vector<std::string_view> split_words(std::string_view text);  // at blanks, tabs and commas

// Insertions, deletions, replacements and swapped neighbours between two words (at most 256
// octets of each are looked at).
std::size_t edit_distance(std::string_view a, std::string_view b);
// The candidate that `word` was probably meant to be; empty if none is near.
std::string_view nearest_word(std::string_view word, const std::vector<std::string_view>& known);

std::optional<std::int64_t> parse_integer(std::string_view text);  // decimal, sign allowed
// Milliseconds from "500ms", "10s", "5m", "24h", "60d", "2months" (a month counts as 30 days);
// several in a row add up ("1h30m"). A bare 0 needs no unit, every other number does.
std::optional<std::int64_t> parse_duration(std::string_view text);
// Octets from "1400", "256K", "1M", "2G" (powers of 1024).
std::optional<std::int64_t> parse_size(std::string_view text);
std::optional<bool> parse_bool(std::string_view text);  // yes, no, on, off, true, false

// A numeric address with port, "127.0.0.1:7100" or "[::1]:7100". Names are not looked up.
struct HostPort {
  std::string host;
  std::uint16_t port = 0;
};
std::optional<HostPort> parse_host_port(std::string_view text);
// "10.0.0.0/8", "2001:db8::/32", or one address.
bool valid_network(std::string_view text);

}  // namespace base
