#include "cli/vendor_file.h"

#include <algorithm>

#include "base/log.h"
#include "base/secret.h"
#include "base/text.h"

namespace cli {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool is_comment(std::string_view text) {
  text = base::trim(text);
  return text.empty() || text.front() == '*' || text.front() == '#' || text.front() == ';';
}

// Small letters and digits only: "Ser_Nb" and "SER NB" are the same name.
std::string plain(std::string_view name) {
  std::string out;
  for (char c : name) {
    if (is_digit(c) || (c >= 'a' && c <= 'z')) out.push_back(c);
    if (c >= 'A' && c <= 'Z') out.push_back(static_cast<char>(c - 'A' + 'a'));
  }
  return out;
}

bool one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// At the first of these that the line has, else at blanks.
std::vector<std::string_view> split_fields(std::string_view text, std::string_view separators) {
  const std::size_t first = text.find_first_of(separators);
  if (first == std::string_view::npos) return base::split_words(text);
  const char separator = text[first];
  std::vector<std::string_view> fields;
  for (;;) {
    const std::size_t size = std::min(text.find(separator), text.size());
    std::string_view field = base::trim(text.substr(0, size));
    if (field.size() >= 2 && field.front() == '"' && field.back() == '"') {
      field = field.substr(1, field.size() - 2);
    }
    fields.push_back(field);
    if (size == text.size()) return fields;
    text.remove_prefix(size + 1);
  }
}

struct KeyValue {
  std::string_view key;
  std::string_view value;
};

// "Key: value" or "Key = value" with a key that begins with a letter.
std::optional<KeyValue> key_value(std::string_view text) {
  const std::size_t mark = text.find_first_of(":=");
  if (mark == std::string_view::npos) return std::nullopt;
  const std::string_view key = base::trim(text.substr(0, mark));
  const bool good =
      !key.empty() && is_letter(key.front()) && std::all_of(key.begin(), key.end(), [](char c) {
        return is_letter(c) || is_digit(c) || c == '_' || c == '-' || c == '.' || c == ' ' ||
               c == '/' || c == '(' || c == ')';
      });
  if (!good) return std::nullopt;
  return KeyValue{key, base::trim(text.substr(mark + 1))};
}

}  // namespace

VendorImport::~VendorImport() { base::wipe(text_.data(), text_.capacity()); }

VendorImport::What VendorImport::what_is(std::string_view name) {
  const std::string word = plain(name);
  if (one_of(word, {"iccid", "icc", "iccidnumber", "sernb", "serial", "serialnumber", "serialnb",
                    "serialno", "simserial", "cardid"})) {
    return What::iccid;
  }
  if (one_of(word, {"msisdn", "phone", "phonenumber", "number", "tel"})) return What::msisdn;
  if (one_of(word, {"customer", "customerid"})) return What::customer;
  if (one_of(word, {"language", "lang"})) return What::language;
  return What::other;
}

// "ICCID" or "ICCID[1-20]".
std::optional<VendorImport::Column> VendorImport::read_column(std::string_view item) {
  const std::size_t open = item.find('[');
  Column column;
  column.what = what_is(item.substr(0, open));
  if (open == std::string_view::npos) return column;
  const std::size_t dash = item.find('-', open);
  const std::size_t close = item.find(']', open);
  if (dash == std::string_view::npos || close != item.size() - 1 || dash > close) {
    return std::nullopt;
  }
  const auto first = base::parse_integer(item.substr(open + 1, dash - open - 1));
  const auto last = base::parse_integer(item.substr(dash + 1, close - dash - 1));
  constexpr std::int64_t kLongest = base::Lines::kLongest;
  if (!first || !last || *first < 1 || *last < *first || *last > kLongest) return std::nullopt;
  column.first = static_cast<std::size_t>(*first);
  column.last = static_cast<std::size_t>(*last);
  return column;
}

bool VendorImport::read_columns(std::string_view text) {
  std::vector<Column> columns;
  std::size_t placed = 0;
  std::size_t cards = 0;
  for (std::string_view item : split_fields(text, "/;,|\t")) {
    if (item.empty()) continue;
    const auto column = read_column(item);
    if (!column) return false;
    placed += column->first > 0 ? 1u : 0u;
    cards += column->what == What::iccid ? 1u : 0u;
    columns.push_back(*column);
  }
  if (cards != 1 || (placed != 0 && placed != columns.size())) return false;
  columns_ = std::move(columns);
  by_place_ = placed > 0;
  return true;
}

// A line of column names: words that begin with letters, one of them an ICCID's.
bool VendorImport::names_only(std::string_view text) {
  const auto fields = split_fields(text, "/;,|\t");
  const bool words = std::all_of(fields.begin(), fields.end(), [](std::string_view field) {
    return !field.empty() && is_letter(field.front());
  });
  return words && read_columns(text);
}

// False: the line is no part of the header.
bool VendorImport::header_line(std::string_view text, base::Status& status) {
  const auto entry = key_value(text);
  if (!entry) return names_only(text);
  const std::string key = plain(entry->key);
  if (one_of(key, {"quantity", "qty", "count", "amount", "numberofcards", "cards"})) {
    const auto number = base::parse_integer(entry->value);
    if (!number || *number < 0) {
      status = base::Error{base::cat("line ", lines_.number(), ": the quantity is not a number")};
    } else if (quantity_ && *quantity_ != static_cast<std::uint64_t>(*number)) {
      status = base::Error{base::cat("line ", lines_.number(), ": two different quantities")};
    } else {
      quantity_ = static_cast<std::uint64_t>(*number);
    }
  }
  if (one_of(key, {"varout", "columns", "fields", "format", "layout"}) && !entry->value.empty() &&
      !read_columns(entry->value)) {
    status = base::Error{base::cat("line ", lines_.number(),
                                   ": these column names do not hold exactly one known name of "
                                   "the ICCID (iccid, icc, ser_nb, serial), or places are wrong")};
  }
  return true;
}

base::Status VendorImport::open() {
  base::Status status;
  for (;;) {
    const base::Lines::Got got = lines_.next(text_);
    if (got == base::Lines::Got::failed) return base::Error{"the file cannot be read"};
    if (got == base::Lines::Got::end) return base::Error{"there is no card in the file"};
    too_long_ = got == base::Lines::Got::too_long;
    if (!too_long_ && is_comment(text_)) continue;
    if (too_long_ || !header_line(text_, status)) break;
    if (!status) return status;
  }
  waiting_ = true;
  return {};
}

ImportReader::Got VendorImport::next() {
  for (;;) {
    if (!waiting_) {
      const base::Lines::Got got = lines_.next(text_);
      if (got == base::Lines::Got::failed) return Got::failed;
      if (got == base::Lines::Got::end) return Got::end;
      too_long_ = got == base::Lines::Got::too_long;
    }
    waiting_ = false;
    line_ = lines_.number();
    if (too_long_) return bad("the line is too long");
    if (!is_comment(text_)) return read_card();
  }
}

std::string_view VendorImport::find_iccid(const std::vector<std::string_view>& fields) const {
  for (std::string_view field : fields) {
    const auto digits =
        static_cast<std::size_t>(std::count_if(field.begin(), field.end(), is_digit));
    const bool filler = std::all_of(field.begin(), field.end(),
                                    [](char c) { return is_digit(c) || c == 'F' || c == 'f'; });
    const std::size_t first = std::min(field.find_first_of("0123456789"), field.size());
    const std::string_view start = field.substr(first, 2);
    if (filler && digits >= 18 && digits <= 20 && (start == "89" || start == "98")) return field;
  }
  return {};
}

ImportReader::Got VendorImport::read_card() {
  const std::string_view text = text_;
  Fields fields;
  const auto put = [&](What what, std::string_view value) {
    if (what == What::iccid) fields.iccid = value;
    if (what == What::msisdn) fields.msisdn = value;
    if (what == What::customer) fields.customer = value;
    if (what == What::language) fields.language = value;
  };
  if (by_place_) {
    for (const Column& column : columns_) {
      if (column.first > text.size()) continue;
      put(column.what, base::trim(text.substr(column.first - 1, column.last - column.first + 1)));
    }
    return card(fields);
  }
  const std::vector<std::string_view> parts = split_fields(text, ";,\t|");
  if (columns_.empty()) {
    fields.iccid = find_iccid(parts);
    if (fields.iccid.empty()) return bad("no field looks like an ICCID (18 to 20 digits from 89)");
    return card(fields);
  }
  if (parts.size() != columns_.size()) {
    return bad(base::cat(parts.size(), " fields instead of ", columns_.size()));
  }
  for (std::size_t i = 0; i < parts.size(); ++i) put(columns_[i].what, parts[i]);
  return card(fields);
}

}  // namespace cli
