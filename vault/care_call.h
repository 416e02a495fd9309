// One call of an agent or an operator: find the record, do the thing, note who did it. Private to
// vault: CareService is the door.
#pragma once

#include <functional>

#include "vault/care_service.h"

namespace vault {

CareFailure fail(CareError error, std::string text);
// Text that goes into the history: valid UTF-8, no control characters, no unbounded length.
std::string tidy(std::string text);
std::optional<CareFailure> operator_fault(const std::string& name);

class CareService::Call {
 public:
  Call(CareService& service, base::Now now) : service_(service), now_(now) {}

  // The one record that is meant.
  std::variant<Record, CareFailure> resolve(const std::string& text);
  // Runs `body` on the record in one transaction; what it returns as failure undoes everything.
  using Body = std::function<std::optional<CareFailure>(RecordTx&, Record&)>;
  std::optional<CareFailure> run(const Record& target, const std::string& actor, const Body& body);
  // The frame of every call of an agent: who calls, which record, then `body` in one transaction.
  std::optional<CareFailure> by_agent(const CareCall& call, const std::string& who,
                                      const Body& body);
  std::string detail(const CareCall& call, const std::string& extra) const;

 private:
  bool over_limit(RecordTx& tx, const std::string& actor) const;

  CareService& service_;
  base::Now now_;
};

}  // namespace vault
