#include "db/seal.h"

#include <zstd.h>

#include <algorithm>
#include <array>
#include <new>
#include <span>
#include <vector>

#include "base/crypto.h"

namespace db {

namespace {

// Content that hardly shrinks is not worth the time that finding it out in full would take.
constexpr int kLevel = 1;
constexpr std::size_t kSample = 2048;
constexpr std::size_t kKeySize = 32;

// RFC 8878, 3.1.1: a frame of one segment whose blocks are raw, for content that is kept as it is.
// In pieces, so that it need not be copied.
class RawFrame {
 public:
  explicit RawFrame(base::View plain) {
    const std::size_t blocks = (plain.size() + kBlock - 1) / kBlock;
    heads_.reserve(kFrameHead + blocks * kBlockHead);  // the pieces point into it
    heads_ = {0x28, 0xB5, 0x2F, 0xFD, kSingleSegment};
    add_little_endian(plain.size(), kFrameHead - heads_.size());
    pieces_ = {heads_};
    for (std::size_t block = 0; block < blocks; ++block) {
      const std::size_t at = block * kBlock;
      const base::View octets = plain.subspan(at, std::min(kBlock, plain.size() - at));
      const bool last = block + 1 == blocks;
      add_little_endian(octets.size() << 3 | (last ? 1 : 0), kBlockHead);  // Block_Type 0
      pieces_.push_back(base::View(heads_).last(kBlockHead));
      pieces_.push_back(octets);
    }
  }
  RawFrame(const RawFrame&) = delete;
  std::span<const base::View> pieces() const { return pieces_; }

 private:
  static constexpr std::size_t kBlock = 128 * 1024 - 1;  // Block_Maximum_Size is 128 KiB
  static constexpr std::size_t kBlockHead = 3;
  static constexpr std::size_t kFrameHead = 9;
  static constexpr std::uint8_t kSingleSegment = 0xA0;  // content size in four octets

  void add_little_endian(std::size_t value, std::size_t octets) {
    for (; octets > 0; --octets, value >>= 8) heads_.push_back(static_cast<std::uint8_t>(value));
  }

  base::Bytes heads_;
  std::vector<base::View> pieces_;
};

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
    packed.resize(compress(packed, plain));
    return packed;
  }
  // From a sample out of the middle: it must lose a fifth.
  bool worth_it(base::View plain) const {
    if (plain.size() < 2 * kSample) return true;
    std::array<std::uint8_t, ZSTD_COMPRESSBOUND(kSample)> room;
    const std::size_t size = compress(room, plain.subspan(plain.size() / 2, kSample));
    base::wipe(room.data(), size);
    return size < kSample * 4 / 5;
  }

 private:
  std::size_t compress(std::span<std::uint8_t> into, base::View plain) const {
    const std::size_t size =
        ZSTD_compressCCtx(context, into.data(), into.size(), plain.data(), plain.size(), kLevel);
    if (ZSTD_isError(size) != 0) throw std::bad_alloc();  // with this bound only memory can fail
    return size;
  }
};

Sealer::Sealer(const MasterKeys& master)
    : master_(master), compressor_(std::make_unique<Compressor>()) {}

Sealer::~Sealer() = default;

Sealed Sealer::seal(const BlobId& id, base::View associated, base::View plain) const {
  const Wiped data_key;
  Sealed sealed;
  sealed.id = id;
  sealed.master = master_.newest();
  sealed.wrapped = master_.wrap(sealed.master, data_key.key, key_binding(id, sealed.master));
  if (!compressor_->worth_it(plain)) {
    sealed.data = base::gcm_seal(data_key.key, RawFrame(plain).pieces(), associated);
    return sealed;
  }
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
  return master_.unwrap(sealed.master, sealed.wrapped, key_binding(sealed.id, sealed.master));
}

bool Sealer::rewrap(Sealed& sealed) const {
  const auto key = data_key(sealed);
  if (!key) return false;
  sealed.master = master_.newest();
  sealed.wrapped = master_.wrap(sealed.master, key->view(), key_binding(sealed.id, sealed.master));
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
