#include "base/csv.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"

namespace base {

namespace {

// The most frequent of the possible separators outside quotes.
char find_separator(std::string_view header) {
  constexpr std::string_view kPossible = ",;\t";
  std::size_t counts[kPossible.size()] = {};
  bool in_quotes = false;
  for (char c : header) {
    if (c == '"') in_quotes = !in_quotes;
    const std::size_t which = kPossible.find(c);
    if (!in_quotes && which != std::string_view::npos) ++counts[which];
  }
  const auto most = std::max_element(std::begin(counts), std::end(counts));
  return kPossible[static_cast<std::size_t>(most - std::begin(counts))];
}

std::string plain_name(std::string_view name) {
  std::string plain;
  for (char c : name) {
    if (c == '_' || c == '-' || c == ' ') continue;
    plain.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  }
  return plain;
}

}  // namespace

Lines::Got CsvReader::take(Line& line) {
  if (!again_.empty()) {
    line = std::move(again_.front());
    again_.pop_front();
    return Lines::Got::line;
  }
  const Lines::Got got = lines_.next(line.text);
  line.number = lines_.number();
  line.too_long = got == Lines::Got::too_long;
  return line.too_long ? Lines::Got::line : got;
}

Status CsvReader::open() {
  Line header;
  do {
    const Lines::Got got = take(header);
    if (got == Lines::Got::failed) return Error{"the file cannot be read"};
    if (got == Lines::Got::end)
      return Error{"the file is empty: a line with column names is missing"};
  } while (!header.too_long && trim(header.text).empty());
  if (header.too_long) return Error{"the line with column names is too long"};
  separator_ = find_separator(header.text);
  if (split(header.text, names_) != Split::whole) {
    return Error{"the line with column names: " + (fault_.empty() ? "open quote" : fault_)};
  }
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (names_[i].empty()) return Error{cat("column ", i + 1, " has no name")};
    if (!valid_utf8(names_[i])) return Error{cat("column ", i + 1, ": name is not valid UTF-8")};
    // By its place: where the header is missing, a name may be a key.
    const std::size_t first = *column(names_[i]);
    if (first != i) return Error{cat("column ", i + 1, " has the name of column ", first + 1)};
  }
  return {};
}

std::optional<std::size_t> CsvReader::column(std::string_view name) const {
  const std::string wanted = plain_name(name);
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (plain_name(names_[i]) == wanted) return i;
  }
  return std::nullopt;
}

CsvReader::Got CsvReader::bad(std::string why) {
  fault_ = std::move(why);
  return Got::bad;
}

CsvReader::Got CsvReader::next(std::vector<std::string>& fields) {
  Line first;
  do {
    const Lines::Got got = take(first);
    if (got == Lines::Got::failed) return Got::failed;
    if (got == Lines::Got::end) return Got::end;
  } while (!first.too_long && trim(first.text).empty());
  record_line_ = first.number;
  if (first.too_long) return bad("the line is too long");

  Split result = split(first.text, fields);
  std::string record;
  std::vector<Line> more;
  while (result == Split::open_quote) {
    if (record.empty()) record = first.text;
    Line line;
    const bool full = static_cast<int>(more.size()) + 1 >= kMostLinesPerRecord;
    if (full || take(line) != Lines::Got::line) break;
    record += '\n';
    record += line.text;
    const bool too_long = line.too_long || record.size() > Lines::kLongest;
    more.push_back(std::move(line));
    if (too_long) break;
    result = split(record, fields);
  }
  if (result == Split::open_quote) {
    // The quote belongs to the first line only: what was read ahead is read as records of its own.
    again_.insert(again_.begin(), std::make_move_iterator(more.begin()),
                  std::make_move_iterator(more.end()));
    return bad("a quote is not closed");
  }
  if (result == Split::bad) return Got::bad;
  if (fields.size() != names_.size()) {
    return bad(cat(fields.size(), " fields instead of ", names_.size()));
  }
  return Got::record;
}

// Takes a quoted field whose opening quote has been taken. False: `result` says what it is.
bool CsvReader::quoted(std::string_view& rest, std::string& field, Split& result) {
  for (;;) {
    const std::size_t quote = rest.find('"');
    if (quote == std::string_view::npos) {
      result = Split::open_quote;
      return false;
    }
    field += rest.substr(0, quote);
    rest.remove_prefix(quote + 1);
    if (!rest.starts_with('"')) break;
    field += '"';
    rest.remove_prefix(1);
  }
  const std::size_t size = std::min(rest.find(separator_), rest.size());
  if (!trim(rest.substr(0, size)).empty()) {
    fault_ = "text behind a closing quote";
    result = Split::bad;
    return false;
  }
  rest.remove_prefix(size);
  return true;
}

CsvReader::Split CsvReader::split(std::string_view rest, std::vector<std::string>& fields) {
  std::size_t count = 0;
  for (;;) {
    if (count == kMostColumns) {
      fault_ = cat("more than ", kMostColumns, " fields");
      return Split::bad;
    }
    if (fields.size() <= count) fields.emplace_back();
    std::string& field = fields[count++];
    field.clear();
    std::size_t lead = 0;
    while (lead < rest.size() && rest[lead] == ' ') ++lead;
    if (lead < rest.size() && rest[lead] == '"') {
      rest.remove_prefix(lead + 1);
      Split result = Split::whole;
      if (!quoted(rest, field, result)) return result;
    } else {
      const std::size_t size = std::min(rest.find(separator_), rest.size());
      field = separator_ == '\t' ? rest.substr(0, size) : trim(rest.substr(0, size));
      rest.remove_prefix(size);
    }
    if (rest.empty()) break;
    rest.remove_prefix(1);  // the separator
  }
  fields.resize(count);
  return Split::whole;
}

}  // namespace base
