#include "base/csv.h"
#include "base/text.h"
#include "card/card_file.h"

namespace card {
namespace {

struct Columns {
  std::size_t iccid, key_set, algorithm, kic, kid;
  std::optional<std::size_t> psk;
};

std::optional<Columns> columns(const base::CsvReader& csv) {
  const auto iccid = csv.column("iccid"), key_set = csv.column("key_set"),
             algorithm = csv.column("algorithm"), kic = csv.column("kic"), kid = csv.column("kid");
  if (!iccid || !key_set || !algorithm || !kic || !kid) return std::nullopt;
  return Columns{*iccid, *key_set, *algorithm, *kic, *kid, csv.column("psk")};
}

bool key_size_good(bip::Family family, std::size_t size) {
  return size == 16 || (family == bip::Family::aes && (size == 24 || size == 32));
}

std::optional<OtaKeys> keys_of(const std::vector<std::string>& row, const Columns& at) {
  const std::string& algorithm = row[at.algorithm];
  OtaKeys keys;
  if (base::equal_ignoring_case(algorithm, "3des")) {
    keys.family = bip::Family::des3;
  } else if (!base::equal_ignoring_case(algorithm, "aes")) {
    return std::nullopt;
  }
  const auto key_set = base::parse_integer(row[at.key_set]);
  auto kic = base::from_hex(row[at.kic]), kid = base::from_hex(row[at.kid]);
  if (!key_set || *key_set < 1 || *key_set > 15 || !kic || !kid ||
      !key_size_good(keys.family, kic->size()) || !key_size_good(keys.family, kid->size())) {
    return std::nullopt;
  }
  keys.key_set = static_cast<std::uint8_t>(*key_set);
  keys.kic = base::Secret(std::move(*kic));
  keys.kid = base::Secret(std::move(*kid));
  if (at.psk && !row[*at.psk].empty()) {
    auto psk = base::from_hex(row[*at.psk]);
    if (!psk) return std::nullopt;
    keys.psk = base::Secret(std::move(*psk));
  }
  return keys;
}

using Row =
    std::function<bool(const std::vector<std::string>& row, const Columns& at, std::uint64_t line)>;

// Calls `row` for each record until it says false. What is no record might be anybody's.
base::Status each_row(const std::string& csv_path, const Row& row) {
  auto lines = base::Lines::open(csv_path);
  if (!lines) return base::Error{csv_path + ": " + lines.error()};
  base::CsvReader csv(*lines);
  if (const auto opened = csv.open(); !opened) return base::Error{csv_path + ": " + opened.error()};
  const auto at = columns(csv);
  if (!at) {
    return base::Error{csv_path + ": columns iccid, key_set, algorithm, kic, kid are needed"};
  }
  std::vector<std::string> fields;
  for (auto got = csv.next(fields);; got = csv.next(fields)) {
    if (got == base::CsvReader::Got::bad) {
      return base::Error{csv_path + " line " + std::to_string(csv.line()) + ": " + csv.fault()};
    }
    if (got == base::CsvReader::Got::failed) return base::Error{csv_path + ": cannot be read"};
    if (got == base::CsvReader::Got::end || !row(fields, *at, csv.line())) return {};
  }
}

base::Error bad_row(const std::string& csv_path, std::uint64_t line) {
  return base::Error{csv_path + " line " + std::to_string(line) +
                     ": no key set 1..15 with algorithm aes or 3des and keys of its size"};
}

}  // namespace

base::Result<OtaKeys> read_ota_keys(const std::string& csv_path, const IccidOctets& iccid) {
  base::Result<OtaKeys> found = base::Error{csv_path + ": no keys for this ICCID"};
  const auto read = each_row(csv_path, [&](const auto& row, const Columns& at, auto line) {
    if (iccid_octets(row[at.iccid]) != iccid) return true;
    if (auto keys = keys_of(row, at)) {
      found = std::move(*keys);
    } else {
      found = bad_row(csv_path, line);
    }
    return false;
  });
  if (!read) return base::Error{read.error()};
  return found;
}

base::Status read_all_ota_keys(const std::string& csv_path, const TakeKeys& take) {
  base::Status result;
  const auto read = each_row(csv_path, [&](const auto& row, const Columns& at, auto line) {
    const auto iccid = iccid_octets(row[at.iccid]);
    auto keys = iccid ? keys_of(row, at) : std::nullopt;
    if (!keys) result = bad_row(csv_path, line);
    return keys && take(*iccid, std::move(*keys));
  });
  return read ? result : read;
}

}  // namespace card
