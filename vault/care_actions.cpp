// What the calls that may need a second agent do to a record, whoever has them done.
#include <algorithm>

#include "vault/care_call.h"
#include "vault/erasure.h"
#include "vault/move.h"
#include "vault/subscriber_notice.h"

namespace vault {

std::optional<CareFailure> CareService::Call::unlock(RecordTx& tx, Record& record,
                                                     const Grounds& grounds, bool reset_key,
                                                     std::optional<Unlocked>& done) {
  if (auto fault = unlock_fault(record, reset_key)) return fault;
  const ForeignKeys foreign = foreign_keys(tx, record);
  done = Unlocked{record.iccid,      record.locked_at != 0,     reset_key, 0,
                  foreign.given > 0, foreign.claim_barred_until};
  vault::unlock(record);
  record.timed_once = false;
  record.foreign_wrong = 0;
  record.reset_until = reset_key ? now_.utc_ms + kResetWindow : record.reset_until;
  done->reset_until = record.reset_until;
  tx.note(record,
          {reset_key ? "unlocked_key_reset" : "unlocked", grounds.actor, detail_of(grounds, "")});
  tell(tx, subscriber_of(record), record, Notice::unlocked, service_.policy_.notices, now_);
  return std::nullopt;
}

std::optional<CareFailure> CareService::Call::erase(RecordTx& tx, Record& record,
                                                    const Grounds& grounds,
                                                    std::optional<Erased>& done) {
  const Subscriber subscriber = subscriber_of(record);
  const auto receipt = erase_content(tx, record, service_.keys_, now_);
  if (!receipt) return nothing_to_erase();
  tx.note(record,
          {"erased", grounds.actor,
           base::cat(detail_of(grounds, ""), "; ", receipt->versions, " versions, ",
                     receipt->octets, " octets, content ", base::to_hex(receipt->content))});
  tell(tx, subscriber, record, Notice::erased, service_.policy_.notices, now_);
  done = Erased{receipt->iccid, receipt->versions, receipt->octets,
                receipt_line(service_.keys_, *receipt)};
  return std::nullopt;
}

std::optional<PendingMove> CareService::Call::claim_of(RecordTx& tx, const Record& record,
                                                       const std::string& from) const {
  for (const PendingMove& move : tx.moves_to(record.iccid)) {
    const Record* const old_record = tx.find(move.old_record);
    if (old_record == nullptr || move_expired(move, service_.policy_, now_)) continue;
    if (from.empty() || old_record->iccid.digits() == from) return move;
  }
  return std::nullopt;
}

std::optional<CareFailure> CareService::Call::confirm_move(RecordTx& tx, Record& record,
                                                           const Grounds& grounds,
                                                           const std::string& from,
                                                           std::optional<Moved>& done) {
  const auto move = claim_of(tx, record, from);
  if (!move) return no_claim();
  Record& old_record = *tx.find(move->old_record);
  done = Moved{old_record.iccid, record.iccid, "moved"};
  const Subscriber subscriber = subscriber_of(old_record);
  const MoveOutcome outcome =
      move_record(tx, old_record, done->new_iccid, {true, grounds.actor, detail_of(grounds, "")},
                  service_.policy_, now_);
  if (outcome == MoveOutcome::merged) done->how = "merged";
  // Care has looked at the claim: the keys that were given for it are done with.
  if (Record* const moved = tx.find(done->new_iccid)) moved->foreign_wrong = 0;
  tell_moved(tx, subscriber, done->new_iccid, service_.policy_.notices, now_);
  return std::nullopt;
}

std::optional<CareFailure> CareService::Call::version_of(RecordTx& tx, const Record& record,
                                                         std::size_t copy, ImageInfo& image) const {
  const std::vector<ImageInfo> versions = versions_of(tx, record);
  if (versions.empty()) return fail(CareError::wrong_state, "nothing is stored");
  if (copy >= versions.size()) {
    return fail(CareError::bad_call, base::cat("there is no version ", copy, ": ", versions.size(),
                                               " are stored, from 0"));
  }
  image = versions[copy];
  return std::nullopt;
}

void CareService::Call::hand_over(RecordTx& tx, Record& record, const Grounds& grounds,
                                  const std::string& form, const ImageInfo& image,
                                  std::optional<Exported>& done) {
  done = Exported{record.iccid, image, {}};
  tx.note(record, {"exported", grounds.actor,
                   detail_of(grounds, base::cat("as ", form, ", version of ",
                                                base::iso_date(image.stored_at)))});
  tell(tx, subscriber_of(record), record, Notice::exported, service_.policy_.notices, now_);
}

std::optional<CareFailure> CareService::Call::hand_over(RecordTx& tx, Record& record,
                                                        const Grounds& grounds,
                                                        const std::string& form, std::size_t copy,
                                                        std::optional<Exported>& done) {
  ImageInfo image;
  if (auto fault = version_of(tx, record, copy, image)) return fault;
  hand_over(tx, record, grounds, form, image, done);
  return std::nullopt;
}

CareFailure CareService::Call::nothing_to_erase() {
  return fail(CareError::wrong_state, "there is nothing to erase");
}

CareFailure CareService::Call::no_claim() {
  return fail(CareError::wrong_state, "no change of card is pending for this card");
}

ForeignKeys CareService::Call::foreign_keys(RecordTx& tx, const Record& record) const {
  ForeignKeys keys;
  keys.given = record.foreign_wrong;
  keys.left = std::max(0, kAttempts - keys.given);
  keys.taken = strangers_counted(record, now_);
  if (keys.taken > 0) keys.taken_until = record.stranger_since + kStrangerWindow;
  if (const auto claim = claim_of(tx, record, "")) {
    const Record& claimed = *tx.find(claim->old_record);
    if (strangers_exhausted(claimed, now_)) {
      keys.claim_barred_until = claimed.stranger_since + kStrangerWindow;
    }
  }
  return keys;
}

std::optional<CareFailure> CareService::Call::unlock_fault(const Record& record,
                                                           bool reset_key) const {
  const bool nothing_used =
      record.locked_at == 0 && record.wrong_keys == 0 && record.foreign_wrong == 0;
  if (nothing_used && !reset_key && strangers_exhausted(record, now_)) {
    return fail(CareError::wrong_state,
                base::cat("the record is not locked; other cards have given three wrong keys for "
                          "it, and none is tried until ",
                          base::iso_date(record.stranger_since + kStrangerWindow),
                          ": confirm-move with the new card moves it"));
  }
  if (nothing_used && !reset_key) {
    return fail(CareError::wrong_state, "the record is not locked and no attempt is used");
  }
  if (reset_key && record.key_state == KeyState::none) {
    return fail(CareError::wrong_state, "no key has been issued yet: nothing to reset");
  }
  return std::nullopt;
}

}  // namespace vault
