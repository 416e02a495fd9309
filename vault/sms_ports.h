// What the vault needs for reminders, answers and wake-ups, and for requests of customer care.
// SmsOut is implemented by smsc (or by a host that carries messages itself) and calls an SmsSink;
// WakeUp by bip; MessageTx and MessageScan by db. Each function says which threads may call it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "vault/care_request.h"
#include "vault/sms_rows.h"
#include "vault/types.h"

namespace vault {

// ---- Out and in -------------------------------------------------------------------------------

// A message on its way out: text, or a secured packet for the card.
struct OutgoingSms {
  SmsRef ref = 0;
  SmsKind kind = SmsKind::reminder;
  Msisdn to;
  std::string text;  // UTF-8: GSM 7 bit or UCS2 and the number of segments are SmsOut's choice
  // Command packet from its CPL on (TS 31.115 clause 4): SMS-PP data download, PID 7F, DCS F6,
  // UDHI; the user data headers (70 and, over several segments, 00 or 08) are SmsOut's.
  base::Bytes packet;
  std::int64_t validity_ms = 0;         // from now; 0: the SMSC's own
  std::uint64_t accepted_segments = 0;  // bit n-1: an SMSC has segment n, it is not sent again
  std::string smsc;                     // only through this one; empty: in order of preference
  // Segments of that cut: those of another one do not fit it. 0: not known.
  int accepted_of = 0;

  bool is_accepted(int segment) const {
    return segment <= 64 && (accepted_segments >> (segment - 1) & 1) != 0;
  }
};

// What became of one segment's submit. Exactly one per segment of a message that was taken, while
// the process lives.
struct SmsOutcome {
  enum class Kind : std::uint8_t {
    accepted,   // the SMSC has it
    refused,    // the SMSC said no, and SmsOut's own retries are over
    uncertain,  // written, never answered
    // No SMSC has it, and none has judged it: no link until the message's time was over, put off
    // (throttled) until then, or a shutdown while it waited to be sent or sent again.
    not_sent,
  };
  SmsRef ref = 0;
  int segment = 1;   // 1..segments
  int segments = 1;  // of the message as SmsOut cut it
  Kind kind = Kind::accepted;
  std::string smsc;
  // In the form in which this SMSC's receipts name it (id_match applied to both); opaque, may be
  // empty, may be the same for all messages.
  std::string message_id;
  std::uint32_t status = 0;  // command_status, 0 if there was none
  bool bad_number = false;   // refused because of the destination: it is not reachable
};

// A delivery receipt. May come before the submit's answer, more than once, without usable id.
struct SmsReceipt {
  enum class Kind : std::uint8_t { delivered, failed, interim };  // interim: buffered, retried
  std::string smsc;
  std::string message_id;        // normalised as in SmsOutcome; empty: none
  std::uint16_t reference = 0;   // user_message_reference echoed; 0: none
  std::optional<Msisdn> number;  // the subscriber's, if named
  Kind kind = Kind::interim;
  std::string error;  // for people: "err:001", "UNDELIV"
  // The SMSC itself says that it is one; else its text looks like it, which a person can write too.
  bool marked = false;
};

// How one SMSC is, for `instances`, metrics and `bipvault-ops smsc status`.
struct SmscState {
  std::string name;
  bool bound = false;
  std::uint32_t binds = 0;
  std::uint32_t waiting = 0;    // segments queued
  std::uint32_t in_flight = 0;  // written, not answered
  std::uint32_t rate = 0;       // segments a second that are allowed now; 0: no limit
  std::string trouble;          // one line, empty: none
};

// Messages out. Any thread; nothing blocks.
class SmsOut {
 public:
  virtual ~SmsOut() = default;
  enum class Taken : std::uint8_t {
    yes,         // outcomes will follow
    busy,        // nothing has happened and nothing was written: later (SmsSink::room)
    impossible,  // never: too long, or not to be encoded
  };
  virtual Taken submit(const OutgoingSms& sms) = 0;
  // Segments that would be taken now: what is due stays in the store until there is room.
  virtual std::size_t room() const = 0;
  virtual std::vector<SmscState> state() const = 0;
};

// Called with true when what was handed over is durable: only then the SMSC is told so. With false
// it keeps the message (deliver_sm_resp with an error).
using Kept = std::function<void(bool)>;

// What an SmsOut has to tell. Called on its own threads; returns at once, never calls back into the
// SmsOut from within.
class SmsSink {
 public:
  virtual ~SmsSink() = default;
  virtual void outcome(const SmsOutcome& outcome) = 0;
  virtual void receipt(SmsReceipt receipt, Kept kept) = 0;
  virtual void incoming(IncomingSms sms, Kept kept) = 0;
  virtual void subscriber_back(const Msisdn& number) = 0;  // alert_notification
  virtual void room() = 0;                                 // SmsOut takes messages again
};

// ---- Wake-ups ---------------------------------------------------------------------------------

struct WakePacket {
  base::Bytes packet;  // for OutgoingSms::packet
  std::array<std::uint8_t, 3> tar{};
  Counter counter = 0;  // the one used
  std::uint8_t key_set = 0;
};

struct WakeBuilt {
  enum class Kind : std::uint8_t {
    done,
    no_keys,    // this card has none: no use trying
    try_later,  // the key service is away
  };
  Kind kind = Kind::try_later;
  WakePacket packet;
};

// A proof of receipt (TS 102 225 clause 5.2), read.
struct Por {
  std::array<std::uint8_t, 3> tar{};
  Counter counter = 0;
  std::uint8_t status = 0;
  bool authentic = false;  // its CC verified under this card's keys
};

// Builds what wakes a card and reads what it answers; knows keys, never sends. May block on a key
// service: called on the thread of the ReminderService only.
class WakeUp {
 public:
  virtual ~WakeUp() = default;
  virtual std::uint8_t key_set() const = 0;  // of the next packet
  // The platform owns the downlink counter (bv.ota-crypto/1): `counter` below is ignored.
  virtual bool platform_counts() const = 0;
  // `key_set` and its counter are those that were committed for this packet.
  virtual WakeBuilt build(const Iccid& card, WakeReason reason, std::uint8_t key_set,
                          Counter counter) = 0;
  // Nothing: not a response packet; an error: the key service is away. `key_set`: of the packet
  // that is answered. `user_data`: TP-UD with its header, concatenation undone.
  virtual base::Result<std::optional<Por>> read_por(const Iccid& card, std::uint8_t key_set,
                                                    base::View user_data) = 0;
};

// ---- Store ------------------------------------------------------------------------------------

// The rows of the update in which it was handed out (RecordTx::messages), under RecordTx's rules: a
// reference stays valid until the update ends, what differs then is written, guarded by the row's
// version; two calls with one key give the same row. A row of reminder(), wake_up(), job() and
// instance() that was left blank is not written.
class MessageTx {
 public:
  virtual ~MessageTx() = default;

  virtual Reminder& reminder(const RecordId& record) = 0;
  virtual WakeUpRow& wake_up(const Iccid& card) = 0;
  virtual JobRow& job(const std::string& name) = 0;
  virtual InstanceRow& instance(const std::string& name) = 0;
  // Highest downlink counter given out to (card, key set); only ever raised.
  virtual Counter& downlink(const Iccid& card, std::uint8_t key_set) = 0;

  virtual Sms* sms(SmsRef ref) = 0;  // null: none, also below
  virtual OutboxItem* outbox(std::uint64_t id) = 0;
  virtual IncomingSms* incoming(std::uint64_t id) = 0;
  virtual CareRequest* care_request(std::uint64_t id) = 0;

  virtual Sms& add_sms() = 0;  // with a fresh ref
  virtual OutboxItem& add_outbox() = 0;
  virtual CareRequest& add_care_request() = 0;
  // False: its mark is there already, nothing is added.
  virtual bool add_incoming(const IncomingSms& sms) = 0;
  virtual void drop(const EndedMessages& ended) = 0;
};

// Looks for work, by index and in small portions; what is found is looked at again inside an
// update. Same thread and connection as the Store that gave it (Store::messages).
class MessageScan {
 public:
  virtual ~MessageScan() = default;

  enum class Date : std::uint8_t { updated, identity, suspended };  // of the record
  struct Dated {
    RecordId record{};
    std::int64_t date = 0;
  };
  // Records in the order of (date, record) behind `after`, up to and including `until`.
  virtual base::Result<std::vector<Dated>> records_by(Date what, const Dated& after,
                                                      std::int64_t until, std::size_t limit) = 0;
  // Reminders and wake-ups whose next_at has come; earliest first.
  virtual base::Result<std::vector<RecordId>> due_reminders(std::int64_t now,
                                                            std::size_t limit) = 0;
  virtual base::Result<std::vector<Iccid>> due_wake_ups(std::int64_t now, std::size_t limit) = 0;
  // Messages in this step whose lease is over.
  virtual base::Result<std::vector<SmsRef>> left_behind(SmsStep step, std::int64_t now,
                                                        std::size_t limit) = 0;
  virtual base::Result<std::vector<OutboxItem>> open_outbox(std::int64_t now,
                                                            std::size_t limit) = 0;
  virtual base::Result<std::vector<IncomingSms>> open_incoming(std::int64_t now,
                                                               std::size_t limit) = 0;
  // Whose last reminder or wake-up went to this number, or who has it from provisioning; newest
  // reminder first.
  virtual base::Result<std::vector<RecordId>> records_of_number(const Msisdn& number) = 0;
  // Segments that a receipt may mean: by (smsc, id) and number; if there is none, by number; if
  // there is none either, the only one of (smsc, id), for a marked receipt: the number may be in
  // national form. The reference tells several apart. Submitted after `since`, newest first.
  virtual base::Result<std::vector<std::pair<SmsRef, int>>> segments_of(const SmsReceipt& receipt,
                                                                        std::int64_t since) = 0;
  virtual base::Result<std::vector<InstanceRow>> instances() = 0;
  // What was over before that moment: oldest first, at most `limit` of each kind.
  virtual base::Result<EndedMessages> ended_before(std::int64_t utc_ms, std::size_t limit) = 0;
  // Requests of customer care, open or approved, that are not over: of a record, or of all (null);
  // oldest first.
  virtual base::Result<std::vector<CareRequest>> care_requests(const RecordId* record,
                                                               std::int64_t now,
                                                               std::size_t limit) = 0;
  // Those that were over before that moment, at most `limit`.
  virtual base::Result<std::vector<std::uint64_t>> care_requests_over(std::int64_t before,
                                                                      std::size_t limit) = 0;
  // All parts that are there of the message of which `part` is one, in no order.
  virtual base::Result<std::vector<IncomingSms>> parts_of(const IncomingSms& part) = 0;
};

}  // namespace vault
