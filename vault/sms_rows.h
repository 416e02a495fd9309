// What the store keeps of reminders, messages and wake-ups: plain rows, one per reminder, message,
// card, request, instance. `version` is the store's: it guards every change of a row. Dates are
// utc_ms, 0: not. Immutable values once read; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/crypto.h"
#include "vault/types.h"

namespace vault {

// Our number of one outgoing message: random, 1..2^63-1. All segments and repetitions of the
// message share it; its low 8 or 16 bits are the concatenation reference (TS 23.040 9.2.3.24.1)
// and the user_message_reference.
using SmsRef = std::uint64_t;

enum class SmsKind : std::uint8_t { reminder = 1, help = 2, notice = 3, wake_up = 4, test = 5 };

// How far an outgoing message has come. A row in `claimed` was never handed to an SMSC; one in
// `submitting` may have been (ReminderService: the table of interruptions).
enum class SmsStep : std::uint8_t {
  claimed = 1,
  submitting = 2,
  sent = 3,       // every segment accepted by an SMSC
  uncertain = 4,  // written to an SMSC and never answered, or interrupted while submitting
  refused = 5,    // an SMSC said no, for good
  delivered = 6,  // final receipt: it has arrived
  failed = 7,     // final receipt: it never will
  given_up = 8,   // never sent, and no longer to be
};

struct SmsSegment {
  int number = 1;  // 1..
  SmsStep step = SmsStep::submitting;
  std::string smsc;
  std::string message_id;  // as SmsOutcome gives it; may be empty, may repeat
  bool operator==(const SmsSegment&) const = default;
};

struct Sms {
  SmsRef ref = 0;
  std::uint64_t version = 0;
  SmsKind kind = SmsKind::reminder;
  RecordId record{};         // zero: none (test)
  std::optional<Msisdn> to;  // always there but in a fresh row
  std::string text;          // UTF-8; empty for wake-ups
  std::string smsc;          // only through this one; empty: any
  std::int64_t due_at = 0;   // with record, kind and attempt: what it is the message of, unique
  int attempt = 0;
  SmsStep step = SmsStep::claimed;
  std::string owner;  // the instance that has it in hand until lease_until
  std::int64_t lease_until = 0;
  std::int64_t created_at = 0;
  std::int64_t submitted_at = 0;  // last time that it was handed to an SmsOut
  std::int64_t expires_at = 0;    // nobody wants it any more
  int tries = 0;                  // how often it was handed to an SmsOut
  std::uint64_t outbox = 0;       // the request that it fulfils; 0: none
  int segment_count = 0;          // 0: not known yet
  std::vector<SmsSegment> segments;
  bool operator==(const Sms&) const = default;
};

// One per record that has ever been due or has opted out.
struct Reminder {
  RecordId record{};
  std::uint64_t version = 0;
  std::int64_t based_on = 0;     // the record's updated_at for which the cycle runs
  std::int64_t due_at = 0;       // due date of the cycle
  std::int64_t next_at = 0;      // when to look at it again; 0: not before the record's next store
  int sent = 0;                  // of this due date; uncertain ones count
  bool open = false;             // a yes or a no is waited for
  std::optional<Msisdn> number;  // the one the last reminder went to
  SmsRef last_ref = 0;
  std::int64_t last_sent_at = 0;
  std::int64_t answered_at = 0;
  std::string answer;      // "yes", "no", "stop", "start", empty: none yet
  bool help_sent = false;  // once for each reminder
  std::int64_t opted_out_at = 0;
  std::string opted_out_by;           // actor
  std::optional<Msisdn> unreachable;  // a number that a final receipt has given up
  std::int64_t unreachable_at = 0;
  bool operator==(const Reminder&) const = default;
};

enum class WakeReason : std::uint8_t { update = 1, identity = 2 };  // octets of the wake-up packet

// One per card that was ever to be woken; never deleted. Its one row is what makes wake-ups come
// one at a time.
struct WakeUpRow {
  enum class State : std::uint8_t { idle = 0, wanted = 1, waiting = 2 };  // waiting: for its PoR
  Iccid iccid;
  std::uint64_t version = 0;
  RecordId record{};
  State state = State::idle;
  WakeReason reason = WakeReason::update;
  std::string asked_by;  // actor, for the history
  std::int64_t wanted_at = 0;
  std::int64_t next_at = 0;     // wanted: not before; waiting: when its time is over
  std::int64_t expires_at = 0;  // of the whole wish
  int tries = 0;                // of this wish
  bool counter_raised = false;  // the one retry with a higher counter was used up
  SmsRef ref = 0;
  std::array<std::uint8_t, 3> tar{};  // with counter: what a PoR must name
  Counter counter = 0;
  std::uint8_t key_set = 0;
  std::int64_t sent_at = 0;
  int last_status = -1;  // of the last PoR (TS 102 225 table 5); -1: none yet
  bool last_authentic = false;
  std::int64_t last_status_at = 0;
  std::int64_t not_before = 0;            // after a clear failure: a day later
  std::int64_t without_applet_until = 0;  // TAR unknown, said by the card itself
  explicit WakeUpRow(Iccid card) : iccid(std::move(card)) {}
  bool operator==(const WakeUpRow&) const = default;
};

// A request or a notice, written in the transaction that causes it, done by any instance.
struct OutboxItem {
  enum class Kind : std::uint8_t { notice = 1, wake = 2, run_reminders = 3, test_sms = 4 };
  enum class State : std::uint8_t { open = 0, done = 1, failed = 2, expired = 3 };
  std::uint64_t id = 0;  // random, set by the store
  std::uint64_t version = 0;
  Kind kind = Kind::notice;
  State state = State::open;
  RecordId record{};             // zero: none
  std::optional<Msisdn> number;  // notice, test_sms
  std::string text;              // notice: UTF-8 to be sent; test_sms too
  std::string detail;            // wake: "update" or "identity"; test_sms: name of the SMSC
  std::string asked_by;          // actor
  std::int64_t created_at = 0;
  std::int64_t expires_at = 0;
  std::int64_t next_at = 0;  // open: not before
  std::string result;        // one line for who asked
  std::int64_t done_at = 0;
  bool operator==(const OutboxItem&) const = default;
};

// A message from a phone or a card, kept before the SMSC is told that it has arrived.
struct IncomingSms {
  std::uint64_t id = 0;  // random, set by the store
  std::uint64_t version = 0;
  base::Sha256 mark{};  // the same for the same message delivered again; unique in the store
  std::string smsc;
  std::optional<Msisdn> from;  // none: not a number
  std::string to;
  bool binary = false;
  std::string text;       // UTF-8, not binary
  base::Bytes user_data;  // binary: TP-UD with its header
  // Concatenation (TS 23.040): of `parts` this is `part`, under `reference` of this sender.
  std::uint16_t reference = 0;
  int parts = 1;
  int part = 1;
  std::int64_t at = 0;       // when it came
  std::int64_t next_at = 0;  // to be worked on; 0: done
  std::string result;        // "yes", "no", ..., "por 00", "nobody's"
  bool operator==(const IncomingSms&) const = default;
};

// Keys of rows that nobody needs any more.
struct EndedMessages {
  std::vector<SmsRef> sms;
  std::vector<std::uint64_t> outbox;
  std::vector<std::uint64_t> incoming;
  std::vector<std::uint64_t> care_requests;
  bool empty() const {
    return sms.empty() && outbox.empty() && incoming.empty() && care_requests.empty();
  }
};

// One per running instance; silent for 20 s: gone.
struct InstanceRow {
  std::string name;
  std::uint64_t version = 0;
  std::string product;  // version of the program
  std::int64_t started_at = 0;
  std::int64_t seen_at = 0;
  std::string health;  // lines "name value" for people and tools
  bool operator==(const InstanceRow&) const = default;
};

// How far a walk along an index has come, and who goes on with it.
struct JobRow {
  std::string name;
  std::uint64_t version = 0;
  std::string owner;
  std::int64_t lease_until = 0;
  std::int64_t after_date = 0;  // everything up to here (date, then record) was seen
  RecordId after_record{};
  std::int64_t ran_at = 0;
  std::int64_t count = 0;  // of the last run
  bool operator==(const JobRow&) const = default;
};

}  // namespace vault
