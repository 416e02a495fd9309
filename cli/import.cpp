#include "cli/import.h"

#include <algorithm>
#include <span>

#include "base/log.h"
#include "base/text.h"
#include "cli/import_check_digit.h"
#include "cli/import_repeats.h"

namespace cli {

namespace {

using base::cat;

constexpr std::uint64_t kProgressLines = 1000;

class Importer {
 public:
  Importer(const ImportOptions& options, vault::Store& store, base::Now now)
      : options_(options), store_(store), now_(now) {}

  ImportReport run(base::Lines& lines, const Progress& progress) {
    auto opened = open_import(lines, options_.format);
    if (!opened) return failed(opened.error());
    ImportReader& reader = **opened;
    reader.set_country_code(options_.country_code);
    report_.format = reader.format();
    const bool whole = options_.all_or_nothing || reader.quantity().has_value();
    for (;;) {
      const ImportReader::Got got = reader.next();
      if (got == ImportReader::Got::end) break;
      if (got == ImportReader::Got::failed) {
        return failed(cat("the file cannot be read to its end: ",
                          whole ? "nothing was imported"
                                : "the last cards that were read are not imported; what was stays, "
                                  "repeating is safe"));
      }
      take(reader, got);
      if ((report_.cards + report_.bad) % kProgressLines == 0) progress(lines, report_);
      if (whole || batch_.size() < options_.batch) continue;
      if (!look_for_check_digits() || !store(0, batch_.size())) return report_;
    }
    if (const auto quantity = reader.quantity()) {
      const std::uint64_t found = report_.cards + report_.bad;
      if (found != *quantity) {
        return failed(base::cat("the header says ", *quantity, " cards, the file has ", found,
                                ": nothing was imported"));
      }
    }
    if (!look_for_check_digits()) return report_;
    if (options_.all_or_nothing && report_.bad > 0) {
      return failed(base::cat(report_.bad, " bad lines: nothing was imported"));
    }
    store_rest();
    return report_;
  }

 private:
  ImportReport failed(std::string why) {
    report_.error = std::move(why);
    return report_;
  }

  void take(ImportReader& reader, ImportReader::Got got) {
    if (got == ImportReader::Got::bad) {
      ++report_.bad;
      note(report_.bad_lines, reader.line(), reader.fault());
      return;
    }
    ++report_.cards;
    if (!reader.warning().empty()) warn(reader.line(), reader.warning());
    if (reader.number_without_plus() && report_.without_plus++ == 0) {
      report_.first_without_plus = reader.line();
    }
    batch_.push_back(reader.take());
    batch_lines_.push_back(reader.line());
  }

  void warn(std::uint64_t line, const std::string& text) {
    ++report_.warnings;
    note(report_.warned_lines, line, text);
  }

  // In the order of lines: some of it is known only when the batch is complete. Of too many the
  // first stay.
  static void note(std::vector<ImportReport::Note>& notes, std::uint64_t line,
                   const std::string& text) {
    const auto place = std::upper_bound(
        notes.begin(), notes.end(), line,
        [](std::uint64_t one, const ImportReport::Note& other) { return one < other.line; });
    if (place == notes.end() && notes.size() == ImportReport::kMostNotes) return;
    notes.insert(place, {line, text});
    if (notes.size() > ImportReport::kMostNotes) notes.pop_back();
  }

  // A card that the store, or a line before, has with its check digit and this line without it, or
  // the other way round, is one card. False: the store is away.
  bool look_for_check_digits() {
    std::vector<vault::ImportLine> lines;
    std::vector<std::uint64_t> numbers;
    for (std::size_t first = 0; first < batch_.size(); first += options_.batch) {
      const std::size_t size = std::min(options_.batch, batch_.size() - first);
      auto others = other_spellings(store_, std::span(batch_).subspan(first, size));
      if (!others) return unavailable(others.error());
      for (std::size_t i = 0; i < size; ++i) {
        vault::ImportLine& line = batch_[first + i];
        const std::uint64_t number = batch_lines_[first + i];
        if (!take_for(line, number, std::move((*others)[i]))) continue;
        for (const std::string& odd : repeats_.take(number, line)) warn(number, odd);
        lines.push_back(std::move(line));
        numbers.push_back(number);
      }
    }
    batch_ = std::move(lines);
    batch_lines_ = std::move(numbers);
    return true;
  }

  // False: several cards may be meant, and the line is a bad one.
  bool take_for(vault::ImportLine& line, std::uint64_t number, std::vector<Spelling> others) {
    std::erase_if(others, [&](const Spelling& other) {
      return !other.stored && (repeats_.has(line.iccid) || !repeats_.has(other.iccid));
    });
    if (others.empty()) return true;
    if (others.size() > 1) {
      --report_.cards;
      ++report_.bad;
      note(report_.bad_lines, number,
           cat("ICCID ", line.iccid.digits(), " fits several cards: ", others[0].iccid.digits(),
               ", ", others[1].iccid.digits(), "; write it as the card has it"));
      return false;
    }
    warn(number, cat("ICCID ", line.iccid.digits(), " is taken for card ", others[0].iccid.digits(),
                     ", which differs by the check digit"));
    line.iccid = others[0].iccid;
    return true;
  }

  bool unavailable(const std::string& why) {
    report_.error = why;
    report_.unavailable = true;
    return false;
  }

  // Stores `size` cards from `first` on. With the whole of batch_ it is emptied.
  bool store(std::size_t first, std::size_t size) {
    if (size == 0) return true;
    const bool all = first == 0 && size == batch_.size();
    std::vector<vault::ImportLine> part;
    if (!all) {
      const auto begin = batch_.begin() + static_cast<std::ptrdiff_t>(first);
      part.assign(begin, begin + static_cast<std::ptrdiff_t>(size));
    }
    const std::vector<vault::ImportLine>& lines = all ? batch_ : part;
    const auto result = options_.dry_run ? forecast_.look(store_, now_, lines)
                                         : store_.import(now_, lines, options_.actor);
    if (!result) return unavailable(result.error());
    report_.stored.created += result->created;
    report_.stored.updated += result->updated;
    report_.stored.unchanged += result->unchanged;
    if (all) {
      batch_.clear();
      batch_lines_.clear();
    }
    return true;
  }

  void store_rest() {
    if (options_.all_or_nothing) {
      store(0, batch_.size());
      return;
    }
    for (std::size_t first = 0; first < batch_.size(); first += options_.batch) {
      if (!store(first, std::min(options_.batch, batch_.size() - first))) return;
    }
  }

  const ImportOptions& options_;
  vault::Store& store_;
  base::Now now_;
  ImportReport report_;
  std::vector<vault::ImportLine> batch_;
  std::vector<std::uint64_t> batch_lines_;  // where in the file they stand
  ImportRepeats repeats_;
  ImportForecast forecast_;
};

bool has_iccid_column(std::string_view header) {
  std::string word;
  const auto is_iccid = [&] { return base::equal_ignoring_case(word, "iccid"); };
  for (char c : header) {
    if (c == ',' || c == ';' || c == '\t') {
      if (is_iccid()) return true;
      word.clear();
    } else if (c != ' ' && c != '"' && c != '_' && c != '-') {
      word.push_back(c);
    }
  }
  return is_iccid();
}

}  // namespace

ImportFormat detect_format(base::Lines& lines) {
  std::string line;
  while (lines.next(line) == base::Lines::Got::line) {
    if (base::trim(line).empty()) continue;
    return has_iccid_column(line) ? ImportFormat::csv : ImportFormat::vendor;
  }
  return ImportFormat::csv;
}

ImportReport import_cards(base::Lines& lines, const ImportOptions& options, vault::Store& store,
                          base::Now now, const Progress& progress) {
  return Importer(options, store, now).run(lines, progress);
}

}  // namespace cli
