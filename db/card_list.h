// Walks along all records, page by page, in the order of their ids, with what provisioning knows
// and how each record stands; for lists of cards. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "db/settings.h"
#include "vault/record.h"

namespace db {

class SqlConnection;

class CardList {
 public:
  static base::Result<std::unique_ptr<CardList>> open(const Settings& settings);
  ~CardList();

  struct Page {
    std::vector<vault::Record> records;
    base::Bytes after;  // to go on from
    bool done = false;
  };
  // After an error the call may be repeated. Cards that come meanwhile may be missing.
  base::Result<Page> page(const base::Bytes& after);

 private:
  explicit CardList(const Settings& settings);

  const Settings settings_;
  std::unique_ptr<SqlConnection> connection_;  // null: to be made anew
};

}  // namespace db
