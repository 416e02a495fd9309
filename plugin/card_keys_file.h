// Laboratory only: card keys from a CSV when the host gives none.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/result.h"
#include "bip/ports.h"

namespace plugin {

// Immutable after load; any thread. Columns iccid, key_set, algorithm (aes, 3des), kic, kid in
// hex; others are ignored. Mode of the file: 0600 or 0400.
class CardKeysFile : public bip::CardKeySource {
 public:
  static base::Result<std::unique_ptr<CardKeysFile>> load(const std::string& path);
  std::optional<bip::CardKeys> get(const vault::Iccid& iccid, std::uint8_t key_set) override;

 private:
  std::map<std::pair<std::string, int>, bip::CardKeys> keys_;
};

}  // namespace plugin
