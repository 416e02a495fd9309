#include "plugin/card_keys_file.h"

#include "base/csv.h"
#include "base/files.h"
#include "base/log.h"
#include "base/text.h"
#include "bip/tls_psk.h"

namespace plugin {

namespace {

struct Columns {
  std::size_t iccid, key_set, algorithm, kic, kid;
  std::optional<std::size_t> psk;
};

std::optional<Columns> columns_of(const base::CsvReader& csv) {
  const auto iccid = csv.column("iccid");
  const auto key_set = csv.column("key_set");
  const auto algorithm = csv.column("algorithm");
  const auto kic = csv.column("kic");
  const auto kid = csv.column("kid");
  if (!iccid || !key_set || !algorithm || !kic || !kid) return std::nullopt;
  return Columns{*iccid, *key_set, *algorithm, *kic, *kid, csv.column("psk")};
}

bool right_size(bip::Family family, std::size_t size) {
  if (family == bip::Family::des3) return size == 16;
  return size == 16 || size == 24 || size == 32;
}

std::optional<bip::CardKeys> read_keys(const std::vector<std::string>& fields, const Columns& at) {
  auto kic = base::from_hex(fields[at.kic]);
  auto kid = base::from_hex(fields[at.kid]);
  const bool aes = base::equal_ignoring_case(fields[at.algorithm], "aes");
  const bool des3 = base::equal_ignoring_case(fields[at.algorithm], "3des");
  if (!kic || !kid || aes == des3) return std::nullopt;
  bip::CardKeys keys;
  keys.family = aes ? bip::Family::aes : bip::Family::des3;
  keys.kic = base::Secret(std::move(*kic));
  keys.kid = base::Secret(std::move(*kid));
  if (!right_size(keys.family, keys.kic.size()) || !right_size(keys.family, keys.kid.size())) {
    return std::nullopt;
  }
  return keys;
}

// Empty: the card has none. Nothing: what is there is no PSK.
std::optional<base::Secret> read_psk(const std::vector<std::string>& fields, const Columns& at) {
  if (!at.psk || fields[*at.psk].empty()) return base::Secret();
  auto psk = base::from_hex(fields[*at.psk]);
  if (!psk || psk->size() < bip::TlsPsk::kLeastPsk || psk->size() > bip::TlsPsk::kMostPsk) {
    return std::nullopt;
  }
  return base::Secret(std::move(*psk));
}

}  // namespace

base::Result<std::unique_ptr<CardKeysFile>> CardKeysFile::load(const std::string& path) {
  const base::SecretFileState state = base::check_secret_file(path);
  if (state.state != base::SecretFile::good) return base::Error{path + ": " + state.text};
  auto lines = base::Lines::open(path);
  if (!lines) return base::Error{path + ": " + lines.error()};
  base::CsvReader csv(*lines);
  if (const base::Status opened = csv.open(); !opened) {
    return base::Error{path + ": " + opened.error()};
  }
  const auto columns = columns_of(csv);
  if (!columns) {
    return base::Error{path + ": the header must name iccid, key_set, algorithm, kic and kid"};
  }
  auto file = std::make_unique<CardKeysFile>();
  std::vector<std::string> fields;
  for (auto got = csv.next(fields); got != base::CsvReader::Got::end; got = csv.next(fields)) {
    const std::string where = base::cat(path, ":", csv.line(), ": ");
    if (got != base::CsvReader::Got::record) return base::Error{where + csv.fault()};
    const auto iccid = vault::Iccid::from_digits(fields[columns->iccid]);
    const auto key_set = base::parse_integer(fields[columns->key_set]);
    auto keys = read_keys(fields, *columns);
    if (!iccid || !key_set || *key_set < 1 || *key_set > 15 || !keys) {
      return base::Error{where +
                         "iccid in digits, key_set 1..15, algorithm aes or 3des, and keys "
                         "of 16, 24 or 32 octets in hex (3des: 16) are needed"};
    }
    auto psk = read_psk(fields, *columns);
    if (!psk) return base::Error{where + "psk: 16 to 64 octets in hex, or nothing"};
    if (!psk->empty()) file->psks_.insert_or_assign(iccid->digits(), std::move(*psk));
    for (std::string& field : fields) base::wipe(field.data(), field.size());
    file->keys_.insert_or_assign({iccid->digits(), static_cast<int>(*key_set)}, std::move(*keys));
  }
  return file;
}

base::Result<std::optional<bip::CardKeys>> CardKeysFile::get(const vault::Iccid& iccid,
                                                             std::uint8_t key_set) {
  const auto found = keys_.find({iccid.digits(), key_set});
  if (found == keys_.end()) return std::optional<bip::CardKeys>();
  bip::CardKeys keys;
  keys.family = found->second.family;
  keys.kic = found->second.kic.clone();
  keys.kid = found->second.kid.clone();
  return std::optional(std::move(keys));
}

base::Result<std::optional<base::Secret>> CardKeysFile::get(std::string_view identity) {
  const auto iccid = bip::card_of_identity(identity);
  const auto found = iccid ? psks_.find(iccid->digits()) : psks_.end();
  if (found == psks_.end()) return std::optional<base::Secret>();
  return std::optional(found->second.clone());
}

}  // namespace plugin
