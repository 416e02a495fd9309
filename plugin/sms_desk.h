// Everything of the plugin that has to do with SMS: the connections to the SMSCs, and one thread
// with a store of its own that reminds, takes answers and wakes cards.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/counters.h"
#include "base/gate.h"
#include "base/guarded.h"
#include "base/log.h"
#include "base/result.h"
#include "base/thread.h"
#include "plugin/sms_carrier.h"
#include "plugin/sms_inbox.h"
#include "smsc/settings.h"
#include "vault/ports.h"
#include "vault/reminder_service.h"

namespace plugin {

// Calls come from one thread at a time, except state(). Used once: a new start has a new desk.
class SmsDesk {
 public:
  struct Settings {
    std::vector<smsc::Settings> smscs;  // with their passwords
    smsc::CommonSettings common;
    vault::ReminderSettings reminder;
    vault::Policy policy;
    std::string instance;
  };
  // All references outlive the desk.
  struct Parts {
    vault::StoreFactory& stores;
    vault::WakeUp* wake_up;  // null: cards are not woken
    const base::Clock& clock;
    base::Log& log;
    base::Counters& counters;
    std::function<void(const std::string& smsc, const std::string& text)> alarm;  // as of Esme
    // Empty: an ESME with the settings' SMSCs.
    std::function<std::unique_ptr<SmsCarrier>(SmsInbox&)> carrier = {};
  };
  SmsDesk(Settings settings, const Parts& parts);
  ~SmsDesk();

  // Fails for what can never work (certificates that cannot be read), not for an SMSC or a store
  // that is away.
  base::Status start();
  // From the thread's next turn on.
  void reconfigure(const vault::ReminderSettings& reminder, const vault::Policy& policy);
  // Nothing new leaves; answers to what has left are waited for, then the SMSCs are unbound.
  // Returns at once.
  void drain();
  // drain(), and the end of what is left at the deadline. False: the thread, which may be waiting
  // for the store, has not ended; call again.
  bool stop(std::int64_t deadline_ms);

  std::vector<vault::SmscState> state() const { return carrier_->state(); }  // any thread

 private:
  using Change = std::pair<vault::ReminderSettings, vault::Policy>;

  void run();
  void turn(vault::ReminderService& service);
  void hand_over(vault::ReminderService& service, SmsInbox::Contents contents, base::Now now);

  Settings settings_;
  Parts parts_;
  SmsInbox inbox_;
  std::unique_ptr<SmsCarrier> carrier_;
  base::Guarded<std::optional<Change>> change_;
  base::Gate gate_;
  std::int64_t next_work_ = INT64_MIN;  // mono_ms, the thread's
  base::Thread thread_;
};

}  // namespace plugin
