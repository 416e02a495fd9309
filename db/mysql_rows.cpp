#include "db/mysql_rows.h"

#include <memory>
#include <new>

namespace db {

namespace {

// Room for what a column holds in nearly every row; what is longer is fetched once more.
constexpr std::size_t kUsualSize = 512;

}  // namespace

MySqlRows::MySqlRows(MYSQL_STMT* statement) : statement_(statement) {
  const std::unique_ptr<MYSQL_RES, decltype(&mysql_free_result)> about(
      mysql_stmt_result_metadata(statement), &mysql_free_result);
  if (!about) throw std::bad_alloc();
  const MYSQL_FIELD* const fields = mysql_fetch_fields(about.get());
  cells_.resize(mysql_num_fields(about.get()));
  binds_.resize(cells_.size());  // all zero
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    cells_[i].is_number = IS_NUM(fields[i].type);
    if (!cells_[i].is_number) cells_[i].octets.resize(kUsualSize);
    bind(i);
  }
}

void MySqlRows::bind(std::size_t column) {
  Cell& cell = cells_[column];
  MYSQL_BIND& bind = binds_[column];
  bind.buffer_type = cell.is_number ? MYSQL_TYPE_LONGLONG : MYSQL_TYPE_BLOB;
  bind.buffer = cell.is_number ? static_cast<void*>(&cell.number) : cell.octets.data();
  bind.buffer_length = cell.octets.size();
  bind.length = &cell.size;
  bind.is_null = &cell.null;
}

bool MySqlRows::visit(const Visit& visit) {
  if (mysql_stmt_bind_result(statement_, binds_.data()) != 0) return false;
  if (mysql_stmt_store_result(statement_) != 0) return false;
  for (;;) {
    const int fetched = mysql_stmt_fetch(statement_);
    if (fetched == MYSQL_NO_DATA) return true;
    const bool there = fetched == 0 || (fetched == MYSQL_DATA_TRUNCATED && fetch_the_rest());
    if (!there) return false;
    visit(*this);
  }
}

bool MySqlRows::fetch_the_rest() {
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    Cell& cell = cells_[i];
    if (null(static_cast<int>(i)) || cell.size <= cell.octets.size() || cell.is_number) continue;
    cell.octets.resize(cell.size);
    bind(i);
    const auto column = static_cast<unsigned>(i);
    if (mysql_stmt_fetch_column(statement_, &binds_[i], column, 0) != 0) return false;
  }
  return mysql_stmt_bind_result(statement_, binds_.data()) == 0;  // the next rows have the room too
}

base::Bytes MySqlRows::blob(int column) const {
  const base::View octets = view(column);
  return {octets.begin(), octets.end()};
}

base::View MySqlRows::view(int column) const {
  if (null(column)) return {};
  return base::View(cell(column).octets).first(cell(column).size);
}

}  // namespace db
