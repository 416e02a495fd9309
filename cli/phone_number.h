// Numbers as operations write them: what is meant, and what must be written where it cannot be
// told. A number that is taken wrongly sends a subscriber's messages to a stranger. Pure functions,
// any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "vault/types.h"

namespace cli {

struct TypedNumber {
  std::optional<vault::Msisdn> number;
  bool without_plus = false;  // taken as international since it does not begin with 0
  bool national = false;      // begins with one 0
  std::string fault;          // why there is none: "is ...", and what to write
};

// "+86 138...", "0086 138..." and "86138..." are international (ITU-T E.164, E.123). "0138..." is
// national, trunk prefix 0: a fault, unless the country code is given.
TypedNumber read_number(std::string_view text, std::string_view country_code = {});
// "86" or "+86": digits, 1 to 3, not from 0 on. Nothing: it is none.
std::optional<std::string> read_country_code(std::string_view text);

}  // namespace cli
