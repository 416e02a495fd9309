#include "host/card_keys.h"

#include <algorithm>
#include <cstring>

#include "base/crypto.h"
#include "base/csv.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/text.h"

namespace host {

namespace {

constexpr std::size_t kMostFaults = 20;

// Keys in hexadecimal pass through these strings: wiped when the file has been read.
struct Fields : std::vector<std::string> {
  ~Fields() {
    for (std::string& field : *this) base::wipe(field.data(), field.capacity());
  }
};

struct Columns {
  std::size_t iccid = 0;
  std::size_t key_set = 0;
  std::size_t algorithm = 0;
  std::size_t kic = 0;
  std::size_t kid = 0;
  std::optional<std::size_t> psk;  // may be left out
};

std::optional<std::string> find_columns(const base::CsvReader& reader, Columns& columns) {
  const std::pair<std::string_view, std::size_t*> wanted[] = {{"iccid", &columns.iccid},
                                                              {"key_set", &columns.key_set},
                                                              {"algorithm", &columns.algorithm},
                                                              {"kic", &columns.kic},
                                                              {"kid", &columns.kid}};
  for (const auto& [name, place] : wanted) {
    const auto found = reader.column(name);
    if (!found) return base::cat("there is no column ", name);
    *place = *found;
  }
  columns.psk = reader.column("psk");
  return std::nullopt;
}

bool size_fits(std::uint32_t algorithm, std::size_t size) {
  if (algorithm == BV_ALGORITHM_3DES) return size == 16;
  return size == 16 || size == 24 || size == 32;
}

// What is wrong with the key, or nothing.
const char* read_key(const std::string& hex, std::uint32_t algorithm, std::uint8_t (&key)[32],
                     std::uint8_t& size) {
  auto bytes = base::from_hex(hex);
  if (!bytes) return "is not hexadecimal";
  const bool fits = size_fits(algorithm, bytes->size());
  if (fits) {
    std::copy(bytes->begin(), bytes->end(), key);
    size = static_cast<std::uint8_t>(bytes->size());
  }
  base::wipe(bytes->data(), bytes->size());
  if (fits) return nullptr;
  return algorithm == BV_ALGORITHM_3DES ? "must have 16 octets" : "must have 16, 24 or 32 octets";
}

std::optional<std::uint32_t> read_algorithm(std::string_view text) {
  if (base::equal_ignoring_case(text, "aes") || text == "2") return BV_ALGORITHM_AES;
  if (base::equal_ignoring_case(text, "3des") || text == "5") return BV_ALGORITHM_3DES;
  return std::nullopt;
}

struct KeyLine {
  EfIccid iccid{};
  std::uint8_t key_set = 0;
  bv_ota_key_set keys{};
  base::Secret psk;  // may be empty
  ~KeyLine() { base::wipe(&keys, sizeof keys); }
};

// What is wrong with the line, or nothing.
std::optional<std::string> read_line(const Fields& fields, const Columns& columns, KeyLine& line) {
  const auto iccid = ef_iccid(fields[columns.iccid]);
  if (!iccid) return "iccid: not 10 to 20 digits";
  line.iccid = *iccid;
  const auto key_set = base::parse_integer(fields[columns.key_set]);
  if (!key_set || *key_set < 1 || *key_set > 15) return "key_set: not a number from 1 to 15";
  line.key_set = static_cast<std::uint8_t>(*key_set);
  const auto algorithm = read_algorithm(fields[columns.algorithm]);
  if (!algorithm) return "algorithm: neither aes nor 3des";
  line.keys.algorithm = *algorithm;
  if (const char* why =
          read_key(fields[columns.kic], *algorithm, line.keys.kic, line.keys.kic_size)) {
    return base::cat("kic ", why);
  }
  if (const char* why =
          read_key(fields[columns.kid], *algorithm, line.keys.kid, line.keys.kid_size)) {
    return base::cat("kid ", why);
  }
  if (!columns.psk || fields[*columns.psk].empty()) return std::nullopt;
  auto psk = base::from_hex(fields[*columns.psk]);
  if (!psk) return "psk is not hexadecimal";
  line.psk = base::Secret(std::move(*psk));
  if (line.psk.size() < BV_PSK_LEAST || line.psk.size() > BV_PSK_MOST) {
    return "psk must have 16 to 64 octets";
  }
  return std::nullopt;
}

}  // namespace

std::optional<EfIccid> ef_iccid(std::string_view digits) {
  while (digits.ends_with('F') || digits.ends_with('f')) digits.remove_suffix(1);
  if (digits.size() < 10 || digits.size() > 20) return std::nullopt;
  EfIccid ef;
  ef.fill(0xFF);
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (digits[i] < '0' || digits[i] > '9') return std::nullopt;
    const int digit = digits[i] - '0';
    const int octet = ef[i / 2];
    ef[i / 2] = static_cast<std::uint8_t>(i % 2 == 0 ? (octet & 0xF0) | digit
                                                     : (octet & 0x0F) | digit << 4);
  }
  return ef;
}

CardKeys::~CardKeys() {
  for (auto& [card, keys] : keys_) base::wipe(&keys, sizeof keys);
}

std::variant<CardKeys, CardKeys::Faults> CardKeys::read(base::Lines& lines) {
  Faults faults;
  base::CsvReader reader(lines);
  Columns columns;
  if (const base::Status opened = reader.open(); !opened) return Faults{{opened.error()}};
  if (const auto why = find_columns(reader, columns)) return Faults{{*why}};

  CardKeys cards;
  Fields fields;
  for (;;) {
    const base::CsvReader::Got got = reader.next(fields);
    if (got == base::CsvReader::Got::end) break;
    if (got == base::CsvReader::Got::failed) return Faults{{"the file cannot be read"}};
    KeyLine line;
    std::optional<std::string> why =
        got == base::CsvReader::Got::bad ? reader.fault() : read_line(fields, columns, line);
    if (!why && !cards.keys_.try_emplace({line.iccid, line.key_set}, line.keys).second) {
      why = "this card's key set was given before";
    }
    if (!why && !line.psk.empty() && !cards.add_psk(line.iccid, std::move(line.psk))) {
      why = "psk: this card has another one above";
    }
    if (!why) continue;
    faults.lines.push_back(base::cat("line ", reader.line(), ": ", *why));
    if (faults.lines.size() == kMostFaults) break;
  }
  if (!faults.lines.empty()) return faults;
  return cards;
}

std::variant<CardKeys, CardKeys::Faults> CardKeys::load(const std::string& path) {
  const base::SecretFileState state = base::check_secret_file(path);
  if (state.state != base::SecretFile::good) return Faults{{state.text}};
  auto lines = base::Lines::open(path);
  if (!lines) return Faults{{lines.error()}};
  return read(*lines);
}

// A card may be named once for each of its key sets.
bool CardKeys::add_psk(const EfIccid& iccid, base::Secret psk) {
  const auto [place, added] = psks_.try_emplace(iccid, std::move(psk));
  return added || base::equal_constant_time(place->second.view(), psk.view());
}

const base::Secret* CardKeys::find_psk(const EfIccid& iccid) const {
  const auto found = psks_.find(iccid);
  return found == psks_.end() ? nullptr : &found->second;
}

const bv_ota_key_set* CardKeys::find(const EfIccid& iccid, std::uint8_t key_set) const {
  const auto found = keys_.find({iccid, key_set});
  return found == keys_.end() ? nullptr : &found->second;
}

}  // namespace host
