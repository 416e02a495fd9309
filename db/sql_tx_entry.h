// What SqlTx keeps of a record during an update: shared by its two sources only.
#pragma once

#include <algorithm>

#include "base/crypto.h"
#include "db/sql_tx.h"

namespace db {

// One image of a record as the function sees it.
struct SqlTx::Version {
  vault::ImageInfo info;
  Place place;                  // where it lies, or shall lie once the changes were taken
  std::optional<Sealed> fresh;  // added by this update
};

struct SqlTx::Entry {
  struct Part {
    std::uint32_t offset = 0;
    std::uint32_t bytes = 0;
    BlobId id{};
    std::optional<Sealed> fresh;
  };

  explicit Entry(vault::Record&& r) : record(std::move(r)) {}
  explicit Entry(StoredRecord&& stored)
      : record(std::move(stored.record)),
        loaded_op(stored.last_op),
        loaded_images(std::move(stored.images)),
        counter(stored.counter),
        loaded_counter(stored.counter) {
    for (const StoredImage& image : loaded_images) {
      versions.push_back({image.info, {record.id, image.place}, std::nullopt});
    }
  }

  vault::Record record;
  std::optional<vault::Record> loaded;  // nothing: created here
  vault::OpId loaded_op{};
  bool removed = false;
  bool touched = false;  // something that hangs on it has changed
  bool images_changed = false;
  std::uint64_t last_seq = 0;
  std::vector<StoredImage> loaded_images;
  LatestCounter counter;  // of the card that the record had when it was loaded
  LatestCounter loaded_counter;
  std::vector<Version> versions;           // newest first
  std::vector<std::int64_t> freed;         // places of versions dropped by this update
  std::optional<std::vector<Part>> parts;  // by offset
  std::vector<PartDrop> part_drops;
};

// The engines differ in numbering of their own. 1..2^63-1: nobody has trouble with it.
inline std::uint64_t random_id() { return std::max<std::uint64_t>(base::random_number() >> 1, 1); }

// False when there are not as many; the value stays as it was.
template <std::size_t N>
bool take_octets(std::array<std::uint8_t, N>& value, const base::Bytes& octets) {
  if (octets.size() != N) return false;
  std::copy(octets.begin(), octets.end(), value.begin());
  return true;
}

// Throws SqlError when the column holds something else.
template <std::size_t N>
std::array<std::uint8_t, N> octets(const Row& row, int column) {
  std::array<std::uint8_t, N> value{};
  const base::Bytes bytes = row.blob(column);
  if (bytes.size() != N) throw SqlError(SqlError::Kind::other, 0, "bad octets in a key column");
  std::copy(bytes.begin(), bytes.end(), value.begin());
  return value;
}

}  // namespace db
