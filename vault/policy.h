// What operations may set of the vault's behaviour: section [vault] of the INI, same names.
#pragma once

#include <cstdint>
#include <string>

#include "base/time.h"
#include "vault/texts.h"

namespace vault {

enum class Rebind { proven, number, trusting };
enum class LockMode { care, timed };

// What subscribers are told by SMS of what was done to their record: `notify`, and section
// [notice].
struct NoticeSettings {
  bool unlock = false;
  bool move = false;
  bool erase = false;
  bool handed_over = false;  // `export`
  std::string default_language = "en";
  Texts unlock_text{
      {"en",
       "Customer care has opened the lock of your SIM back-up. If you did not ask for it, "
       "please call us."},
      {"zh", "客服已为您的卡备份解锁。如非本人要求，请联系我们。"}};
  Texts move_text{
      {"en",
       "Your SIM back-up now belongs to the card whose number ends in {card}. If you did not "
       "ask for it, please call us."},
      {"zh", "您的卡备份已转到尾号为{card}的卡。如非本人要求，请联系我们。"}};
  Texts export_text{
      {"en",
       "Customer care has handed over the content of your SIM back-up as a file. If you did not "
       "ask for it, please call us."},
      {"zh", "客服已导出您的卡备份内容。如非本人要求，请联系我们。"}};
  Texts erase_text{
      {"en", "Your SIM back-up was erased. If you did not ask for it, please call us."},
      {"zh", "您的卡备份已被删除。如非本人要求，请联系我们。"}};
};

// Which calls of customer care a second agent has to approve.
struct TwoPerson {
  bool on = false;  // `two_person`
  bool unlock = true;
  bool move = false;
  bool erase = true;
  bool handed_over = true;  // `export`
  std::int64_t request_life = base::kHourMs;
};

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
  int retention_hour = 3;       // of the day in UTC, from which it is erased by itself; -1: never
  int agent_daily_limit = 100;  // care calls per agent and day; 0: no limit
  TwoPerson two_person;
  NoticeSettings notices;  // all off unless there is an SMSC
};

}  // namespace vault
