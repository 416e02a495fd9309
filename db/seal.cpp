#include "db/seal.h"

#include <zstd.h>

#include <new>

#include "base/crypto.h"

namespace db {

namespace {

// Content that hardly shrinks is not worth the time that finding it out in full would take.
constexpr int kLevel = 1;
constexpr int kHastyLevel = -20;
constexpr std::size_t kSample = 2048;
constexpr std::size_t kKeySize = 32;

std::optional<base::Bytes> decompress(base::View packed, std::size_t plain_size) {
  if (ZSTD_getFrameContentSize(packed.data(), packed.size()) != plain_size) return std::nullopt;
  base::Bytes plain(plain_size);
  const std::size_t size =
      ZSTD_decompress(plain.data(), plain.size(), packed.data(), packed.size());
  if (ZSTD_isError(size) != 0 || size != plain_size) return std::nullopt;
  return plain;
}

base::Bytes key_binding(const BlobId& id, std::uint32_t master) {
  base::Writer writer;
  return writer.text("bipvault data key").bytes(id).u32(master).take();
}

struct Wiped {
  std::array<std::uint8_t, kKeySize> key = base::random_array<kKeySize>();
  ~Wiped() { base::wipe(key.data(), key.size()); }
};

}  // namespace

struct Sealer::Compressor {
  ZSTD_CCtx* const context = ZSTD_createCCtx();

  Compressor() {
    if (context == nullptr) throw std::bad_alloc();
  }
  Compressor(const Compressor&) = delete;
  ~Compressor() { ZSTD_freeCCtx(context); }

  base::Bytes operator()(base::View plain) const {
    base::Bytes packed(ZSTD_compressBound(plain.size()));
    packed.resize(compress(packed, plain, worth_it(packed, plain) ? kLevel : kHastyLevel));
    return packed;
  }

 private:
  // From a sample out of the middle: it must lose a fifth.
  bool worth_it(base::Bytes& room, base::View plain) const {
    if (plain.size() < 2 * kSample) return true;
    const base::View sample = plain.subspan(plain.size() / 2, kSample);
    const std::size_t size = compress(room, sample, kLevel);
    base::wipe(room.data(), size);
    return size < kSample * 4 / 5;
  }
  std::size_t compress(base::Bytes& into, base::View plain, int level) const {
    const std::size_t size =
        ZSTD_compressCCtx(context, into.data(), into.size(), plain.data(), plain.size(), level);
    if (ZSTD_isError(size) != 0) throw std::bad_alloc();  // with this bound only memory can fail
    return size;
  }
};

Sealer::Sealer(const NumberedKeys& master)
    : master_(master), compressor_(std::make_unique<Compressor>()) {}

Sealer::~Sealer() = default;

Sealed Sealer::seal(const BlobId& id, base::View associated, base::View plain) const {
  const auto newest = master_.rbegin();
  const Wiped data_key;
  Sealed sealed;
  sealed.id = id;
  sealed.master = newest->first;
  sealed.wrapped =
      base::gcm_seal(newest->second.view(), data_key.key, key_binding(id, sealed.master));
  base::Bytes packed = (*compressor_)(plain);
  sealed.data = base::gcm_seal(data_key.key, packed, associated);
  base::wipe(packed.data(), packed.size());
  return sealed;
}

std::optional<base::Bytes> Sealer::open(const Sealed& sealed, base::View associated,
                                        std::size_t plain_size) const {
  const auto key = data_key(sealed);
  if (!key) return std::nullopt;
  auto packed = base::gcm_open(key->view(), sealed.data, associated);
  if (!packed) return std::nullopt;
  auto plain = decompress(*packed, plain_size);
  base::wipe(packed->data(), packed->size());
  return plain;
}

std::optional<base::Secret> Sealer::data_key(const Sealed& sealed) const {
  const auto master = master_.find(sealed.master);
  if (master == master_.end()) return std::nullopt;
  auto unwrapped =
      base::gcm_open(master->second.view(), sealed.wrapped, key_binding(sealed.id, sealed.master));
  if (!unwrapped) return std::nullopt;
  return base::Secret(std::move(*unwrapped));
}

bool Sealer::rewrap(Sealed& sealed) const {
  const auto key = data_key(sealed);
  if (!key) return false;
  const auto newest = master_.rbegin();
  sealed.master = newest->first;
  sealed.wrapped =
      base::gcm_seal(newest->second.view(), key->view(), key_binding(sealed.id, sealed.master));
  return true;
}

base::Bytes Sealer::image_binding(const vault::ImageInfo& image) {
  base::Writer writer;
  return writer.bytes(image.bound_record).bytes(image.id).bytes(image.digest).take();
}

base::Bytes Sealer::part_binding(const vault::RecordId& record, const BlobId& part,
                                 std::uint32_t offset) {
  base::Writer writer;
  return writer.bytes(record).bytes(part).u32(offset).take();
}

}  // namespace db
