#include "db/record_find.h"

#include <algorithm>

#include "base/bytes.h"
#include "db/record_row.h"

namespace db {

std::vector<vault::Record> records_by_card(SqlConnection& use,
                                           const std::vector<vault::Iccid>& spellings,
                                           const std::optional<vault::Msisdn>& number) {
  std::vector<vault::Record> found;
  const Visit take = [&](const Row& row) {
    vault::Record record = read_record(row).record;
    const bool known = std::any_of(found.begin(), found.end(),
                                   [&](const vault::Record& r) { return r.id == record.id; });
    if (!known) found.push_back(std::move(record));
  };
  for (const vault::Iccid& iccid : spellings) {
    use.query(record_sql().select + " WHERE iccid = ?", {std::string_view(iccid.digits())}, take);
  }
  if (number) {
    use.query(record_sql().select + " WHERE msisdn_provisioned = ? ORDER BY iccid LIMIT 100",
              {std::string_view(number->digits())}, take);
  }
  for (std::size_t i = 0; found.empty() && i < spellings.size(); ++i) {
    use.query(record_sql().select + " WHERE moved_from = ?",
              {std::string_view(spellings[i].digits())}, take);
  }
  return found;
}

void query_by_iccid(SqlConnection& use, std::string select, const std::vector<vault::Iccid>& iccids,
                    const Visit& each) {
  constexpr std::size_t kChunk = 50;
  select += " WHERE iccid IN (?";
  for (std::size_t i = 1; i < kChunk; ++i) select += ", ?";
  select += ")";
  for (std::size_t at = 0; at < iccids.size(); at += kChunk) {
    std::vector<Param> params;  // the last chunk is filled up with its last
    for (std::size_t i = at; i < at + kChunk; ++i) {
      params.emplace_back(std::string_view(iccids[std::min(i, iccids.size() - 1)].digits()));
    }
    use.query(select, params, each);
  }
}

std::vector<vault::Iccid> known_iccids(SqlConnection& use,
                                       const std::vector<vault::Iccid>& iccids) {
  std::vector<vault::Iccid> found;
  query_by_iccid(use, "SELECT iccid FROM records", iccids, [&](const Row& row) {
    if (auto iccid = vault::Iccid::from_digits(row.text(0))) found.push_back(std::move(*iccid));
  });
  return found;
}

std::vector<vault::Record> records_by_customer(SqlConnection& use, const std::string& customer,
                                               std::size_t limit) {
  std::vector<vault::Record> found;
  // The second condition since MariaDB takes blanks at the end for nothing when it compares.
  // Without an order: MariaDB might read all records along another index for the sake of it.
  const std::string hex = base::to_hex(base::as_bytes(customer));
  use.query(record_sql().select + " WHERE customer = ? AND HEX(customer) = ? LIMIT ?",
            {std::string_view(customer), std::string_view(hex), number(limit)},
            [&](const Row& row) { found.push_back(read_record(row).record); });
  std::sort(found.begin(), found.end(), [](const vault::Record& a, const vault::Record& b) {
    return a.iccid.digits() < b.iccid.digits();
  });
  return found;
}

}  // namespace db
