// A vault::Record as a row of table records: one column per field, in one table of columns, and the
// list of its images in one column of its own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "db/sql.h"
#include "vault/record.h"

namespace db {

// Statement texts that contain the whole list of columns; built once.
struct RecordSql {
  std::string select;       // SELECT id, version, ... FROM records (add a WHERE)
  std::string insert;       // parameters: see append_insert
  std::string insert_many;  // kRowsPerInsert rows at once
};
inline constexpr std::size_t kRowsPerInsert = 50;

const RecordSql& record_sql();

// One of a record's images and the place where its content lies (tables images and data_keys).
struct StoredImage {
  vault::ImageInfo info;
  std::int64_t place = 0;
};
// Column `versions`: newest first; each place u32, id, bound record, digest, bytes u32, entries
// u32, stored at u64, pinned until u64 (b63 of 64: for care). Empty: no image.
base::Bytes pack(const std::vector<StoredImage>& images);

// The replay counter of the key set that the record's card used last: not below the one that table
// `counters` may have of the same key set.
struct LatestCounter {
  std::uint8_t key_set = 0;  // 0: none here
  vault::Counter value = 0;
  bool operator==(const LatestCounter&) const = default;
};

// Which update has written a row as it is. The number alone does not tell after a commit that was
// answered and then lost: somebody else's may have been given the same.
struct RowVersion {
  std::uint64_t number = 0;
  vault::OpId op{};
};

struct StoredRecord {
  vault::Record record;  // `image` is the first of the images
  vault::OpId last_op{};
  std::vector<StoredImage> images;
  LatestCounter counter;
};
// Throws SqlError when the row is not one that this program wrote.
StoredRecord read_record(const Row& row);
// The row for which `where`, with one parameter, holds; the last one of several.
std::optional<StoredRecord> select_record(SqlConnection& connection, const char* where, Param key);

// A set of the columns of records, by bits.
using ColumnSet = std::uint64_t;
ColumnSet changed_columns(const vault::Record& before, const vault::Record& after);
// Those that tell only what is under way: an upload or a fetch that was begun.
ColumnSet columns_under_way();
// What a row has beside the record's fields; nothing: no change.
struct Beside {
  std::optional<base::Bytes> images;  // packed
  std::optional<LatestCounter> counter;
};
// How a statement finds a row only as it was loaded; parameters: see append_as_loaded.
inline constexpr std::string_view kAsLoaded = " WHERE id = ? AND version = ? AND last_op = ?";
// Parameters: see append_update. Raises the version.
std::string update_sql(ColumnSet columns, const Beside& beside);

// The parameters borrow from what is given by reference. A new record has no counter of its own.
void append_insert(std::vector<Param>& params, const vault::Record& record,
                   const std::optional<base::Bytes>& images, const vault::OpId& op);
void append_update(std::vector<Param>& params, const vault::Record& record, ColumnSet columns,
                   const Beside& beside, const RowVersion& loaded, const vault::OpId& op);
void append_as_loaded(std::vector<Param>& params, const vault::RecordId& id,
                      const RowVersion& loaded);

// Cuts what is only informative (handset, last_error, lock_reason) to the width of its column.
void fit(vault::Record& record);

}  // namespace db
