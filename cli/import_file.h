// Files with cards for `import`: CSV with a header, or the output file of a card vendor.
//
// CSV: columns by name, in any order; iccid must be there, msisdn, customer and language may be,
// others are not looked at.
//
// Vendor file, read tolerantly:
//   * a line that is blank or starts with "*", "#" or ";" is a comment;
//   * "Key: value" and "Key = value" lines before the first card are the header. "Quantity" (also
//     Qty, Count, Amount, "Number of cards") is how many cards there must be;
//   * the header's "var_out" (also Columns, Fields, Format, Layout), or a line of names right
//     before the first card, names the columns, separated by "/", ",", ";", "|", tab or blanks.
//     Known names: iccid, icc, ser_nb, serial, ...; msisdn, phone; customer; language. A name may
//     carry its place, "ICCID[1-20]": then lines are cut at places instead of separators;
//   * without column names the first field of 18 to 20 digits that begins with 89 (or 98, nibbles
//     swapped) is the ICCID;
//   * every further line is a card. Fields are separated by ";", ",", tab, "|" or blanks.
// Other columns (IMSI, PIN, PUK, Ki, ADM, ...) are neither kept nor repeated in a message, and the
// memory of each line is wiped.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/files.h"
#include "base/result.h"
#include "vault/ports.h"

namespace cli {

enum class ImportFormat { automatic, csv, vendor };

// ICCID as typed in any spelling: as written, but where only the nibble-swapped form begins with
// 89 (telecommunication, ITU-T E.118) that one.
std::optional<vault::Iccid> import_iccid(std::string_view typed);

class ImportReader {
 public:
  enum class Got { card, bad, end, failed };

  virtual ~ImportReader() = default;
  // card: `card` is filled in, warning() may say something about it. bad: fault() says why.
  virtual Got next() = 0;
  // What the header says, if it does. Known before the first card has been read.
  virtual std::optional<std::uint64_t> quantity() const { return std::nullopt; }
  virtual ImportFormat format() const = 0;

  vault::ImportLine take() { return std::move(*card_); }
  std::uint64_t line() const { return line_; }
  const std::string& fault() const { return fault_; }
  const std::string& warning() const { return warning_; }
  // Whether the card's number was taken as international without saying so (phone_number.h).
  bool number_without_plus() const { return number_without_plus_; }

  // Makes numbers with trunk prefix 0 those of that country; empty: such lines are bad.
  void set_country_code(std::string code) { country_code_ = std::move(code); }

 protected:
  // The texts of one card; absent columns are empty.
  struct Fields {
    std::string_view iccid;
    std::string_view msisdn;
    std::string_view customer;
    std::string_view language;
  };
  Got card(const Fields& fields);
  Got bad(std::string why);

  std::uint64_t line_ = 0;

 private:
  std::optional<vault::ImportLine> card_;
  std::string fault_;
  std::string warning_;
  std::string country_code_;
  bool number_without_plus_ = false;
};

// The lines must outlive the reader. Error: the file is not of the format.
base::Result<std::unique_ptr<ImportReader>> open_import(base::Lines& lines, ImportFormat format);

}  // namespace cli
