// What a prepared statement of libmariadb has found, as rows for a Visit. One thread.
#pragma once

#include <mysql.h>

#include <cstdint>
#include <string>
#include <vector>

#include "db/sql.h"

namespace db {

// Of a statement that was executed; the connection is free for the next one when this is gone.
class MySqlRows : private Row {
 public:
  // Throws bad_alloc.
  explicit MySqlRows(MYSQL_STMT* statement);
  ~MySqlRows() { mysql_stmt_free_result(statement_); }
  MySqlRows(const MySqlRows&) = delete;

  // False: not all of them could be read; the statement tells why.
  bool visit(const Visit& visit);

 private:
  struct Cell {
    bool is_number = false;
    long long number = 0;
    base::Bytes octets;
    unsigned long size = 0;
    my_bool null = 0;
  };

  bool null(int column) const override { return cell(column).null != 0; }
  std::int64_t number(int column) const override { return null(column) ? 0 : cell(column).number; }
  std::string text(int column) const override { return std::string(base::as_text(view(column))); }
  base::Bytes blob(int column) const override;
  const Cell& cell(int column) const { return cells_[static_cast<std::size_t>(column)]; }
  base::View view(int column) const;

  void bind(std::size_t column);
  bool fetch_the_rest();

  MYSQL_STMT* const statement_;
  std::vector<Cell> cells_;
  std::vector<MYSQL_BIND> binds_;
};

}  // namespace db
