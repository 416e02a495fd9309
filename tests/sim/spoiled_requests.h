// The rows of messages of a store with a defect: what customer care's requests say is not what they
// said.
#pragma once

#include "tests/sim/defects.h"
#include "vault/ports.h"
#include "vault/sms_ports.h"

namespace sim {

inline bool is_of_requests(Defect defect) {
  return defect == Defect::own_approval || defect == Defect::endless_request ||
         defect == Defect::request_again || defect == Defect::stale_request;
}

class SpoiledRequests : public vault::MessageTx {
 public:
  // `real` outlives the object.
  SpoiledRequests(vault::RecordTx& real, Defect defect) : real_(real), defect_(defect) {}

  vault::CareRequest* care_request(std::uint64_t id) override {
    vault::CareRequest* const row = rows().care_request(id);
    if (row != nullptr) spoil(*row);
    return row;
  }
  vault::CareRequest& add_care_request() override { return rows().add_care_request(); }
  vault::Reminder& reminder(const vault::RecordId& id) override { return rows().reminder(id); }
  vault::WakeUpRow& wake_up(const vault::Iccid& card) override { return rows().wake_up(card); }
  vault::JobRow& job(const std::string& name) override { return rows().job(name); }
  vault::InstanceRow& instance(const std::string& name) override { return rows().instance(name); }
  vault::Counter& downlink(const vault::Iccid& card, std::uint8_t key_set) override {
    return rows().downlink(card, key_set);
  }
  vault::Sms* sms(vault::SmsRef ref) override { return rows().sms(ref); }
  vault::OutboxItem* outbox(std::uint64_t id) override { return rows().outbox(id); }
  vault::IncomingSms* incoming(std::uint64_t id) override { return rows().incoming(id); }
  vault::Sms& add_sms() override { return rows().add_sms(); }
  vault::OutboxItem& add_outbox() override { return rows().add_outbox(); }
  bool add_incoming(const vault::IncomingSms& sms) override { return rows().add_incoming(sms); }
  void drop(const vault::EndedMessages& ended) override { rows().drop(ended); }

 private:
  vault::MessageTx& rows() { return real_.messages(); }

  void spoil(vault::CareRequest& row) {
    using State = vault::CareRequest::State;
    const bool over = row.state == State::done || row.state == State::rejected;
    const vault::Record* const record = real_.find(row.record);
    if (defect_ == Defect::own_approval) row.asked_by = "agent:nobody";
    if (defect_ == Defect::endless_request) row.expires_at += base::kDayMs;
    if (defect_ == Defect::request_again && over) row.state = State::open;
    if (defect_ == Defect::stale_request && record != nullptr) row.epoch = record->epoch;
  }

  vault::RecordTx& real_;
  Defect defect_;
};

}  // namespace sim
