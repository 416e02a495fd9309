// Looks at all that is stored, page by page: every version of every record and every part of an
// upload must decrypt and fit its digest, every chain of the history must be whole and end where
// its record says, and there must be no content and no key that belongs to nothing. Reads only;
// each page is one view of the store, so that the vault may go on writing. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "db/key_files.h"
#include "db/settings.h"
#include "vault/types.h"

namespace db {

struct CheckFault {
  std::string where;  // ICCID, "record HEX" when there is none, "own history"
  std::string what;   // one line for an operator
  bool operator==(const CheckFault&) const = default;
};

// How far a check has come, and what it has seen.
struct CheckState {
  base::Bytes after;  // what belongs to ids up to this one was looked at
  bool done = false;
  std::uint64_t records = 0;
  std::uint64_t versions = 0;
  std::uint64_t octets = 0;   // of plain content
  std::uint64_t parts = 0;    // of uploads
  std::uint64_t entries = 0;  // of history
  std::uint64_t faults = 0;
  std::vector<CheckFault> listed;  // the first kMostListed of them
  bool operator==(const CheckState&) const = default;
};

class StoreCheck {
 public:
  static constexpr std::size_t kMostListed = 1000;

  // Connects. `keys` outlives the object.
  static base::Result<std::unique_ptr<StoreCheck>> open(const Settings& settings,
                                                        const FileKeyRing& keys);
  ~StoreCheck();

  // What tells this store from others: when its schema was made.
  base::Result<std::int64_t> store_mark();
  // One page. On an error the state is as before, and the call may be repeated.
  base::Status page(CheckState& state);

 private:
  class Page;
  struct Parts;
  explicit StoreCheck(std::unique_ptr<Parts> parts);
  template <class T, class F>
  base::Result<T> guarded(F&& read);

  std::unique_ptr<Parts> parts_;
};

}  // namespace db
