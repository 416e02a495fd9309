// What operations may set of the vault's behaviour: section [vault] of the INI, same names.
#pragma once

#include <cstdint>
#include <string>

#include "base/time.h"

namespace vault {

enum class Rebind { proven, number, trusting };
enum class LockMode { care, timed };

struct Policy {
  bool accept_unknown = false;           // create a record for an ICCID never imported
  int key_digits = 8;                    // random digits, 6..15; a Damm digit follows
  int keep_versions = 3;                 // images kept, the newest included
  int shrink_guard = 50;                 // per cent; 0: off
  std::int64_t pin = 90 * base::kDayMs;  // how long the image before a shrink is kept
  std::int64_t resume_window = base::kDayMs;
  std::int64_t issue_window = base::kDayMs;
  std::uint32_t max_image_bytes = 256 * 1024;
  std::uint64_t staging_bytes = 256ull * 1024 * 1024;      // uploads in memory, all together
  std::uint64_t staging_disk = 4ull * 1024 * 1024 * 1024;  // unfinished uploads in the store
  LockMode lock = LockMode::care;
  std::int64_t lock_minutes = 15 * base::kMinuteMs;
  Rebind rebind = Rebind::proven;
  std::int64_t move_window = 30 * base::kDayMs;
  std::int64_t swap_hold = base::kDayMs;
  std::int64_t retention = 150 * base::kDayMs;  // of a suspended record
  int agent_daily_limit = 100;                  // care calls per agent and day; 0: no limit
};

}  // namespace vault
