// Whatever a row of table records holds: it is refused by an SqlError, or read as a record that is
// the same when it has been written and read again, its images octet by octet.
//
// Input: two octets: how long column `versions` is; its octets; then every column in its order: an
// octet (0: NULL, else how many octets follow, in its low seven bits) and so many octets, which are
// a text, octets or a number, as the column wants it. No ICCID: a right one.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "db/record_row.h"
#include "tests/support/param_row.h"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

constexpr int kIccid = 3;

int versions_column() {
  const std::string_view sql = db::record_sql().select;
  const std::string_view before = sql.substr(0, sql.find(", versions"));
  return static_cast<int>(std::count(before.begin(), before.end(), ',')) + 1;
}

class InputRow : public db::Row {
 public:
  explicit InputRow(base::View input) {
    base::Reader reader(input);
    const std::size_t size = reader.left() < 2 ? 0 : reader.u16();
    const base::View versions = reader.take(std::min(size, reader.left()));
    while (reader.left() > 0) {
      const std::uint8_t head = reader.u8();
      const base::View octets = reader.take(std::min<std::size_t>(head & 0x7F, reader.left()));
      values_.push_back(head == 0 ? std::nullopt : std::optional(octets));
    }
    const auto place = static_cast<std::size_t>(versions_column());
    if (values_.size() <= place) values_.resize(place + 1);
    values_[place] = versions;
  }

  bool null(int column) const override { return !value(column); }
  std::int64_t number(int column) const override {
    std::uint64_t number = 0;
    for (const std::uint8_t octet : octets(column)) number = number << 8 | octet;
    return static_cast<std::int64_t>(number);
  }
  std::string text(int column) const override {
    if (column == kIccid && null(column)) return "8944351002100001236";
    return std::string(base::as_text(octets(column)));
  }
  base::Bytes blob(int column) const override {
    return {octets(column).begin(), octets(column).end()};
  }

 private:
  std::optional<base::View> value(int column) const {
    const auto place = static_cast<std::size_t>(column);
    return place < values_.size() ? values_[place] : std::nullopt;
  }
  base::View octets(int column) const { return value(column).value_or(base::View()); }

  std::vector<std::optional<base::View>> values_;
};

db::StoredRecord written_and_read(const db::StoredRecord& stored, const base::Bytes& versions) {
  const std::optional<base::Bytes> packed = versions;
  std::vector<db::Param> row;
  db::append_insert(row, stored.record, packed, stored.last_op);
  row.push_back(db::number(stored.counter.key_set));
  row.push_back(db::number(stored.counter.value));
  return db::read_record(support::ParamRow(row));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const InputRow row({data, size});
  try {
    const db::StoredRecord stored = db::read_record(row);
    const base::Bytes versions = row.blob(versions_column());
    check(db::pack(stored.images) == versions);
    const db::StoredRecord again = written_and_read(stored, versions);
    check(db::changed_columns(stored.record, again.record) == 0);
    check(db::pack(again.images) == versions && again.counter == stored.counter);
    check(again.record.image == stored.record.image && again.last_op == stored.last_op);
  } catch (const db::SqlError& error) {
    check(!error.text().empty());
  }
  return 0;
}
