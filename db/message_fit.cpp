// What people and SMSCs send may be longer than a column, and of octets that it does not take.
#include "base/text.h"
#include "db/message_rows.h"

namespace db {

std::string fit_message_id(std::string_view id) { return base::printable(id.substr(0, 80)); }

void fit(MessageWrites& writes) {
  constexpr std::size_t kName = 128;
  constexpr std::size_t kShort = 64;
  constexpr std::size_t kLine = 255;
  constexpr std::size_t kBody = 2000;
  constexpr std::size_t kUserData = 512;
  for (auto& write : writes.reminders)
    write.row.opted_out_by = base::cut_text(write.row.opted_out_by, kName);
  for (auto& write : writes.wake_ups)
    write.row.asked_by = base::cut_text(write.row.asked_by, kName);
  for (auto& write : writes.instances) {
    write.row.product = base::cut_text(write.row.product, kShort);
    write.row.health = base::cut_text(write.row.health, kBody);
  }
  for (auto& write : writes.sms) {
    write.row.text = base::cut_text(write.row.text, kBody);
    write.row.smsc = base::cut_text(write.row.smsc, kShort);
    for (vault::SmsSegment& segment : write.row.segments) {
      segment.smsc = base::cut_text(segment.smsc, kShort);
      segment.message_id = fit_message_id(segment.message_id);
    }
  }
  for (auto& write : writes.outbox) {
    write.row.text = base::cut_text(write.row.text, kBody);
    write.row.detail = base::cut_text(write.row.detail, kLine);
    write.row.asked_by = base::cut_text(write.row.asked_by, kName);
    // It may name an SMSC's id.
    write.row.result = base::printable(write.row.result.substr(0, kLine));
  }
  for (auto& write : writes.care_requests) {
    write.row.asked_by = base::cut_text(write.row.asked_by, kName);
    write.row.decided_by = base::cut_text(write.row.decided_by, kName);
    write.row.reason = base::cut_text(write.row.reason, kLine);
    write.row.document_type = base::cut_text(write.row.document_type, kLine);
    write.row.result = base::cut_text(write.row.result, kUserData);
  }
  for (auto& write : writes.incoming) {
    write.row.smsc = base::cut_text(write.row.smsc, kShort);
    write.row.to = base::printable(write.row.to.substr(0, 32));
    write.row.text = base::cut_text(write.row.text, kBody);
    write.row.result = base::cut_text(write.row.result, kLine);
    if (write.row.user_data.size() > kUserData) write.row.user_data.resize(kUserData);
  }
}

}  // namespace db
