// The cards' OTA keys as CSV, for the host, for the plugin in a laboratory and for the simulated
// card: no reader fails or repeats a long number of the file in a reason, each key has a size of
// its algorithm, and of a file that host and plugin both take they hand out the same keys.
#include <algorithm>
#include <cstdlib>

#include "base/csv.h"
#include "card/card_file.h"
#include "host/card_keys.h"
#include "plugin/card_keys_file.h"
#include "tests/fuzz/long_numbers.h"
#include "tests/fuzz/private_file.h"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

void check_reason(const std::string& why) {
  check(!why.empty() && fuzz::longest_number(why) <= fuzz::kLongestNumber);
}

bool fits(bool aes, std::size_t size) { return size == 16 || (aes && (size == 24 || size == 32)); }

bool same(base::View a, base::View b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

void check_card(const host::CardKeys& host, plugin::CardKeysFile& plugin, const std::string& digits,
                std::uint8_t key_set) {
  const auto iccid = vault::Iccid::from_digits(digits);
  const auto ef = host::ef_iccid(digits);
  check(iccid && ef);
  const bv_ota_key_set* const given = host.find(*ef, key_set);
  const auto keys = plugin.get(*iccid, key_set);
  check(given != nullptr && keys && *keys);
  const bool aes = (*keys)->family == bip::Family::aes;
  check(aes == (given->algorithm == BV_ALGORITHM_AES));
  check(fits(aes, given->kic_size) && fits(aes, given->kid_size));
  check(same({given->kic, given->kic_size}, (*keys)->kic.view()));
  check(same({given->kid, given->kid_size}, (*keys)->kid.view()));
  const base::Secret* const psk = host.find_psk(*ef);
  const auto plugins_psk = plugin.get(digits);
  check(plugins_psk && plugins_psk->has_value() == (psk != nullptr));
  if (psk != nullptr) check(same(psk->view(), (*plugins_psk)->view()));
}

void check_every_card(std::string_view text, const host::CardKeys& host,
                      plugin::CardKeysFile& plugin) {
  base::Lines lines(text);
  base::CsvReader csv(lines);
  check(csv.open().ok());
  const std::size_t iccid = csv.column("iccid").value();
  const std::size_t key_set = csv.column("key_set").value();
  std::vector<std::string> fields;
  while (csv.next(fields) == base::CsvReader::Got::record) {
    check_card(host, plugin, fields[iccid], static_cast<std::uint8_t>(std::stoi(fields[key_set])));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::PrivateFile file;
  const std::string& path = file.with({data, size});
  const std::string_view text = base::as_text({data, size});

  base::Lines lines(text);
  const auto host = host::CardKeys::read(lines);
  if (const auto* faults = std::get_if<host::CardKeys::Faults>(&host)) {
    check(!faults->lines.empty() && faults->lines.size() <= 20);
    for (const std::string& why : faults->lines) check_reason(why);
  }
  const auto plugin = plugin::CardKeysFile::load(path);
  if (!plugin) check_reason(plugin.error());
  if (const auto* given = std::get_if<host::CardKeys>(&host); given != nullptr && plugin) {
    check_every_card(text, *given, **plugin);
  }
  const base::Status card =
      card::read_all_ota_keys(path, [](const auto&, const card::OtaKeys& keys) {
        const bool aes = keys.family == bip::Family::aes;
        check(fits(aes, keys.kic.size()) && fits(aes, keys.kid.size()));
        return keys.key_set >= 1 && keys.key_set <= 15;
      });
  if (!card) check_reason(card.error());
  return 0;
}
