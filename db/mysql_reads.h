// Records that several stores want at the same moment are read by one statement: of a small read
// the server's work is mostly the statement, not the row.
#pragma once

#include <optional>
#include <string_view>

#include "base/together.h"
#include "db/record_row.h"
#include "db/sql.h"

namespace db {

// Any thread; no thread and no connection of its own.
class MySqlReads {
 public:
  // The record as committed at some moment of the call, over this connection or that of another
  // caller. Throws SqlError of its own connection.
  std::optional<StoredRecord> read(SqlConnection& use, const vault::Iccid& iccid);

 private:
  struct Member {
    std::string_view iccid;
    bool answered = false;
    std::optional<StoredRecord> record;
  };
  using Members = base::Together<Member>::Wishes;

  static void read_together(SqlConnection& use, const Members& members);

  base::Together<Member> together_{32};
};

}  // namespace db
