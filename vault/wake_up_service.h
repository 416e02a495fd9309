// Carries wishes for wake-ups to the cards and reads what they answer. One thread at a time.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "vault/sms_sender.h"
#include "vault/wake_up.h"

namespace vault {

// Inside an update: wishes that the record's card calls. Empty: noted, else why not.
std::string ask_for_wake_up(RecordTx& tx, const Record& record, WakeReason reason,
                            const std::string& asked_by, const WakeUpSettings& settings,
                            base::Now now);

class WakeUpService {
 public:
  WakeUpService(const SmsWorld& world, SmsSender& sender) : world_(world), sender_(sender) {}

  // Each says whether something is left to do at once.
  bool send_due(base::Now now);
  // The campaign of claim 3: cards whose identity is older than identity_max_age, oldest first, at
  // identity_rate an hour over all instances.
  bool refresh_identities(base::Now now);

  void subscriber_back(const Msisdn& number, base::Now now);
  // A message from a card: the proof of receipt of the packet under way, or nobody's. Its rows are
  // done with, unless the store is away (then false) or the keys are: then they are put off.
  bool take_answer(const IncomingSms& sms, const base::Bytes& user_data,
                   const std::vector<std::uint64_t>& rows, base::Now now);

 private:
  struct Claimed {
    SmsRef ref = 0;
    Iccid iccid;
    Msisdn to;
    WakeReason reason;
    std::uint8_t key_set = 0;
    Counter counter = 0;
  };
  std::optional<Claimed> claim(const Iccid& card, base::Now now);
  void send(const Claimed& claimed, base::Now now);
  void undo(const Claimed& claimed, WakeBuilt::Kind why, base::Now now);
  struct Readings {
    std::vector<std::pair<Iccid, Por>> found;
    bool keys_away = false;  // of a card that it may come from
  };
  base::Result<Readings> readings(const Msisdn& from, const base::Bytes& user_data, base::Now now);

  const SmsWorld& world_;
  SmsSender& sender_;
};

}  // namespace vault
