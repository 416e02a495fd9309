// The cards' OTA keys and PSKs of a laboratory or a small operator: a CSV file that the host reads
// for the plugin. Key material is wiped with the object and appears in no message.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/files.h"
#include "base/result.h"
#include "base/secret.h"
#include "bipvault/ext/ota_keys.h"
#include "bipvault/ext/psk.h"

namespace host {

// As in EF_ICCID: digits nibble-swapped, F filler.
using EfIccid = std::array<std::uint8_t, 10>;
std::optional<EfIccid> ef_iccid(std::string_view digits);  // 10..20 digits, "F" behind is dropped

// Immutable after reading; any thread.
class CardKeys {
 public:
  CardKeys() = default;
  CardKeys(CardKeys&&) = default;
  CardKeys& operator=(CardKeys&&) = default;
  ~CardKeys();

  // Every fault of the file at once ("line 3: ..."), at most 20.
  struct Faults {
    std::vector<std::string> lines;
  };
  static std::variant<CardKeys, Faults> read(base::Lines& lines);
  // The same from a file, whose mode and owner are checked before.
  static std::variant<CardKeys, Faults> load(const std::string& path);

  const bv_ota_key_set* find(const EfIccid& iccid, std::uint8_t key_set) const;
  // 16 to 64 octets; null: the card has none.
  const base::Secret* find_psk(const EfIccid& iccid) const;
  std::size_t size() const { return keys_.size(); }

 private:
  bool add_psk(const EfIccid& iccid, base::Secret psk);

  std::map<std::pair<EfIccid, std::uint8_t>, bv_ota_key_set> keys_;
  std::map<EfIccid, base::Secret> psks_;
};

}  // namespace host
