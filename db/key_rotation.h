// Which keys of the key files what is stored still needs, and how it comes under the newest: data
// keys are wrapped anew, batch by batch, while the vault goes on working. What is done is done:
// after an interruption the same call goes on with what is left. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "db/key_files.h"
#include "db/settings.h"
#include "db/store_check.h"

namespace db {

// How many data keys and subscribers' keys there are under each number.
struct KeyUse {
  std::map<std::uint32_t, std::uint64_t> master;
  std::map<std::uint32_t, std::uint64_t> pepper;
};

// How far a walk along all data keys has come.
struct Rotation {
  base::Bytes record;  // the key seen last, with its place
  std::int64_t place = -1;
  bool done = false;
  std::uint64_t seen = 0;
  std::uint64_t rewrapped = 0;
  std::vector<CheckFault> faults;  // keys that could not be unwrapped: they stay as they are
};

class KeyRotation {
 public:
  // Connects. `keys` outlives the object.
  static base::Result<std::unique_ptr<KeyRotation>> open(const Settings& settings,
                                                         const FileKeyRing& keys);
  ~KeyRotation();

  // Looks at the next `rows` data keys and wraps those anew that are not under the newest master
  // key, in one transaction. After an error the state is as before, and the call may be repeated;
  // `busy` errors of other writers are repeated here, for as long as a query may take.
  base::Status batch(Rotation& state, std::size_t rows);
  // Counts everything, page by page; `walked` is called with the record id reached.
  base::Result<KeyUse> use(const std::function<void(base::View id)>& walked);

 private:
  struct Parts;
  explicit KeyRotation(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace db
