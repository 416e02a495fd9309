// What comes back from the seal: content of the size that its row tells, or nothing. What was
// changed anywhere is nothing; what was not changed is what was sealed.
//
// Input: an octet: 0 a compressed frame under the right keys: three octets (the size that the row
// tells) and the frame; 1 a row that nobody sealed: an octet (the size of the wrapped key), that
// key and the data; else content, of which the second and third octet say which octet of key and
// data (one behind the other) is changed, and the fourth by what.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "base/crypto.h"
#include "db/seal.h"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

const base::Bytes kDataKey(32, 0x11), kPlace{1, 2, 3};

const db::MasterKeys& master() {
  static const db::MasterKeys* const keys = [] {
    db::NumberedKeys all;
    all.emplace(1, base::Secret(base::Bytes(32, 0x5A)));
    return new db::MasterKeys(std::move(all));
  }();
  return *keys;
}

void frame(const db::Sealer& sealer, base::Reader& reader) {
  const std::size_t size = std::size_t{reader.u8()} << 16 | reader.u16();
  db::Sealed sealed;
  sealed.master = 1;
  const base::Bytes binding =
      base::Writer().text("bipvault data key").bytes(sealed.id).u32(sealed.master).take();
  sealed.wrapped = master().wrap(1, kDataKey, binding);
  sealed.data = base::gcm_seal(kDataKey, reader.take(reader.left()), kPlace);
  check(sealer.has_key(sealed));
  const auto plain = sealer.open(sealed, kPlace, size);
  if (plain) check(plain->size() == size && !sealer.open(sealed, kPlace, size + 1));
}

void strange_row(const db::Sealer& sealer, base::Reader& reader) {
  db::Sealed sealed;
  sealed.master = 1;
  const base::View wrapped = reader.take(std::min<std::size_t>(reader.u8(), reader.left()));
  const base::View rest = reader.take(reader.left());
  sealed.wrapped = {wrapped.begin(), wrapped.end()};
  sealed.data = {rest.begin(), rest.end()};
  check(!sealer.has_key(sealed) && !sealer.open(sealed, kPlace, rest.size()));
}

void changed(const db::Sealer& sealer, base::Reader& reader) {
  const std::size_t place = reader.u16();
  const std::uint8_t by = reader.u8();
  const base::View plain = reader.take(reader.left());
  db::Sealed sealed = sealer.seal({}, kPlace, plain);
  const auto whole = sealer.open(sealed, kPlace, plain.size());
  check(whole && std::equal(whole->begin(), whole->end(), plain.begin(), plain.end()));
  if (by == 0) return check(sealer.rewrap(sealed) && sealer.open(sealed, kPlace, plain.size()));
  const std::size_t at = place % (sealed.wrapped.size() + sealed.data.size());
  const bool in_key = at < sealed.wrapped.size();
  (in_key ? sealed.wrapped[at] : sealed.data[at - sealed.wrapped.size()]) ^= by;
  check(!sealer.open(sealed, kPlace, plain.size()) && sealer.has_key(sealed) == !in_key);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const db::Sealer* const sealer = new db::Sealer(master());
  if (size < 4) return 0;
  base::Reader reader(base::View(data, size));
  switch (reader.u8()) {
    case 0:
      frame(*sealer, reader);
      break;
    case 1:
      strange_row(*sealer, reader);
      break;
    default:
      changed(*sealer, reader);
  }
  return 0;
}
