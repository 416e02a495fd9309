#include "vault/subscriber_notice.h"

#include "vault/outbox.h"
#include "vault/texts.h"

namespace vault {

namespace {

constexpr std::int64_t kNoticeLife = 3 * base::kDayMs;
constexpr std::size_t kShown = 4;  // digits of the card's number

// Null: not to be told.
const Texts* texts_of(Notice what, const NoticeSettings& settings) {
  switch (what) {
    case Notice::unlocked:
      return settings.unlock ? &settings.unlock_text : nullptr;
    case Notice::moved:
      return settings.move ? &settings.move_text : nullptr;
    case Notice::erased:
      return settings.erase ? &settings.erase_text : nullptr;
    case Notice::exported:
      return settings.handed_over ? &settings.export_text : nullptr;
  }
  return nullptr;
}

}  // namespace

Subscriber subscriber_of(const Record& record) {
  return {record.msisdn_provisioned, record.language};
}

void tell(RecordTx& tx, const Subscriber& subscriber, const Record& record, Notice what,
          const NoticeSettings& settings, base::Now now) {
  const Texts* const texts = texts_of(what, settings);
  if (texts == nullptr || !subscriber.number) return;
  const std::string* const text = text_in(*texts, subscriber.language, settings.default_language);
  if (text == nullptr) return;
  const std::string& digits = record.iccid.digits();
  OutboxItem item;
  item.kind = OutboxItem::Kind::notice;
  item.record = record.id;
  item.number = subscriber.number;
  item.text = fill_in(*text, {{kCardPlaceholder, digits.substr(digits.size() - kShown)}});
  item.asked_by = "vault";
  ask(tx.messages(), std::move(item), kNoticeLife, now);
}

void tell_moved(RecordTx& tx, const Subscriber& subscriber, const Iccid& to,
                const NoticeSettings& settings, base::Now now) {
  if (const Record* const record = tx.find(to)) {
    tell(tx, subscriber, *record, Notice::moved, settings, now);
  }
}

}  // namespace vault
