// vault::MessageTx and vault::MessageScan over SQL. A SqlMessageTx lives for one call of the
// function given to update(), inside a SqlTx; a SqlMessageScan as long as its store.
#pragma once

#include <exception>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "db/first_fault.h"
#include "db/message_rows.h"
#include "vault/sms_ports.h"

namespace db {

class SqlMessageTx : public vault::MessageTx {
 public:
  explicit SqlMessageTx(SqlConnection& connection) : connection_(connection) {}

  vault::Reminder& reminder(const vault::RecordId& record) override;
  vault::WakeUpRow& wake_up(const vault::Iccid& card) override;
  vault::JobRow& job(const std::string& name) override;
  vault::InstanceRow& instance(const std::string& name) override;
  vault::Counter& downlink(const vault::Iccid& card, std::uint8_t key_set) override;
  vault::Sms* sms(vault::SmsRef ref) override;
  vault::OutboxItem* outbox(std::uint64_t id) override;
  vault::IncomingSms* incoming(std::uint64_t id) override;
  vault::CareRequest* care_request(std::uint64_t id) override;
  vault::Sms& add_sms() override;
  vault::OutboxItem& add_outbox() override;
  vault::CareRequest& add_care_request() override;
  bool add_incoming(const vault::IncomingSms& sms) override;
  void drop(const vault::EndedMessages& ended) override { drops_ = ended; }

  // Throws what a read has thrown meanwhile.
  void rethrow() const { fault_.rethrow(); }
  // What the function has changed. Call once.
  MessageWrites take_changes();

 private:
  template <class T>
  struct Known {
    T row;
    std::optional<T> before;  // as read, or blank; nothing: added here
    bool stored = false;
  };
  template <class Key, class T>
  using Cache = std::map<Key, Known<T>>;
  struct Downlink {
    vault::Counter seen = 0;
    vault::Counter value = 0;
  };

  template <class T, class Key>
  T& always(Cache<Key, T>& cache, const Key& key, T&& blank, const char* column, Param value);
  template <class T>
  T* perhaps(Cache<std::uint64_t, T>& cache, std::uint64_t id, const char* column);
  template <class T>
  T& add(Cache<std::uint64_t, T>& cache, std::uint64_t id);
  template <class T, class Key>
  static void collect(Cache<Key, T>& cache, std::vector<MessageWrite<T>>& out);
  std::vector<vault::SmsSegment> segments_of(vault::SmsRef ref);

  SqlConnection& connection_;
  FirstFault fault_;
  Cache<vault::RecordId, vault::Reminder> reminders_;
  Cache<vault::Iccid, vault::WakeUpRow> wake_ups_;
  Cache<std::string, vault::JobRow> jobs_;
  Cache<std::string, vault::InstanceRow> instances_;
  Cache<std::uint64_t, vault::Sms> sms_;
  Cache<std::uint64_t, vault::OutboxItem> outbox_;
  Cache<std::uint64_t, vault::IncomingSms> incoming_;
  Cache<std::uint64_t, vault::CareRequest> care_requests_;
  std::map<std::pair<vault::Iccid, std::uint8_t>, Downlink> downlink_;
  vault::EndedMessages drops_;
};

class SqlMessageScan : public vault::MessageScan {
 public:
  // Runs a read on a connection, reconnecting once; the error says why not.
  using Read = std::function<base::Status(const std::function<void(SqlConnection&)>&)>;
  explicit SqlMessageScan(Read read) : read_(std::move(read)) {}

  base::Result<std::vector<Dated>> records_by(Date what, const Dated& after, std::int64_t until,
                                              std::size_t limit) override;
  base::Result<std::vector<vault::RecordId>> due_reminders(std::int64_t now,
                                                           std::size_t limit) override;
  base::Result<std::vector<vault::Iccid>> due_wake_ups(std::int64_t now,
                                                       std::size_t limit) override;
  base::Result<std::vector<vault::SmsRef>> left_behind(vault::SmsStep step, std::int64_t now,
                                                       std::size_t limit) override;
  base::Result<std::vector<vault::OutboxItem>> open_outbox(std::int64_t now,
                                                           std::size_t limit) override;
  base::Result<std::vector<vault::IncomingSms>> open_incoming(std::int64_t now,
                                                              std::size_t limit) override;
  base::Result<std::vector<vault::RecordId>> records_of_number(
      const vault::Msisdn& number) override;
  base::Result<std::vector<std::pair<vault::SmsRef, int>>> segments_of(
      const vault::SmsReceipt& receipt, std::int64_t since) override;
  base::Result<std::vector<vault::InstanceRow>> instances() override;
  base::Result<vault::EndedMessages> ended_before(std::int64_t utc_ms, std::size_t limit) override;
  base::Result<std::vector<vault::CareRequest>> care_requests(const vault::RecordId* record,
                                                              std::int64_t now,
                                                              std::size_t limit) override;
  base::Result<std::vector<std::uint64_t>> care_requests_over(std::int64_t before,
                                                              std::size_t limit) override;
  base::Result<std::vector<vault::IncomingSms>> parts_of(const vault::IncomingSms& part) override;

 private:
  template <class T, class F>
  base::Result<std::vector<T>> collect(const std::string& sql, const std::vector<Param>& params,
                                       F&& take);

  Read read_;
};

}  // namespace db
