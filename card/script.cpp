#include "card/script.h"

#include <Poco/Exception.h>
#include <Poco/RegularExpression.h>

#include <array>

#include "base/text.h"

namespace card {
namespace {

using Verb = ScriptLine::Verb;

enum class Wants : std::uint8_t { nothing, text, duration, octets };
struct Form {
  std::string_view words;  // at the beginning of the line
  Verb verb;
  Wants wants;
};

constexpr std::array<Form, 17> kForms{{
    {"cut after sent", Verb::cut_sent, Wants::octets},
    {"cut after received", Verb::cut_received, Wants::octets},
    {"expect text", Verb::expect_text, Wants::text},
    {"expect result", Verb::expect_result, Wants::text},
    {"save-key", Verb::save_key, Wants::text},
    {"advance", Verb::advance, Wants::duration},
    {"menu", Verb::menu, Wants::text},
    {"key", Verb::key, Wants::text},
    {"type", Verb::type, Wants::text},
    {"ok", Verb::ok, Wants::nothing},
    {"ignore", Verb::ignore, Wants::nothing},
    {"run", Verb::run, Wants::nothing},
    {"sms", Verb::sms, Wants::text},
    {"await text", Verb::await, Wants::text},
    {"listen", Verb::listen, Wants::nothing},
    {"reply", Verb::reply, Wants::text},
    {"back", Verb::back, Wants::nothing},
}};

// "cut after N sent" has its number in the middle; it is moved to the end for the table.
std::string reorder_cut(std::string_view line) {
  const auto words = base::split_words(line);
  if (words.size() == 4 && words[0] == "cut" && words[1] == "after") {
    return "cut after " + std::string(words[3]) + " " + std::string(words[2]);
  }
  return std::string(line);
}

bool take(const Form& form, std::string_view rest, ScriptLine& line) {
  line.argument = rest;
  switch (form.wants) {
    case Wants::nothing:
      return rest.empty();
    case Wants::text:
      return !rest.empty();
    case Wants::duration: {
      const auto duration = base::parse_duration(rest);
      line.number = duration.value_or(-1);
      return line.number >= 0;
    }
    case Wants::octets: {
      const auto octets = base::parse_integer(rest);
      line.number = octets.value_or(-1);
      return line.number >= 0;
    }
  }
  return false;
}

bool good_expression(const ScriptLine& line) {
  if (line.verb != Verb::expect_text && line.verb != Verb::await) return true;
  try {
    const Poco::RegularExpression expression(line.argument);
    return true;
  } catch (const Poco::Exception&) {
    return false;
  }
}

}  // namespace

base::Result<ScriptLine> parse_script_line(std::string_view text, int number) {
  const std::string reordered = reorder_cut(base::trim(text));
  for (const Form& form : kForms) {
    std::string_view rest = reordered;
    if (!rest.starts_with(form.words)) continue;
    rest.remove_prefix(form.words.size());
    if (!rest.empty() && rest.front() != ' ' && rest.front() != '\t') continue;
    ScriptLine line;
    line.verb = form.verb;
    line.line = number;
    if (take(form, base::trim(rest), line) && good_expression(line)) return line;
    return base::Error{"line " + std::to_string(number) + ": \"" + std::string(form.words) +
                       "\" is not used like that"};
  }
  return base::Error{"line " + std::to_string(number) + ": not a line of a script"};
}

base::Result<std::vector<ScriptLine>> parse_script(std::string_view text) {
  std::vector<ScriptLine> lines;
  int number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    ++number;
    line = base::trim(line);
    if (line.empty() || line.front() == '#') continue;
    auto parsed = parse_script_line(line, number);
    if (!parsed) return base::Error{parsed.error()};
    lines.push_back(parsed.take());
  }
  return lines;
}

}  // namespace card
