// The words of a line that the vault has made and somebody brings back: sealed heads, receipts.
// Pure functions, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/crypto.h"

namespace vault {

// Takes the next word off the text; empty at the end.
std::string_view next_word(std::string_view& text);
// Exactly the form of base::iso_date; whole seconds.
std::optional<std::int64_t> read_date(std::string_view text);
std::optional<base::Sha256> read_hash(std::string_view hex);

}  // namespace vault
