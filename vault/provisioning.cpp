#include "vault/provisioning.h"

namespace vault {

bool complete(Record& record, const ImportLine& line) {
  const Record before = record;
  if (line.msisdn) record.msisdn_provisioned = line.msisdn;
  if (!line.customer.empty()) record.customer = line.customer;
  if (!line.language.empty()) record.language = line.language;
  return record != before;
}

}  // namespace vault
