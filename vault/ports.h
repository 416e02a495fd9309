// What the vault needs from outside. Implemented in db/. A Store object is one connection: one
// thread at a time, owned by a worker or by a tool.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "vault/record.h"
#include "vault/types.h"

namespace vault {

class MessageScan;
class MessageTx;

enum class Outcome {
  committed,    // durable
  unchanged,    // the function changed nothing: nothing was written
  refused,      // the function said no: nothing was written
  unavailable,  // the store cannot be reached, or what became of the commit is not to be found out:
                // repeating is safe
};

// A change of card that waits for proof.
struct PendingMove {
  std::uint64_t id = 0;  // 0 until stored
  RecordId old_record{};
  Iccid old_iccid;
  Iccid new_iccid;
  std::int64_t at = 0;
  bool operator==(const PendingMove&) const = default;
};

// The chain of the entries that belong to no record.
inline constexpr RecordId kOwnHistory{};

// One line of history as stored: mac = HMAC-SHA-256(audit key, mac before | canonical entry).
struct HistoryEntry {
  RecordId record{};
  std::uint64_t seq = 0;  // 1.. within the record
  std::int64_t at = 0;
  OpId op{};
  HistoryNote note;
  base::Sha256 mac{};
};

// What one use case may see and change. Handed to the function given to Store::update; valid only
// inside that call. Loads are done at first use. When the store fails in between, reads give
// "nothing" and the update ends as `unavailable`, whatever the function returns. Records are
// changed through the pointers; what differs at the end is written, guarded by Record::version.
class RecordTx {
 public:
  virtual ~RecordTx() = default;

  // The record of a card, or null. The pointer stays valid until the update ends; a second call
  // with the same ICCID gives the same pointer.
  virtual Record* find(const Iccid& iccid) = 0;
  virtual Record* find(const RecordId& id) = 0;
  virtual std::vector<Record*> find_by_number(const Msisdn& provisioned) = 0;  // at most 10
  virtual Record* find_moved_from(const Iccid& old_iccid) = 0;  // by Record::moved_from
  virtual Record& create(const Iccid& iccid) = 0;               // with a fresh random id
  virtual void remove(Record& record) = 0;  // row, images, upload, moves; its history stays

  // Replay counter of (card, key set): highest accepted, 0 if none; only ever raised.
  virtual Counter counter(const Iccid& card, std::uint8_t key_set) = 0;
  virtual void raise_counter(const Iccid& card, std::uint8_t key_set, Counter value) = 0;

  // Versions of a record, newest first. add_image encrypts `plain` under image.bound_record.
  // Neither touches Record::image: the caller keeps that field right.
  virtual std::vector<ImageInfo> images(const Record& record) = 0;
  virtual void add_image(const Record& record, const ImageInfo& image, base::View plain) = 0;
  // The marks of a version. That of another record becomes this one's and goes behind all it has.
  virtual void update_image(const Record& record, const ImageInfo& image) = 0;
  virtual void put_last(const Record& record, const ImageId& image) = 0;  // behind its others
  virtual void drop_image(const ImageId& image) = 0;

  // Staged octets of the record's upload, kept encrypted. append: `offset` is where `part` starts.
  virtual base::Bytes staged(const Record& record) = 0;
  virtual void append_staged(const Record& record, std::uint32_t offset, base::View part) = 0;
  virtual void drop_staged(const Record& record) = 0;
  virtual std::uint64_t staged_bytes_all() = 0;  // of all records, for staging_disk

  virtual std::vector<PendingMove> moves_to(const Iccid& new_iccid) = 0;
  virtual std::vector<PendingMove> moves_from(const RecordId& old_record) = 0;
  virtual void add_move(const PendingMove& move) = 0;
  virtual void drop_move(std::uint64_t id) = 0;

  // Chains an entry to the record's history; the head in the record moves with it. All entries of
  // one update carry the same op_id, by which an unknown commit is looked up.
  virtual void note(Record& record, const HistoryNote& note) = 0;
  // An entry that belongs to no record, in a chain of the vault's own.
  virtual void note_own(const HistoryNote& note) = 0;
  // Care calls by this agent since midnight UTC (for agent_daily_limit). Exact: of two updates that
  // have asked at the same time only one commits, the other is run again.
  virtual std::uint64_t calls_by_agent_today(const std::string& agent) = 0;

  // Reminders, messages and wake-ups in the same transaction (vault/sms_ports.h).
  virtual MessageTx& messages() = 0;
};

struct HistoryQuery {
  std::optional<RecordId> record;
  std::string actor;               // whole actor, "agent:NAME"; empty: any
  std::int64_t from = 0;           // utc_ms, inclusive
  std::int64_t until = INT64_MAX;  // exclusive
  std::size_t limit = 10'000;
  // Only entries behind this one, for reading page by page: (record, seq) as given out last.
  std::optional<std::pair<RecordId, std::uint64_t>> after = std::nullopt;
  bool newest_first = false;  // within a record; not together with `after`
};

// Records with octets staged long ago, page by page.
struct StagedPage {
  std::vector<RecordId> records;  // by age of their parts; may repeat
  // Behind the last part seen, to go on from; nothing: that was all.
  std::optional<std::array<std::uint8_t, 16>> next;
};

struct ImportLine {
  Iccid iccid;
  std::optional<Msisdn> msisdn;
  std::string customer;
  std::string language;
};
struct ImportResult {
  std::uint64_t created = 0;
  std::uint64_t updated = 0;  // existed; number, customer or language changed
  std::uint64_t unchanged = 0;
};

class Store {
 public:
  virtual ~Store() = default;

  // Calls f, then writes what it changed and its history entries in one durable transaction. f is
  // called again when another writer was faster, so it must have no side effects of its own
  // beyond what it overwrites; false from f ends the update as `refused`.
  virtual Outcome update(base::Now now, const std::function<bool(RecordTx&)>& f) = 0;

  // Decrypted content of one version of a record. Error: not there (any more), not authentic, or
  // unavailable.
  virtual base::Result<base::Bytes> image(const RecordId& owner, const ImageInfo& image) = 0;
  // Every record whose ICCID is among the spellings, or whose provisioned number it is; if there
  // is none, those that were moved away from one of the spellings.
  virtual base::Result<std::vector<Record>> find_any(const std::vector<Iccid>& spellings,
                                                     const std::optional<Msisdn>& number) = 0;
  // Records of a customer, named exactly as import has told it and not empty; at most `limit`
  // of them, by ICCID.
  virtual base::Result<std::vector<Record>> find_customer(const std::string& customer,
                                                          std::size_t limit) = 0;
  // Oldest first within a record, unless the query says otherwise.
  virtual base::Result<std::vector<HistoryEntry>> history(const HistoryQuery& query) = 0;
  // Head (count, mac) of every chain as kept beside the history, for audit verify. Calls visit once
  // per record with its ICCID, and once for kOwnHistory without one.
  virtual base::Status history_heads(
      const std::function<void(const RecordId&, std::string_view iccid, std::uint64_t count,
                               const base::Sha256& mac)>& visit) = 0;
  // Of the parts staged before that moment, at most `limit`, from `from` on (zeros: the oldest).
  virtual base::Result<StagedPage> staged_before(std::int64_t utc_ms,
                                                 const std::array<std::uint8_t, 16>& from,
                                                 std::size_t limit) = 0;
  // Those of the ICCIDs that have a record, each once, in no order.
  virtual base::Result<std::vector<Iccid>> known(const std::vector<Iccid>& iccids) = 0;
  // Creates EMPTY records or completes what provisioning knows; one transaction for the batch.
  virtual base::Result<ImportResult> import(base::Now now, const std::vector<ImportLine>& lines,
                                            const std::string& actor) = 0;
  // Reachable and of the right schema; the error says what to run.
  virtual base::Status check() = 0;
  // What stands in the way of writing: what failed last, if nothing has gone through since; a full
  // disk until all has been well for a while. Empty: nothing.
  virtual std::string write_fault() = 0;
  // Looks for reminders, messages and wake-ups to work on (vault/sms_ports.h).
  virtual MessageScan& messages() = 0;
};

// One connection per caller. Any thread.
class StoreFactory {
 public:
  virtual ~StoreFactory() = default;
  // Does not connect yet: the first call does, and every later one when the connection was lost.
  virtual std::unique_ptr<Store> open() = 0;
};

// Peppers for user keys and the audit key, loaded from files by db's keyring. Immutable, any
// thread. Numbers start at 1; the newest is used for new keys.
class KeyRing {
 public:
  virtual ~KeyRing() = default;
  virtual std::uint32_t newest_pepper() const = 0;
  // HMAC-SHA-256(pepper n, record id | key digits); nothing if there is no pepper n.
  virtual std::optional<KeyMac> key_mac(std::uint32_t pepper, const RecordId& record,
                                        base::View key_ascii) const = 0;
  virtual base::Sha256 audit_mac(std::initializer_list<base::View> parts) const = 0;
  // HMAC of an identity document's number for the history (type and number), hex, 16 characters.
  virtual std::string document_mac(const std::string& type, base::View number) const = 0;
};

}  // namespace vault
