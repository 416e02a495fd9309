#include "cli/import_check_digit.h"

#include <string>
#include <unordered_set>

namespace cli {

namespace {

// With its check digit, and without the one that the last digit may be.
std::vector<Spelling> other_check_digit(const vault::Iccid& iccid) {
  std::vector<Spelling> others;
  for (const vault::Iccid& one : vault::iccid_spellings(iccid.digits())) {
    const std::string& digits = one.digits();
    const bool longer = digits.starts_with(iccid.digits());
    if (digits != iccid.digits() && (longer || iccid.digits().starts_with(digits))) {
      others.push_back({one});
    }
  }
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

base::Result<std::vector<std::vector<Spelling>>> other_spellings(
    vault::Store& store, std::span<const vault::ImportLine> lines) {
  std::vector<vault::Iccid> asked;
  for (const vault::ImportLine& line : lines) asked.push_back(line.iccid);
  const auto as_written = known(store, asked);
  if (!as_written) return base::Error{as_written.error()};
  asked.clear();
  std::vector<std::vector<Spelling>> others(lines.size());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (as_written->contains(lines[i].iccid.digits())) continue;
    others[i] = other_check_digit(lines[i].iccid);
    for (const Spelling& other : others[i]) asked.push_back(other.iccid);
  }
  const auto otherwise = known(store, asked);
  if (!otherwise) return base::Error{otherwise.error()};
  for (std::vector<Spelling>& of_line : others) {
    for (Spelling& other : of_line) other.stored = otherwise->contains(other.iccid.digits());
  }
  return others;
}

}  // namespace cli
