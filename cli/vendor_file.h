// The output file of a card vendor; its grammar is in import_file.h.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/import_file.h"

namespace cli {

class VendorImport : public ImportReader {
 public:
  explicit VendorImport(base::Lines& lines) : lines_(lines) {}
  ~VendorImport() override;

  // Reads the header up to the first card.
  base::Status open();
  Got next() override;
  std::optional<std::uint64_t> quantity() const override { return quantity_; }
  ImportFormat format() const override { return ImportFormat::vendor; }

 private:
  enum class What { iccid, msisdn, customer, language, other };
  struct Column {
    What what = What::other;
    std::size_t first = 0;  // place in the line from 1; 0: by separators
    std::size_t last = 0;
  };

  bool header_line(std::string_view text, base::Status& status);
  bool read_columns(std::string_view text);
  static std::optional<Column> read_column(std::string_view item);
  static What what_is(std::string_view name);
  bool names_only(std::string_view text);
  Got read_card();
  std::string_view find_iccid(const std::vector<std::string_view>& fields) const;

  base::Lines& lines_;
  std::string text_;      // the line under way
  bool waiting_ = false;  // text_ is a card that has not been given yet
  bool too_long_ = false;
  std::vector<Column> columns_;
  bool by_place_ = false;
  std::optional<std::uint64_t> quantity_;
};

}  // namespace cli
