// Walks along all records, page by page, for those whose service ended before a moment. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "db/settings.h"
#include "vault/types.h"

namespace db {

class SqlConnection;

class SuspendedScan {
 public:
  static base::Result<std::unique_ptr<SuspendedScan>> open(const Settings& settings);
  ~SuspendedScan();

  struct Page {
    std::vector<vault::RecordId> records;  // suspended before it
    std::uint64_t seen = 0;                // records looked at
    base::Bytes after;                     // to go on from
    bool done = false;
  };
  // After an error the call may be repeated.
  base::Result<Page> page(const base::Bytes& after, std::int64_t before_utc_ms);

 private:
  explicit SuspendedScan(const Settings& settings);

  const Settings settings_;
  std::unique_ptr<SqlConnection> connection_;  // null: to be made anew
};

}  // namespace db
