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
// that nothing is left behind. Where folders cannot be locked (NFS wants a file that can be
// written) on an empty file in it, kKeyLockName, which stays. For the life of the object.
inline constexpr char kKeyLockName[] = ".bipvault-keys.lock";

class KeyFileLock {
 public:
  // Waits for whoever has it; `waiting` is called before, if anybody has. Error: the folder of
  // `path` cannot be opened, or nothing in it locked.
  static base::Result<KeyFileLock> take(const std::string& path,
                                        const std::function<void()>& waiting = {});
  KeyFileLock(KeyFileLock&& other) noexcept : locked_(std::exchange(other.locked_, -1)) {}
  KeyFileLock& operator=(KeyFileLock&&) = delete;
  ~KeyFileLock();

 private:
  explicit KeyFileLock(int descriptor) : locked_(descriptor) {}

  int locked_;  // the folder, or the file in it
};

// The number of the new key: higher than those of the file and than `above`, which others have.
base::Result<std::uint32_t> add_key(const std::string& path, std::uint32_t above = 0,
                                    bool may_be_empty = false);
// Refuses the highest number, unless a higher one is elsewhere (`above`), and one that is not
// there.
base::Status drop_key(const std::string& path, std::uint32_t number, std::uint32_t above = 0);

}  // namespace db
