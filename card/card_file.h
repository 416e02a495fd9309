// A card and a phone between two runs: JSON files. A card file holds OTA keys, so it has mode
// 0600; both are replaced atomically. Errors name the file and never its content.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "card/profile.h"

namespace card {

base::Result<Card> load_card(const std::string& path);
base::Status save_card(const std::string& path, const Card& card);

// What a terminal keeps when it is switched off.
struct Phone {
  std::string imei = "356938035643809";  // 15 digits
  IccidOctets last_iccid = kNoIccid;     // the card that it stored
};
// A file that does not exist is a new phone.
base::Result<Phone> load_phone(const std::string& path);
base::Status save_phone(const std::string& path, const Phone& phone);

// The OTA keys of one card from the laboratory's CSV, columns iccid, key_set, algorithm (aes or
// 3des), kic, kid and, if wanted, psk in hexadecimal; other columns are ignored. The first row of
// the ICCID counts; a row before it that is no record is an error.
base::Result<OtaKeys> read_ota_keys(const std::string& csv_path, const IccidOctets& iccid);

// Every row's; fails at the first that is none. `take` says whether there are to be more.
using TakeKeys = std::function<bool(const IccidOctets& iccid, OtaKeys keys)>;
base::Status read_all_ota_keys(const std::string& csv_path, const TakeKeys& take);

}  // namespace card
