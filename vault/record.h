// One record per ICCID, and the rules by which it changes. Pure: no I/O, no clock, no randomness.
// Behaviour: docs/ARCHITECTURE.md "What the vault promises".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "vault/policy.h"
#include "vault/types.h"

namespace vault {

enum class KeyState : std::uint8_t { none = 0, issued = 1, active = 2 };
enum class RecordState : std::uint8_t { empty = 0, held = 1, locked = 2, suspended = 3 };

// One stored version of a card's content.
struct ImageInfo {
  ImageId id{};
  RecordId bound_record{};  // the record id under which it was encrypted (a merge keeps it)
  Digest digest{};          // SHA-256 of the plain image
  std::uint32_t bytes = 0;
  std::uint32_t entries = 0;  // phone book records, messages and memos; unparsed: 1
  std::int64_t stored_at = 0;
  std::int64_t pinned_until = 0;  // 0: not pinned
  // Stored when nobody confirmed the key, and the time to fetch without one (issue_window) was over
  // when the next was given: no key opens it, only customer care (`unlock --reset-key`).
  bool for_care = false;
  bool of_other = false;  // came to its record by the last move, which put two records together
  bool operator==(const ImageInfo&) const = default;
};

// An upload under way: one per record. Its bytes are staged apart.
struct Upload {
  std::uint32_t transaction = 0;
  std::uint32_t total = 0;
  Digest digest{};
  std::uint32_t epoch = 0;
  std::uint32_t staged = 0;               // octets committed so far
  std::int64_t last_at = 0;               // for resume_window
  std::array<std::uint8_t, 16> writer{};  // the channel that may append; a newer BEGIN takes it
  bool operator==(const Upload&) const = default;
};

// The last store transaction that ended, so that a repeated STORE END is answered again.
struct EndedStore {
  std::uint32_t transaction = 0;
  std::int64_t at = 0;
  std::uint8_t flags = 0;
  bool issued_key = false;
  bool operator==(const EndedStore&) const = default;
};

// The fetch that a card may go on with: one per record, the version fixed at its beginning.
struct FetchPermit {
  std::uint32_t transaction = 0;
  ImageId image{};
  std::uint32_t epoch = 0;
  std::int64_t until = 0;  // utc_ms; moved to 10 minutes after the end of the channel
  bool operator==(const FetchPermit&) const = default;
};

struct Record {
  RecordId id{};  // random, never changes, names nobody
  Iccid iccid;
  std::uint64_t version = 0;  // raised by the store at every commit; guards concurrent changes

  std::optional<Msisdn> msisdn_provisioned;
  std::optional<Msisdn> msisdn_reported;
  std::string customer;    // the operator's customer id, empty: not told
  std::string language;    // ISO 639-1, empty: not told
  base::Bytes handset;     // tag 91: IMEI and terminal profile last seen
  std::string last_error;  // last channel error, for care
  bool ended = false;      // provisioning says that this card is out of use

  std::optional<ImageInfo> image;  // "the" image: the newest version
  std::int64_t first_stored_at = 0;
  std::int64_t updated_at = 0;
  std::int64_t identity_at = 0;  // last REPORT

  KeyState key_state = KeyState::none;
  std::uint32_t pepper = 0;  // number of the pepper under which key_mac was made
  KeyMac key_mac{};          // HMAC-SHA-256(pepper, record id | key)
  std::int64_t key_issued_at = 0;
  std::uint32_t key_transaction = 0;  // the store or fetch that issued the key
  std::int64_t reset_until = 0;  // care: the next session before this date is given a fresh key

  int wrong_keys = 0;
  std::int64_t locked_at = 0;     // 0: not locked
  std::int64_t locked_until = 0;  // lock = timed: opens by itself; 0: care only
  bool timed_once = false;  // the timed lock was used up: the next third wrong key is for care
  std::string lock_reason;
  std::int64_t suspended_at = 0;
  std::uint32_t epoch = 0;

  std::optional<Upload> upload;
  std::optional<EndedStore> ended_store;
  std::optional<FetchPermit> fetch;

  // Keys given for another card's record (change of card); never mixed with wrong_keys.
  int foreign_wrong = 0;                // by this card, for other records
  int stranger_wrong = 0;               // by other cards, for this record
  std::int64_t stranger_since = 0;      // start of the 30 days of stranger_wrong
  std::int64_t pending_move_until = 0;  // this card claims another record; 0: it does not

  // The last move, so that one which nobody ordered can be undone within swap_hold: from where,
  // which record a merge took in (gone since), and what provisioning had told of the old card.
  std::optional<Iccid> moved_from;
  std::int64_t moved_at = 0;
  bool moved_by_order = false;
  RecordId moved_other{};
  bool moved_survivor_is_new = false;  // a merge in which the new card's record stayed
  std::optional<Msisdn> moved_msisdn;
  std::string moved_customer;
  std::string moved_language;

  std::uint64_t history_count = 0;  // entries so far
  base::Sha256 history_mac{};       // HMAC of the newest entry: the head of the chain

  explicit Record(Iccid number) : iccid(std::move(number)) {}
  bool operator==(const Record&) const = default;
};

RecordState state_of(const Record& record, base::Now now);

// One line of a record's history, before it is chained.
struct HistoryNote {
  std::string kind;    // "stored", "wrong_key", "locked", "unlocked", "moved", ...
  std::string actor;   // "card", "agent:NAME", "ops:NAME", "vault"
  std::string detail;  // for people; never content, key or whole document number
  bool operator==(const HistoryNote&) const = default;
};

// Numbers are those of the wire (result octet, docs/protocol.md).
enum class CardResult : std::uint8_t {
  done = 0x00,
  key_required = 0x01,
  wrong_key = 0x02,
  locked = 0x03,
  unknown_card = 0x04,
  nothing_stored = 0x05,
  wrong_offset = 0x06,
  digest_mismatch = 0x07,
  too_large = 0x08,
  try_later = 0x09,
  move_pending = 0x0A,
  conflict = 0x0B,
  malformed = 0x0C,
  unsupported = 0x0D,
  no_such_transaction = 0x0E,
  mistyped_key = 0x0F,
  suspended = 0x10,
};

inline constexpr int kAttempts = 3;  // wrong keys until LOCKED

enum class Use { store, fetch, erase };
enum class KeyCheck {
  absent,
  mistyped,
  wrong,
  right,
  unknowable,  // the pepper under which the record's key was made is not in the key file
};

struct Command {
  Use use = Use::store;
  KeyCheck key = KeyCheck::absent;  // the presented key compared with the record's
};

// What a command does to a record: the record afterwards, the answer, the history.
struct Decision {
  Record after;
  CardResult result = CardResult::done;
  bool fresh_key = false;          // a new key must be issued and sent
  std::vector<HistoryNote> notes;  // what happened, in this order; often nothing
};

// The key rule (steps 306-310 and 404-409 of the design): may this go on, and at what price.
Decision decide(const Record& record, const Command& command, const Policy& policy, base::Now now);

int attempts_left(const Record& record, base::Now now);
// Who types a key that nobody has confirmed has received it: it is active. The entry for the
// history, unless it was active before.
std::optional<HistoryNote> confirm_by_use(Record& record);
// Nobody can know its key, since none was ever confirmed, and the time in which a fetch needs none
// (issue_window) is over: customer care must look at who wants the content.
bool needs_care(const Record& record, const Policy& policy, base::Now now);
// Customer care has granted the next session a fresh key (Record::reset_until).
inline constexpr std::int64_t kResetWindow = base::kDayMs;
bool key_granted(const Record& record, base::Now now);
// Locked, and the lock's time, if it has one, is not over.
bool locked_now(const Record& record, base::Now now);
// A timed lock whose time has passed: the record says so only at the next command.
bool lock_is_over(const Record& record, base::Now now);
// Within swap_hold of its last move, also of one that is dated ahead: nothing without a key.
bool on_hold(const Record& record, const Policy& policy, base::Now now);
// The same for what only waits for it: not of one that is dated ahead, which may be for years.
bool moved_lately(const Record& record, const Policy& policy, base::Now now);

// Whatever began before cannot end: uploads and fetches are bound to their epoch. An open upload
// stays noted, so that its staged octets are found and dropped.
void raise_epoch(Record& record);
// Lock gone, wrong keys forgotten (customer care).
void unlock(Record& record);
// Image, numbers, keys and reminder gone; ICCID, id and history stay: the card starts anew.
void erase(Record& record);

}  // namespace vault
