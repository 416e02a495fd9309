// What subscribers are told of that was done to their record: a message of the outbox, written in
// the transaction that does it. Customer care that is bribed cannot keep it quiet.
#pragma once

#include <optional>
#include <string>

#include "vault/policy.h"
#include "vault/ports.h"

namespace vault {

enum class Notice { unlocked, moved, erased, exported };

// Whom to tell: taken before the change, which may put another number in its place. Only a number
// that provisioning told is anybody's.
struct Subscriber {
  std::optional<Msisdn> number;
  std::string language;
};
Subscriber subscriber_of(const Record& record);

// Inside an update. `record`: as it is afterwards; its card is named in the text. Nothing is
// written without a number, or for what `notify` does not name.
void tell(RecordTx& tx, const Subscriber& subscriber, const Record& record, Notice what,
          const NoticeSettings& settings, base::Now now);
// The same of a move, which may have merged the record into the new card's.
void tell_moved(RecordTx& tx, const Subscriber& subscriber, const Iccid& to,
                const NoticeSettings& settings, base::Now now);

}  // namespace vault
