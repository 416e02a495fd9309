// What a script line says (docs: `bipvault-card --help`). Pure, any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace card {

struct ScriptLine {
  enum class Verb : std::uint8_t {
    advance,
    menu,
    key,
    type,
    ok,
    ignore,
    cut_sent,
    cut_received,
    save_key,
    run,
    sms,
    await,
    listen,
    reply,
    back,
    expect_text,
    expect_result
  } verb{};
  std::string argument;     // text, file, regular expression, result name
  std::int64_t number = 0;  // milliseconds or octets
  int line = 0;             // from 1
};

// All lines, or the first fault with its line number. Blank lines and # comments are dropped.
base::Result<std::vector<ScriptLine>> parse_script(std::string_view text);
base::Result<ScriptLine> parse_script_line(std::string_view line, int number);

}  // namespace card
