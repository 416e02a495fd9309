// A customer by the operator's own reference: one card as it is shown, several as a list.
#include "base/text.h"
#include "vault/care_call.h"

namespace vault {

std::variant<std::vector<Record>, CareFailure> CareService::Call::of_customer(
    const std::string& reference, std::size_t limit) {
  if (reference.empty()) return fail(CareError::bad_call, "the customer's reference is empty");
  auto found = service_.store_.find_customer(reference, limit);
  if (!found) return fail(CareError::unavailable, found.error());
  if (found->empty()) return fail(CareError::not_found, "no record fits");
  return found.take();
}

// Which cards a customer has is told by show only, which is counted and kept.
std::variant<Record, CareFailure> CareService::Call::only_of_customer(
    const std::string& reference) {
  auto found = of_customer(reference, 2);
  if (auto* failure = std::get_if<CareFailure>(&found)) return *failure;
  const auto& records = std::get<std::vector<Record>>(found);
  if (records.size() == 1) return records.front();
  return fail(CareError::ambiguous,
              "the customer has several cards: name the one that is meant by its ICCID, as show "
              "lists them");
}

CareResult<CareService::CustomerCards> CareService::list(const CareCall& call,
                                                         const std::string& reference,
                                                         std::vector<Record> records,
                                                         base::Now now) {
  Call care(*this, now);
  CustomerCards listed;
  const bool more = records.size() > kMostListed;
  if (more) records.pop_back();
  const std::string actor = "agent:" + call.agent;
  const auto failure = care.transact(actor, [&](RecordTx& tx) -> std::optional<CareFailure> {
    listed = {{}, more};
    for (const Record& one : records) {
      Record* const record = tx.find(one.id);
      // Erased meanwhile, or another's.
      if (record == nullptr || record->customer != reference) continue;
      tx.note(*record, {"listed", actor, care.detail(call, "")});
      listed.cards.push_back({record->iccid, record->msisdn_provisioned, state_of(*record, now),
                              record->ended, record->updated_at});
    }
    if (listed.cards.empty()) return fail(CareError::not_found, "no record fits");
    return std::nullopt;
  });
  if (failure) return *failure;
  return listed;
}

CareService::Shown CareService::show_customer(const CareCall& call, const std::string& reference,
                                              base::Now now) {
  if (auto fault = call_fault(call)) return *fault;
  Call care(*this, now);
  auto found = care.of_customer(reference, kMostListed + 1);
  if (auto* failure = std::get_if<CareFailure>(&found)) return *failure;
  auto& records = std::get<std::vector<Record>>(found);
  if (records.size() == 1) {
    auto view = care.view(call, records.front());
    if (auto* failure = std::get_if<CareFailure>(&view)) return *failure;
    return std::get<CareView>(std::move(view));
  }
  auto cards = list(call, reference, std::move(records), now);
  if (auto* failure = std::get_if<CareFailure>(&cards)) return *failure;
  return std::get<CustomerCards>(std::move(cards));
}

}  // namespace vault
