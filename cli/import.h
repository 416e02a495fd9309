// `bipvault-ops import`: from a file of cards to batches for the store.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/time.h"
#include "cli/import_file.h"

namespace cli {

struct ImportOptions {
  bool dry_run = false;         // look what would be done
  bool all_or_nothing = false;  // one transaction, and only if no line is bad
  ImportFormat format = ImportFormat::automatic;
  std::size_t batch = 5000;
  std::string actor = {};         // "ops:NAME"
  std::string country_code = {};  // of national numbers; empty: they are bad lines
};

struct ImportReport {
  struct Note {
    std::uint64_t line = 0;
    std::string text;
  };
  static constexpr std::size_t kMostNotes = 100;  // of each kind; the rest is counted

  ImportFormat format = ImportFormat::automatic;
  std::uint64_t cards = 0;  // good lines
  std::uint64_t bad = 0;
  std::uint64_t warnings = 0;
  std::uint64_t without_plus = 0;  // numbers taken as international, and the line of the first
  std::uint64_t first_without_plus = 0;
  vault::ImportResult stored;
  std::vector<Note> bad_lines;
  std::vector<Note> warned_lines;
  std::string error;         // why it ended early; what was stored stays
  bool unavailable = false;  // the error is the store's
};

// Called now and then with octets read and lines seen.
using Progress = std::function<void(const base::Lines& lines, const ImportReport& report)>;

// What the first lines of a file look like.
ImportFormat detect_format(base::Lines& lines);

// With dry_run the store is only asked, and the counts are what would be done. Vendor files with a
// quantity, and all_or_nothing, are read wholly before the first card is stored; everything else in
// batches as it is read.
ImportReport import_cards(base::Lines& lines, const ImportOptions& options, vault::Store& store,
                          base::Now now, const Progress& progress);

}  // namespace cli
