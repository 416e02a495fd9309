#include "cli/import_check_digit.h"

#include <string>
#include <unordered_set>

namespace cli {

namespace {

// With its check digit, and without the one that the last digit may be.
std::vector<vault::Iccid> other_check_digit(const vault::Iccid& iccid) {
  std::vector<vault::Iccid> others = vault::iccid_spellings(iccid.digits());
  std::erase_if(others, [&](const vault::Iccid& one) {
    const std::string& digits = one.digits();
    return digits == iccid.digits() ||
           !(digits.starts_with(iccid.digits()) || iccid.digits().starts_with(digits));
  });
  return others;
}

using Cards = std::unordered_set<std::string>;

base::Result<Cards> known(vault::Store& store, const std::vector<vault::Iccid>& asked) {
  Cards cards;
  if (asked.empty()) return cards;
  const auto found = store.known(asked);
  if (!found) return base::Error{found.error()};
  for (const vault::Iccid& card : *found) cards.insert(card.digits());
  return cards;
}

}  // namespace

base::Result<std::vector<std::vector<vault::Iccid>>> other_cards(
    vault::Store& store, std::span<const vault::ImportLine> lines) {
  std::vector<vault::Iccid> asked;
  for (const vault::ImportLine& line : lines) asked.push_back(line.iccid);
  const auto as_written = known(store, asked);
  if (!as_written) return base::Error{as_written.error()};
  asked.clear();
  std::vector<std::vector<vault::Iccid>> others(lines.size());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (as_written->contains(lines[i].iccid.digits())) continue;
    others[i] = other_check_digit(lines[i].iccid);
    asked.insert(asked.end(), others[i].begin(), others[i].end());
  }
  const auto otherwise = known(store, asked);
  if (!otherwise) return base::Error{otherwise.error()};
  for (std::vector<vault::Iccid>& fit : others) {
    std::erase_if(fit, [&](const vault::Iccid& one) { return !otherwise->contains(one.digits()); });
  }
  return others;
}

}  // namespace cli
