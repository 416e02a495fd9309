// Content at rest: compressed (zstd), then AES-256-GCM under a fresh random data key; the data
// key wrapped by the newest master key. What the content belongs to is associated data, so that a
// row put in another's place is refused. One thread at a time: the compressor's memory is kept
// from one content to the next. The keys outlive the sealer. Where a master key lies in an HSM that
// cannot be used all calls throw SqlError `keys`.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/bytes.h"
#include "db/master_keys.h"
#include "vault/record.h"

namespace db {

using BlobId = std::array<std::uint8_t, 16>;

struct Sealed {
  BlobId id{};
  std::uint32_t master = 0;  // number of the master key
  base::Bytes wrapped;       // the data key
  base::Bytes data;
};

class Sealer {
 public:
  explicit Sealer(const MasterKeys& master);
  ~Sealer();
  Sealer(const Sealer&) = delete;

  Sealed seal(const BlobId& id, base::View associated, base::View plain) const;
  // Nothing when a key is missing, something is not authentic, or the content has another size.
  std::optional<base::Bytes> open(const Sealed& sealed, base::View associated,
                                  std::size_t plain_size) const;

  // Whether its data key can be unwrapped.
  bool has_key(const Sealed& sealed) const { return data_key(sealed).has_value(); }
  // Wraps the data key anew, under the newest master key; the content stays as it is. False: the
  // old master key is missing, or something is not authentic.
  bool rewrap(Sealed& sealed) const;

  // bound_record | image id | digest
  static base::Bytes image_binding(const vault::ImageInfo& image);
  // record | part id | offset
  static base::Bytes part_binding(const vault::RecordId& record, const BlobId& part,
                                  std::uint32_t offset);

 private:
  struct Compressor;

  std::optional<base::Secret> data_key(const Sealed& sealed) const;

  const MasterKeys& master_;
  std::unique_ptr<Compressor> compressor_;
};

}  // namespace db
