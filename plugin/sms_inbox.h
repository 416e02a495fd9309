// What the SMSCs' side has told, on its way to the thread that may touch the store.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <utility>
#include <vector>

#include "vault/reminder_service.h"

namespace plugin {

// Any thread puts, one takes. Bounded: messages and receipts by their limit - beyond it the SMSC
// keeps them -, outcomes by what the SmsOut has taken, phones that are back by a limit of their
// own.
class SmsInbox : public vault::SmsSink {
 public:
  struct Contents {
    std::vector<vault::SmsOutcome> outcomes;
    std::vector<vault::Arrival> arrivals;
    std::vector<vault::Kept> kept;  // of the arrivals, in their order
    std::vector<vault::Msisdn> back;
    bool woken = false;  // there is room again, or somebody has called wake()
    bool empty() const { return outcomes.empty() && arrivals.empty() && back.empty() && !woken; }
  };

  explicit SmsInbox(std::size_t arrivals) : limit_(arrivals) {}

  void outcome(const vault::SmsOutcome& outcome) override;
  void receipt(vault::SmsReceipt receipt, vault::Kept kept) override;
  void incoming(vault::IncomingSms sms, vault::Kept kept) override;
  void subscriber_back(const vault::Msisdn& number) override;
  void room() override { wake(); }
  void wake();

  // False: no room, nothing was taken, and `kept` is not called.
  bool offer(vault::Arrival arrival, vault::Kept kept);

  // Everything that is there, at the latest after that time.
  Contents take(std::chrono::milliseconds patience);

 private:
  static constexpr std::size_t kMostBack = 1'000;

  const std::size_t limit_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Contents contents_;
};

}  // namespace plugin
