// Changes of a key file by a tool: a new key is added under the next number, one that nothing uses
// any more is dropped. The file is replaced as a whole and is on the disk before this returns; a
// symbolic link is refused. Errors never hold anything of a key. For one caller at a time: who
// changes files that others may change holds their KeyFileLock.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "base/result.h"

namespace db {

// One process of this machine at a time changes key files of a folder: flock(2) on the folder, so
// that nothing is left behind. For the life of the object.
class KeyFileLock {
 public:
  // Waits for whoever has it; `waiting` is called before, if anybody has. Error: the folder of
  // `path` cannot be opened.
  static base::Result<KeyFileLock> take(const std::string& path,
                                        const std::function<void()>& waiting = {});
  KeyFileLock(KeyFileLock&& other) noexcept : folder_(std::exchange(other.folder_, -1)) {}
  KeyFileLock& operator=(KeyFileLock&&) = delete;
  ~KeyFileLock();

 private:
  explicit KeyFileLock(int folder) : folder_(folder) {}

  int folder_;
};

// The number of the new key: higher than those of the file and than `above`, which others have.
base::Result<std::uint32_t> add_key(const std::string& path, std::uint32_t above = 0,
                                    bool may_be_empty = false);
// Refuses the highest number, unless a higher one is elsewhere (`above`), and one that is not
// there.
base::Status drop_key(const std::string& path, std::uint32_t number, std::uint32_t above = 0);

}  // namespace db
