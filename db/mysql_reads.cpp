#include "db/mysql_reads.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <exception>
#include <string>
#include <vector>

namespace db {

namespace {

// A leader that waits for a silent server shall not hold up the others for long.
constexpr std::chrono::milliseconds kPatience{100};

// Few texts, each prepared once: for 1, 2, 4, 8, ... records.
std::string select_of(std::size_t count) {
  std::string sql = record_sql().select + " WHERE iccid IN (?";
  for (std::size_t i = 1; i < count; ++i) sql += ", ?";
  return sql + ")";
}

}  // namespace

std::optional<StoredRecord> MySqlReads::read(SqlConnection& use, const vault::Iccid& iccid) {
  const std::string digits = iccid.digits();
  Member own{digits, false, std::nullopt};
  std::exception_ptr failure;
  together_.join(own, kPatience, [&](const auto& group) {
    try {
      read_together(use, group.wishes());
    } catch (...) {
      failure = std::current_exception();  // the others find out reasons of their own
    }
  });
  if (failure) std::rethrow_exception(failure);
  if (!own.answered) read_together(use, {&own});
  return std::move(own.record);
}

void MySqlReads::read_together(SqlConnection& use, const Members& members) {
  const std::size_t count = std::bit_ceil(members.size());
  std::vector<Param> params;
  params.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    params.emplace_back(members[std::min(i, members.size() - 1)]->iccid);
  }
  use.query(select_of(count), params, [&](const Row& row) {
    const StoredRecord record = read_record(row);
    for (Member* member : members) {
      if (member->iccid == record.record.iccid.digits()) member->record = record;
    }
  });
  for (Member* member : members) member->answered = true;
}

}  // namespace db
