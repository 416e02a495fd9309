#include "card/park/cards.h"

#include <algorithm>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <map>

#include "base/crypto.h"
#include "base/csv.h"
#include "base/files.h"
#include "base/log.h"
#include "base/text.h"
#include "card/card_file.h"
#include "card/park/settings.h"

namespace card::park {
namespace {

constexpr std::int64_t kCounterEpoch = 1'767'225'600;  // 2026-01-01
constexpr std::int64_t kCountersASecond = 64;          // a vault lets a counter jump by 2^32

std::string luhn_digit(const std::string& digits) {
  int total = 0;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    const int n = (digits[digits.size() - 1 - i] - '0') * (i % 2 == 0 ? 2 : 1);
    total += n > 9 ? n - 9 : n;
  }
  return std::to_string((10 - total % 10) % 10);
}

std::uint64_t first_counter() {
  const std::int64_t since = std::time(nullptr) - kCounterEpoch;
  return static_cast<std::uint64_t>(std::max<std::int64_t>(since, 0) * kCountersASecond);
}

}  // namespace

base::Result<std::vector<ParkCard>> read_cards(const std::string& csv_path) {
  std::vector<ParkCard> cards;
  const auto read = read_all_ota_keys(csv_path, [&](const IccidOctets& iccid, OtaKeys keys) {
    cards.push_back({iccid, std::move(keys)});
    return cards.size() < Settings::kMostCards;
  });
  if (!read) return base::Error{read.error()};
  if (cards.empty()) return base::Error{csv_path + ": no cards"};
  return cards;
}

base::Status make_cards(const std::string& csv_path, std::size_t count) {
  const std::string series = std::to_string(100'000 + base::random_below(900'000));
  std::string text = "iccid,key_set,algorithm,kic,kid,psk\n";
  for (std::size_t i = 0; i < count; ++i) {
    const std::string number = std::to_string(i);
    const std::string digits =
        "898602" + series + std::string(6 - std::min<std::size_t>(number.size(), 6), '0') + number;
    text += base::cat(digits, luhn_digit(digits), ",1,aes");
    for (int key = 0; key < 3; ++key) text += "," + base::to_hex(base::random_array<16>());
    text += '\n';
  }
  const auto written = base::write_file_atomically(csv_path, text, 0600);
  base::wipe(text.data(), text.size());
  return written;
}

base::Status read_state(const std::string& path, const std::vector<ParkCard>& cards,
                        Memory* memories) {
  const std::uint64_t first = first_counter();
  for (std::size_t i = 0; i < cards.size(); ++i) memories[i].counter = first;
  std::error_code ignored;
  if (path.empty() || !std::filesystem::exists(path, ignored)) return {};
  std::map<IccidOctets, Memory*> by_number;
  for (std::size_t i = 0; i < cards.size(); ++i) by_number[cards[i].iccid] = &memories[i];
  auto lines = base::Lines::open(path);
  if (!lines) return base::Error{path + ": " + lines.error()};
  base::CsvReader csv(*lines);
  if (const auto opened = csv.open(); !opened) return base::Error{path + ": " + opened.error()};
  std::vector<std::string> row;
  for (auto got = csv.next(row); got != base::CsvReader::Got::end; got = csv.next(row)) {
    const auto iccid = row.size() == 4 ? iccid_octets(row[0]) : std::nullopt;
    const auto counter = iccid ? base::parse_integer(row[1]) : std::nullopt;
    const auto transaction = counter ? base::parse_integer(row[2]) : std::nullopt;
    if (got != base::CsvReader::Got::record || !transaction ||
        row[3].size() >= sizeof Memory::key) {
      return base::Error{
          base::cat(path, " line ", csv.line(), ": iccid, counter, transaction, key")};
    }
    const auto found = by_number.find(*iccid);
    if (found == by_number.end()) continue;
    found->second->counter = static_cast<std::uint64_t>(*counter);
    found->second->transaction = static_cast<std::uint32_t>(*transaction);
    std::memcpy(found->second->key, row[3].c_str(), row[3].size() + 1);
  }
  return {};
}

base::Status write_state(const std::string& path, const std::vector<ParkCard>& cards,
                         const Memory* memories) {
  if (path.empty()) return {};
  std::string text = "iccid,counter,transaction,key\n";
  for (std::size_t i = 0; i < cards.size(); ++i) {
    const Memory& memory = memories[i];
    text += base::cat(iccid_digits(cards[i].iccid), ",", memory.counter, ",", memory.transaction,
                      ",", std::string_view(memory.key), "\n");
  }
  const auto written = base::write_file_atomically(path, text, 0600);
  base::wipe(text.data(), text.size());
  return written;
}

}  // namespace card::park
