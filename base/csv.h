// A bounded CSV reader by header names, one record at a time: RFC 4180 quoting (doubled quotes,
// quoted separators and line ends), separator ",", ";" or tab as the header shows, BOM, LF or
// CRLF. A bad record is reported with its line number and the next one is read. One thread at a
// time per object; the Lines must outlive it.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "base/result.h"

namespace base {

class CsvReader {
 public:
  static constexpr std::size_t kMostColumns = 256;
  static constexpr int kMostLinesPerRecord = 16;

  explicit CsvReader(Lines& lines) : lines_(lines) {}

  // Reads the header: the first line that is not blank. Fails for an empty file, a name given
  // twice or empty, or too many columns.
  Status open();
  const std::vector<std::string>& names() const { return names_; }
  char separator() const { return separator_; }
  // By name, without case; "_", "-" and blanks in names do not count ("Key Set" is key_set).
  std::optional<std::size_t> column(std::string_view name) const;

  enum class Got { record, bad, end, failed };
  // record: `fields` has one entry per column, trimmed unless quoted. bad: fault() says why.
  // Blank lines are skipped.
  Got next(std::vector<std::string>& fields);
  std::uint64_t line() const { return record_line_; }  // where the record last given begins
  const std::string& fault() const { return fault_; }

 private:
  struct Line {
    std::string text;
    std::uint64_t number = 0;
    bool too_long = false;
  };
  enum class Split { whole, open_quote, bad };

  Lines::Got take(Line& line);
  Got bad(std::string why);
  Split split(std::string_view record, std::vector<std::string>& fields);
  bool quoted(std::string_view& rest, std::string& field, Split& result);

  Lines& lines_;
  std::deque<Line> again_;  // lines read ahead for a quote that was never closed
  std::vector<std::string> names_;
  char separator_ = ',';
  std::uint64_t record_line_ = 0;
  std::string fault_;
};

}  // namespace base
