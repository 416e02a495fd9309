// Rows of reminders, messages, wake-ups and requests of customer care as SQL: one table of columns
// for each. What an update has changed of them is a MessageWrites, applied with the rest of its
// ChangeSet.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "db/guarded_writes.h"
#include "db/sql.h"
#include "vault/care_request.h"
#include "vault/sms_rows.h"

namespace db {

// A row as it shall be; its version is the one read.
template <class T>
struct MessageWrite {
  T row;
  bool fresh = false;  // not in the store yet
};

struct SmsWrite {
  vault::Sms row;
  bool fresh = false;
  std::vector<vault::SmsSegment> before;  // segments as read
};

struct MessageWrites {
  std::vector<MessageWrite<vault::Reminder>> reminders;
  std::vector<MessageWrite<vault::WakeUpRow>> wake_ups;
  std::vector<MessageWrite<vault::JobRow>> jobs;
  std::vector<MessageWrite<vault::InstanceRow>> instances;
  std::vector<SmsWrite> sms;
  std::vector<MessageWrite<vault::OutboxItem>> outbox;
  std::vector<MessageWrite<vault::IncomingSms>> incoming;
  std::vector<MessageWrite<vault::CareRequest>> care_requests;
  std::vector<CounterWrite> downlink;
  vault::EndedMessages drops;

  bool empty() const;
};

// Cuts texts that are longer than their columns; what an SMSC may have written of any octets
// becomes printable ASCII.
void fit(MessageWrites& writes);
// An SMSC's id of a message as fit() leaves it.
std::string fit_message_id(std::string_view id);
// Inside an open transaction; `conflict` when a row is no longer as it was read.
void apply(SqlConnection& connection, const MessageWrites& writes);

// "SELECT ... FROM table", and the row of such a result. Throws SqlError on a bad value.
template <class T>
const std::string& select_message();
template <class T>
T read_message(const Row& row);

extern template const std::string& select_message<vault::Reminder>();
extern template const std::string& select_message<vault::WakeUpRow>();
extern template const std::string& select_message<vault::JobRow>();
extern template const std::string& select_message<vault::InstanceRow>();
extern template const std::string& select_message<vault::Sms>();
extern template const std::string& select_message<vault::OutboxItem>();
extern template const std::string& select_message<vault::IncomingSms>();
extern template const std::string& select_message<vault::CareRequest>();
extern template vault::Reminder read_message<vault::Reminder>(const Row&);
extern template vault::WakeUpRow read_message<vault::WakeUpRow>(const Row&);
extern template vault::JobRow read_message<vault::JobRow>(const Row&);
extern template vault::InstanceRow read_message<vault::InstanceRow>(const Row&);
extern template vault::Sms read_message<vault::Sms>(const Row&);
extern template vault::OutboxItem read_message<vault::OutboxItem>(const Row&);
extern template vault::IncomingSms read_message<vault::IncomingSms>(const Row&);
extern template vault::CareRequest read_message<vault::CareRequest>(const Row&);

}  // namespace db
