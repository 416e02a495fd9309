// The stored image as far as the vault looks into it (docs/protocol.md "Image"): only to count
// entries. The content itself is the user's and is never refused for its meaning.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace vault {

// Records of elementary files plus memos; 1 for an image that does not parse.
std::uint32_t count_entries(base::View image);

}  // namespace vault
