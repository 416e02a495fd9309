// The platform as carrier of messages: bv.sms/1, and what its bv.sms-sink/1 is told.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string_view>

#include "plugin/host.h"
#include "plugin/sms_carrier.h"
#include "plugin/sms_inbox.h"

namespace plugin {

class HostSms : public SmsCarrier {
 public:
  static constexpr char kName[] = "host";  // in place of an SMSC's

  // The host gives bv.sms/1. Both outlive it.
  HostSms(const Host& host, base::Log& log, SmsInbox& inbox)
      : host_(host), log_(log), inbox_(inbox) {}

  base::Status start() override;
  void drain() override;
  // What the host has not answered by then is uncertain.
  void stop(std::int64_t deadline_ms) override;

  Taken submit(const vault::OutgoingSms& sms) override;
  std::size_t room() const override;
  std::vector<vault::SmscState> state() const override;

  // What the host tells. Any thread; never calls the host.
  bv_status on_result(const bv_sms_result* result);
  bv_status on_receipt(const bv_sms_receipt* receipt);
  bv_status on_message(const bv_sms_incoming* message);
  bv_status on_room();
  bv_status on_reachable(std::string_view number);

 private:
  struct UnderWay {
    std::uint64_t told = 0;      // bit n-1: segment n has its outcome
    std::uint32_t segments = 0;  // as the host has cut it; 0: it has not said yet
    int accepted_of = 0;         // OutgoingSms
  };
  bool all_told(const UnderWay& message) const;
  bv_status hand_over(vault::Arrival arrival, std::uint64_t id);

  const Host& host_;
  base::Log& log_;
  SmsInbox& inbox_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<vault::SmsRef, UnderWay> under_way_;
  bool open_ = false;       // takes messages
  bool listening_ = false;  // takes what the host tells
};

}  // namespace plugin
