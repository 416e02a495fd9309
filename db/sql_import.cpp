// Import of what provisioning knows: part of SqlStore.
#include <algorithm>

#include "base/crypto.h"
#include "base/log.h"
#include "db/sql_store.h"
#include "db/sql_tx.h"
#include "vault/provisioning.h"

namespace db {

using vault::Outcome;

namespace {

base::Status check_line(const vault::ImportLine& line) {
  constexpr std::size_t kCustomer = 255;
  constexpr std::size_t kLanguage = 15;
  if (line.customer.size() > kCustomer) {
    return base::Error{"customer is longer than 255 octets at ICCID " + line.iccid.digits()};
  }
  if (line.language.size() > kLanguage) {
    return base::Error{"language is longer than 15 octets at ICCID " + line.iccid.digits()};
  }
  return {};
}

// Ids of one batch begin alike, so that its rows lie together in the tree of the primary key; ten
// random octets of each remain.
vault::RecordId batch_id(const vault::RecordId& batch) {
  constexpr std::ptrdiff_t kCommon = 6;
  vault::RecordId id = base::random_array<16>();
  std::copy(batch.begin(), batch.begin() + kCommon, id.begin());
  return id;
}

}  // namespace

base::Result<vault::ImportResult> SqlStore::import(base::Now now,
                                                   const std::vector<vault::ImportLine>& lines,
                                                   const std::string& actor) {
  std::vector<vault::Iccid> iccids;
  iccids.reserve(lines.size());
  for (const vault::ImportLine& line : lines) {
    if (const base::Status good = check_line(line); !good) return base::Error{good.error()};
    iccids.push_back(line.iccid);
  }
  const vault::RecordId batch = base::random_array<16>();
  vault::ImportResult result;
  const Outcome outcome = run(now, [&](SqlTx& tx) {
    result = {};
    tx.prefetch(iccids);
    for (const vault::ImportLine& line : lines) {
      vault::Record* record = tx.prefetched(line.iccid);
      const bool is_new = record == nullptr;
      if (is_new) record = &tx.create(line.iccid, batch_id(batch));
      const bool changed = vault::complete(*record, line);
      if (is_new || changed) tx.note(*record, {is_new ? "imported" : "provisioned", actor, ""});
      ++(is_new ? result.created : changed ? result.updated : result.unchanged);
    }
    return true;
  });
  if (outcome == Outcome::unavailable) return base::Error{"the store is unavailable; try again"};
  return result;
}

}  // namespace db
