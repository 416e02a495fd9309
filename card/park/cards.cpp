#include "card/park/cards.h"

#include <algorithm>
#include <charconv>
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

// "1A2B+3C4D+*": acknowledged, unanswered ones, too many.
std::string images_text(const Memory& memory) {
  std::string text = std::to_string(memory.acknowledged);
  for (const std::uint64_t digest : memory.unanswered) {
    if (digest != 0) text += base::cat("+", digest);
  }
  return memory.too_many ? text + "+*" : text;
}

bool read_images(std::string_view text, Memory& memory) {
  const auto number = [](std::string_view part, std::uint64_t& value) {
    const auto read = std::from_chars(part.data(), part.data() + part.size(), value);
    return read.ec == std::errc() && read.ptr == part.data() + part.size();
  };
  std::size_t end = std::min(text.find('+'), text.size());
  if (!number(text.substr(0, end), memory.acknowledged)) return false;
  while (end < text.size()) {
    text.remove_prefix(end + 1);
    end = std::min(text.find('+'), text.size());
    std::uint64_t digest = 0;
    if (text.substr(0, end) == "*") {
      memory.too_many = true;
    } else if (number(text.substr(0, end), digest)) {
      memory.sent(digest);
    } else {
      return false;
    }
  }
  return true;
}

// Nothing is lost when it is written over: it is not there, empty, or the header of a list alone.
// (What cannot be read whole as a list may hold keys all the same.)
bool holds_nothing(const std::string& csv_path) {
  std::error_code none;
  if (!std::filesystem::exists(csv_path, none)) return !none;
  auto lines = base::Lines::open(csv_path);
  if (!lines) return false;
  std::string line;
  base::Lines::Got got = lines->next(line);
  if (got == base::Lines::Got::line && line.starts_with("iccid,")) got = lines->next(line);
  return got == base::Lines::Got::end;
}

}  // namespace

void Memory::sent(std::uint64_t digest) {
  for (std::uint64_t& place : unanswered) {
    if (place == digest) return;
    if (place != 0) continue;
    place = digest;
    return;
  }
  too_many = true;
}

void Memory::acknowledge(std::uint64_t digest) {
  acknowledged = digest;
  std::fill(std::begin(unanswered), std::end(unanswered), 0);
  too_many = false;
}

bool Memory::may_be(std::uint64_t digest) const {
  if (digest == acknowledged || too_many) return true;
  return digest != 0 &&
         std::find(std::begin(unanswered), std::end(unanswered), digest) != std::end(unanswered);
}

base::Result<std::vector<ParkCard>> read_cards(const std::string& csv_path, std::size_t most) {
  std::vector<ParkCard> cards;
  bool too_many = false;
  const auto read = read_all_ota_keys(csv_path, [&](const IccidOctets& iccid, OtaKeys keys) {
    too_many = cards.size() == most;
    if (!too_many) cards.push_back({iccid, std::move(keys)});
    return !too_many;
  });
  if (!read) return base::Error{read.error()};
  if (too_many) return base::Error{base::cat(csv_path, ": more than ", most, " cards")};
  if (cards.empty()) return base::Error{csv_path + ": no cards"};
  return cards;
}

base::Status make_cards(const std::string& csv_path, std::size_t count) {
  if (!holds_nothing(csv_path)) {
    return base::Error{csv_path + ": is there and not empty; the keys in it would be gone"};
  }
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

base::Result<base::Secret> read_state(const std::string& path, const std::vector<ParkCard>& cards,
                                      Memory* memories) {
  const std::uint64_t first = first_counter();
  for (std::size_t i = 0; i < cards.size(); ++i) memories[i].counter = first;
  std::error_code ignored;
  if (path.empty() || !std::filesystem::exists(path, ignored)) return base::Secret();
  std::map<IccidOctets, Memory*> by_number;
  for (std::size_t i = 0; i < cards.size(); ++i) by_number[cards[i].iccid] = &memories[i];
  auto lines = base::Lines::open(path);
  if (!lines) return base::Error{path + ": " + lines.error()};
  base::CsvReader csv(*lines);
  if (const auto opened = csv.open(); !opened) return base::Error{path + ": " + opened.error()};
  std::vector<std::string> row;
  std::string others;
  for (auto got = csv.next(row); got != base::CsvReader::Got::end; got = csv.next(row)) {
    const auto iccid = row.size() == 5 ? iccid_octets(row[0]) : std::nullopt;
    const auto counter = iccid ? base::parse_integer(row[1]) : std::nullopt;
    const auto transaction = counter ? base::parse_integer(row[2]) : std::nullopt;
    Memory images;
    if (got != base::CsvReader::Got::record || !transaction ||
        row[3].size() >= sizeof Memory::key || !read_images(row[4], images)) {
      return base::Error{
          base::cat(path, " line ", csv.line(), ": iccid, counter, transaction, key, images")};
    }
    const auto found = by_number.find(*iccid);
    if (found == by_number.end()) {
      others += base::cat(row[0], ",", row[1], ",", row[2], ",", row[3], ",", row[4], "\n");
      continue;
    }
    Memory& memory = *found->second;
    memory = images;
    memory.counter = static_cast<std::uint64_t>(*counter);
    memory.transaction = static_cast<std::uint32_t>(*transaction);
    std::memcpy(memory.key, row[3].c_str(), row[3].size() + 1);
  }
  base::Secret kept(base::as_bytes(others));
  base::wipe(others.data(), others.size());
  return kept;
}

base::Status write_state(const std::string& path, const std::vector<ParkCard>& cards,
                         const Memory* memories, base::View others) {
  if (path.empty()) return {};
  std::string text = "iccid,counter,transaction,key,images\n";
  for (std::size_t i = 0; i < cards.size(); ++i) {
    const Memory& memory = memories[i];
    text += base::cat(iccid_digits(cards[i].iccid), ",", memory.counter, ",", memory.transaction,
                      ",", std::string_view(memory.key), ",", images_text(memory), "\n");
  }
  text += base::as_text(others);
  const auto written = base::write_file_atomically(path, text, 0600);
  base::wipe(text.data(), text.size());
  return written;
}

}  // namespace card::park
