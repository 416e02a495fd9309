// Changes of a key file by a tool: a new key is added under the next number, one that nothing uses
// any more is dropped. The file is replaced as a whole and is on the disk before this returns; a
// symbolic link is refused. Errors never hold anything of a key. For one caller at a time.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace db {

// The number of the new key: higher than those of the file and than `above`, which others have.
base::Result<std::uint32_t> add_key(const std::string& path, std::uint32_t above = 0,
                                    bool may_be_empty = false);
// Refuses the highest number, unless a higher one is elsewhere (`above`), and one that is not
// there.
base::Status drop_key(const std::string& path, std::uint32_t number, std::uint32_t above = 0);

}  // namespace db
