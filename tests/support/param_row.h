// A row of a result made of a statement's parameters, so that what reads rows is tried without a
// database. A value of another kind than asked for reads as 0 or empty.
#pragma once

#include <vector>

#include "db/sql.h"

namespace support {

class ParamRow : public db::Row {
 public:
  // What the values borrow must outlive the row.
  explicit ParamRow(std::vector<db::Param> values) : values_(std::move(values)) {}

  bool null(int column) const override {
    return std::holds_alternative<std::monostate>(at(column));
  }
  std::int64_t number(int column) const override {
    const auto* const value = std::get_if<std::int64_t>(&at(column));
    return value == nullptr ? 0 : *value;
  }
  std::string text(int column) const override {
    const auto* const value = std::get_if<std::string_view>(&at(column));
    return value == nullptr ? std::string() : std::string(*value);
  }
  base::Bytes blob(int column) const override {
    const auto* const value = std::get_if<base::View>(&at(column));
    return value == nullptr ? base::Bytes() : base::Bytes(value->begin(), value->end());
  }

 private:
  const db::Param& at(int column) const { return values_.at(static_cast<std::size_t>(column)); }

  std::vector<db::Param> values_;
};

}  // namespace support
