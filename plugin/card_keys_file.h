// Laboratory only: card keys and PSKs from a CSV when the host gives none.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/result.h"
#include "bip/ports.h"

namespace plugin {

// Immutable after load; any thread. Columns iccid, key_set, algorithm (aes, 3des), kic, kid and, if
// wanted, psk (16 to 64 octets), keys in hex; others are ignored. Mode of the file: 0600 or 0400.
class CardKeysFile : public bip::CardKeySource, public bip::PskSource {
 public:
  static base::Result<std::unique_ptr<CardKeysFile>> load(const std::string& path);
  base::Result<std::optional<bip::CardKeys>> get(const vault::Iccid& iccid,
                                                 std::uint8_t key_set) override;
  base::Result<std::optional<base::Secret>> get(std::string_view identity) override;

 private:
  std::map<std::pair<std::string, int>, bip::CardKeys> keys_;
  std::map<std::string, base::Secret> psks_;  // by ICCID
};

}  // namespace plugin
