#include "cli/import_repeats.h"

#include <algorithm>
#include <functional>
#include <span>

#include "base/log.h"

namespace cli {

namespace {

constexpr std::size_t kLook = 500;  // cards in one transaction

std::uint64_t hash(std::string_view text) { return std::hash<std::string_view>()(text); }

std::uint64_t hash_of(const vault::Iccid& iccid) { return hash(iccid.digits()); }

// 0: none is told.
std::uint64_t hash_of(const std::optional<vault::Msisdn>& number) {
  return number ? hash(number->digits()) | 1 : 0;
}
std::uint64_t hash_of(const std::string& text) { return text.empty() ? 0 : hash(text) | 1; }

}  // namespace

std::vector<std::string> ImportRepeats::take(std::uint64_t number, const vault::ImportLine& line) {
  std::vector<std::string> odd;
  const std::uint64_t card = hash_of(line.iccid);
  const std::string number_digits = line.msisdn ? line.msisdn->digits() : std::string();
  const Told told{number, hash(base::cat(number_digits, "\n", line.customer, "\n", line.language))};
  const auto [before, first] = cards_.try_emplace(card, told);
  if (!first) {
    if (before->second.data != told.data) {
      odd.push_back(base::cat("ICCID ", line.iccid.digits(), " stands in line ",
                              before->second.line, " with other data: the later line counts"));
    }
    before->second = told;
  }
  if (!line.msisdn) return odd;
  const auto [owner, fresh] = numbers_.try_emplace(hash_of(line.msisdn), Told{number, card});
  if (!fresh && owner->second.data != card) {
    odd.push_back(base::cat("number +", number_digits, " belongs to another card in line ",
                            owner->second.line, ": care would find two records for it"));
  }
  owner->second = {number, card};
  return odd;
}

bool ImportRepeats::has(const vault::Iccid& card) const { return cards_.contains(hash_of(card)); }

bool ImportForecast::complete(Known& known, const vault::ImportLine& line) const {
  bool changed = false;
  const auto take = [&](std::uint64_t& place, std::uint64_t told) {
    if (told == 0 || told == place) return;
    place = told;
    changed = true;
  };
  take(known.number, hash_of(line.msisdn));
  take(known.customer, hash_of(line.customer));
  take(known.language, hash_of(line.language));
  return changed;
}

base::Result<vault::ImportResult> ImportForecast::look(
    vault::Store& store, base::Now now, const std::vector<vault::ImportLine>& lines) {
  vault::ImportResult result;
  for (std::size_t first = 0; first < lines.size(); first += kLook) {
    const auto part = std::span(lines).subspan(first, std::min(kLook, lines.size() - first));
    std::unordered_map<std::uint64_t, Known> stored;
    const vault::Outcome outcome = store.update(now, [&](vault::RecordTx& tx) {
      stored.clear();
      for (const vault::ImportLine& line : part) {
        const vault::Record* const record = tx.find(line.iccid);
        if (record == nullptr) continue;
        stored[hash_of(line.iccid)] = {hash_of(record->msisdn_provisioned),
                                       hash_of(record->customer), hash_of(record->language)};
      }
      return false;  // only looked at
    });
    if (outcome == vault::Outcome::unavailable) {
      return base::Error{"the store is unavailable; try again"};
    }
    for (const vault::ImportLine& line : part) {
      const std::uint64_t card = hash_of(line.iccid);
      const auto held = stored.find(card);
      const auto [known, fresh] =
          cards_.try_emplace(card, held == stored.end() ? Known() : held->second);
      const bool created = fresh && held == stored.end();
      const bool changed = complete(known->second, line);
      ++(created ? result.created : changed ? result.updated : result.unchanged);
    }
  }
  return result;
}

}  // namespace cli
