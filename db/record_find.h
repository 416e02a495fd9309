// Records by what people say of them. Each call is one query after the other on a connection whose
// schema was checked; throws SqlError.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "db/sql.h"
#include "vault/record.h"

namespace db {

// As Store::find_any and Store::find_customer.
std::vector<vault::Record> records_by_card(SqlConnection& use,
                                           const std::vector<vault::Iccid>& spellings,
                                           const std::optional<vault::Msisdn>& number);
std::vector<vault::Record> records_by_customer(SqlConnection& use, const std::string& customer,
                                               std::size_t limit);

// Calls `each` for every row that `select` gives of the records with these ICCIDs, some at a time.
void query_by_iccid(SqlConnection& use, std::string select, const std::vector<vault::Iccid>& iccids,
                    const Visit& each);
// As Store::known.
std::vector<vault::Iccid> known_iccids(SqlConnection& use, const std::vector<vault::Iccid>& iccids);

}  // namespace db
