// The content handed over at the counter.
#include "vault/care_call.h"

namespace vault {

CareResult<CareService::Exported> CareService::export_content(const CareCall& call, const Who& who,
                                                              const std::string& form,
                                                              std::size_t copy, base::Now now) {
  if (auto fault = call_fault(call)) return *fault;
  Call care(*this, now);
  auto target = care.resolve_present(who);
  if (auto* failure = std::get_if<CareFailure>(&target)) return *failure;
  const Record& meant = std::get<Record>(target);
  const Grounds grounds = care.grounds(call);
  std::uint64_t request = 0;
  if (auto missing = care.approval_missing(CareAction::hand_over)) {
    const auto approved = care.approved_export(meant.id, grounds.actor);
    if (!approved) return fail(CareError::unavailable, approved.error());
    request = *approved;
    if (request == 0) return *missing;
  }
  std::optional<Exported> done;
  const Call::Body hand_over = [&](RecordTx& tx, Record& record) {
    done.reset();
    return request == 0 ? care.hand_over(tx, record, grounds, form, copy, done)
                        : care.hand_over_approved(tx, request, grounds, form, copy, done);
  };
  // Read first: what cannot be read uses up no approval, and nobody is told that it was handed
  // over. Given out only when that is noted.
  store_.update(now, [&](RecordTx& tx) {
    if (Record* const record = tx.find(meant.id)) hand_over(tx, *record);
    return false;
  });
  ImageInfo read;
  base::Secret content;
  if (done) {
    read = done->image;
    auto found = store_.image(meant.id, read);
    if (!found) return fail(CareError::unavailable, found.error());
    content = base::Secret(found.take());
  }
  const auto failure = care.run(meant, grounds.actor, [&](RecordTx& tx, Record& record) {
    auto fault = hand_over(tx, record);
    if (!fault && done->image.id != read.id) {
      fault = fail(CareError::unavailable, "the content has just been replaced; repeat the call");
    }
    return fault;
  });
  if (failure) return *failure;
  done->content = std::move(content);
  log_.info("vault.exported",
            base::cat("content of card ", done->iccid.digits(), " exported by agent ", call.agent));
  return std::move(*done);
}

}  // namespace vault
