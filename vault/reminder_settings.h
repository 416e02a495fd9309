// What operations may set of reminders, answers and wake-ups. Plain values.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/time.h"
#include "vault/calendar.h"
#include "vault/texts.h"
#include "vault/words.h"

namespace vault {

// A segment that was written to an SMSC and never answered: never sent again and counted, or sent
// once more, which may make two of it.
enum class OnTimeout : std::uint8_t { assume_sent, resend };

struct WakeUpSettings {
  std::int64_t validity = 12 * base::kHourMs;  // of the message; so long its PoR is waited for
  std::int64_t retry_after = base::kDayMs;     // after a failure, or one that found nobody
  int tries = 3;                               // of one wish
  std::int64_t lifetime = 7 * base::kDayMs;    // of one wish
  std::int64_t without_applet = 30 * base::kDayMs;
  std::int64_t identity_max_age = 0;                // 0: no identity refresh
  int identity_rate = 600;                          // wake-ups an hour of that campaign
  std::int64_t identity_again = 30 * base::kDayMs;  // the next look at who did not report
  std::int64_t back_pause = base::kMinuteMs;  // "the phone is back" sooner after a wake-up: no news
};

struct ReminderSettings {
  bool enabled = false;
  Interval interval{2, 0};
  Hours hours;
  std::string time_zone = "UTC";
  std::int64_t repeat_after = 7 * base::kDayMs;
  int repeat_times = 2;  // further messages of one due date
  std::int64_t validity = 2 * base::kDayMs;
  std::int64_t lease = 5 * base::kMinuteMs;
  int batch = 50;                                  // reminders claimed in one transaction
  std::int64_t keep_messages = 30 * base::kDayMs;  // numbers and texts, after they are over
  OnTimeout on_timeout = OnTimeout::assume_sent;
  std::map<std::string, OnTimeout> on_timeout_of;  // by SMSC, where it differs
  std::vector<std::string> msisdn_allow;  // prefixes of reported numbers that may be written to
  std::string default_language = "en";
  Texts text{
      {"en",
       "Your SIM content was last backed up on {date}. Reply Y to back it up now, N if "
       "nothing has changed, STOP for no more reminders."},
      {"zh", "您的卡内容上次备份于{date}。回复1立即备份，回复0无需更新，回复STOP不再提醒。"}};
  Texts shrunk_text{
      // behind `text`
      {"en", "The last back-up had far fewer entries than the one before, which is kept."},
      {"zh", "上次备份的条目明显减少，之前的备份已保留。"}};
  Texts help_text{
      {"en", "Reply Y to back up your SIM content, N if nothing has changed, STOP to end."},
      {"zh", "回复1备份卡内容，回复0无需更新，回复STOP不再提醒。"}};
  WordLists words;
  WakeUpSettings wake_up;
};

struct SettingsFault {
  std::string key;  // as in the INI: "text.en"
  std::string text;
};
// What is wrong with the settings: unknown zone, bad text, ambiguous word. Empty: nothing.
std::vector<SettingsFault> faults_of(const ReminderSettings& settings);

}  // namespace vault
