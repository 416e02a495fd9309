// The content handed over at the counter.
#include <algorithm>

#include "vault/care_call.h"
#include "vault/move.h"
#include "vault/subscriber_notice.h"

namespace vault {

CareResult<CareService::Exported> CareService::export_content(const CareCall& call,
                                                              const std::string& who,
                                                              const std::string& form,
                                                              std::size_t copy, base::Now now) {
  Call care(*this, now);
  std::optional<Exported> done;
  RecordId owner{};
  const auto failure =
      care.by_agent(call, who, [&](RecordTx& tx, Record& record) -> std::optional<CareFailure> {
        const std::vector<ImageInfo> versions = versions_of(tx, record);
        if (versions.empty()) return fail(CareError::wrong_state, "nothing is stored");
        if (copy >= versions.size()) {
          return fail(CareError::bad_call, base::cat("there is no version ", copy, ": ",
                                                     versions.size(), " are stored, from 0"));
        }
        owner = record.id;
        done = Exported{record.iccid, versions[copy], {}};
        tx.note(record, {"exported", "agent:" + call.agent,
                         care.detail(call, base::cat("as ", form, ", version of ",
                                                     base::iso_date(done->image.stored_at)))});
        tell(tx, subscriber_of(record), record, Notice::exported, policy_.notices, now);
        return std::nullopt;
      });
  if (failure) return *failure;
  auto content = store_.image(owner, done->image);
  if (!content) return fail(CareError::unavailable, content.error());
  done->content = base::Secret(content.take());
  log_.info("vault.exported",
            base::cat("content of card ", done->iccid.digits(), " exported by agent ", call.agent));
  return std::move(*done);
}

}  // namespace vault
