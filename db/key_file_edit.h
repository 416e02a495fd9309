// Changes of a key file by a tool: a new key is added under the next number, one that nothing uses
// any more is dropped. The file is replaced as a whole and is on the disk before this returns; a
// symbolic link is refused. Errors never hold anything of a key. For one caller at a time.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace db {

// The number of the new key, which is the highest of the file.
base::Result<std::uint32_t> add_key(const std::string& path);
// Refuses the highest number, and one that is not there.
base::Status drop_key(const std::string& path, std::uint32_t number);

}  // namespace db
