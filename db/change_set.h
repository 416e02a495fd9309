// Everything that one update writes, ready to be applied in one transaction: sealed, chained, and
// with the versions it rests on. Applying the same change set again after a rollback is allowed.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "db/message_rows.h"
#include "db/guarded_writes.h"
#include "db/record_row.h"
#include "db/seal.h"
#include "db/sql.h"
#include "vault/ports.h"

namespace db {

struct RecordWrite {
  enum class Kind { insert, update, remove };
  explicit RecordWrite(vault::Record&& as_it_shall_be) : record(std::move(as_it_shall_be)) {}

  Kind kind = Kind::update;
  vault::Record record;             // as it shall be
  RowVersion loaded;                // update, remove: as it was read, and must still be
  ColumnSet changed = 0;            // update: what differs from the row read
  std::vector<StoredImage> images;  // as they shall be
  LatestCounter counter;            // as it shall be
  Beside beside;                    // both as the columns are to have them
  bool renamed = false;        // update: another ICCID than the one read
  std::uint64_t last_seq = 0;  // of this update's newest history entry, 0: none
};

// Where an image or its key lies: a record's images are numbered from 0, numbers are used again.
// The keys of its staged parts are numbered from kFirstPartPlace, by offset.
inline constexpr std::int64_t kFirstPartPlace = 65'536;
struct Place {
  vault::RecordId record{};
  std::int64_t number = 0;
  bool operator==(const Place&) const = default;
};

struct ImageAdd {
  Place place;
  bool overwrites = false;  // the version that lay there goes
  Sealed sealed;
};

// A merge gives an image to another record.
struct ImageMove {
  Place from;
  Place to;
};

struct PartAdd {
  vault::RecordId record{};
  std::uint32_t offset = 0;
  std::uint32_t bytes = 0;  // plain
  Sealed sealed;
};

struct PartDrop {
  vault::RecordId record{};
  std::uint32_t offset = 0;
  std::uint32_t bytes = 0;
};

// Head of the history that belongs to no record. Written whenever it was read.
struct OwnHead {
  bool there = false;         // has a row
  std::uint64_t version = 0;  // as read
  std::uint64_t count = 0;
  base::Sha256 mac{};
};

struct ChangeSet {
  vault::OpId op{};
  std::vector<RecordWrite> records;
  std::vector<CounterWrite> counters;
  std::vector<ImageAdd> image_adds;
  std::vector<ImageMove> image_moves;
  std::vector<Place> image_drops;
  std::vector<PartDrop> part_drops;
  std::vector<PartAdd> part_adds;
  std::vector<vault::PendingMove> move_adds;
  std::vector<std::uint64_t> move_drops;
  std::vector<vault::HistoryEntry> history;
  std::optional<OwnHead> own;
  MessageWrites messages;

  bool empty() const;
  bool only_records() const;
  bool has_content() const { return !image_adds.empty() || !part_adds.empty(); }
  // False: all that a failure of the power or the server could take back is that a session had
  // begun, which it ends anyway, and the replay counter that the session has used so far. Nothing
  // that a session brings about comes without its counter: on SQLite a commit that must last makes
  // those before it last too, on MariaDB it finds another version of the record without them.
  bool must_last() const;
  // Few statements of few shapes: existing records that keep their ICCID, and what hangs on them.
  bool ordinary() const;
};

// Inside an open transaction. Throws SqlError; `conflict` when something is no longer as it was
// read. After any error the caller rolls back.
void apply(SqlConnection& connection, const ChangeSet& changes);

}  // namespace db
