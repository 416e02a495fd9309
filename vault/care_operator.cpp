// What operations and auditors ask: provisioning's orders, and the history.
#include <algorithm>

#include "vault/care_call.h"
#include "vault/move.h"
#include "vault/outbox.h"
#include "vault/subscriber_notice.h"

namespace vault {

namespace {

constexpr char kOrder[] = "order of provisioning";

CareFailure of_card(const char* which, CareFailure failure) {
  failure.text = which + failure.text;
  return failure;
}

}  // namespace

std::variant<std::pair<Record, Record>, CareFailure> CareService::Call::resolve_order(
    const std::string& old_iccid, const std::string& new_iccid) {
  auto old_target = resolve(old_iccid);
  if (auto* failure = std::get_if<CareFailure>(&old_target)) return of_card("old card: ", *failure);
  auto new_target = resolve(new_iccid);
  if (auto* failure = std::get_if<CareFailure>(&new_target)) {
    if (failure->error == CareError::not_found) failure->text += "; import it first";
    return of_card("new card: ", *failure);
  }
  const Record& from = std::get<Record>(old_target);
  const Record& to = std::get<Record>(new_target);
  if (const auto former = former_card(new_iccid, to)) {
    return of_card("new card: ", moved_on(*former, to, "import it first if it is in use again"));
  }
  const auto former = former_card(old_iccid, from);
  if (former && from.id != to.id) {
    return of_card("old card: ", moved_on(*former, from, kNameThatCard));
  }
  return std::pair(from, to);
}

// The old number is found under the new one already: the order is repeated after a lost answer, or
// the card was faster. By the order the move stands, also when the old card proves itself later.
CareResult<CareService::Moved> CareService::Call::order_again(const Record& target,
                                                              const std::string& old_iccid,
                                                              const std::string& actor) {
  const std::optional<Iccid> from = target.moved_from;
  const std::vector<Iccid> spellings = iccid_spellings(old_iccid);
  if (!from || std::find(spellings.begin(), spellings.end(), *from) == spellings.end()) {
    return fail(CareError::bad_call, "old and new card are the same");
  }
  const auto failure =
      run(target, actor, [&](RecordTx& tx, Record& record) -> std::optional<CareFailure> {
        if (record.moved_from != from) {
          return fail(CareError::wrong_state, "the old card has just taken its record back");
        }
        if (record.moved_by_order) return std::nullopt;
        record.moved_by_order = true;
        // No `moved`: nothing of the record changes, and what the card is at goes on.
        tx.note(record, {"move_ordered", actor,
                         base::cat(from->digits(), " to ", record.iccid.digits(), ": ", kOrder)});
        return std::nullopt;
      });
  if (failure) return *failure;
  return Moved{*from, target.iccid, "moved before"};
}

CareResult<CareService::Moved> CareService::swap(const std::string& operator_name,
                                                 const std::string& old_iccid,
                                                 const std::string& new_iccid, base::Now now) {
  if (auto fault = operator_fault(operator_name)) return *fault;
  Call care(*this, now);
  auto order = care.resolve_order(old_iccid, new_iccid);
  if (auto* failure = std::get_if<CareFailure>(&order)) return *failure;
  const auto& [old_record, new_record] = std::get<0>(order);
  const Iccid to = new_record.iccid;
  Moved done{old_record.iccid, to, "moved"};
  const std::string actor = "ops:" + operator_name;
  if (done.old_iccid == to) return care.order_again(old_record, old_iccid, actor);
  const auto failure =
      care.run(old_record, actor, [&](RecordTx& tx, Record& record) -> std::optional<CareFailure> {
        done.how = "moved";
        const Subscriber subscriber = subscriber_of(record);
        const MoveOutcome outcome =
            move_record(tx, record, to, {true, actor, kOrder}, policy_, now);
        if (outcome == MoveOutcome::merged) done.how = "merged";
        tell_moved(tx, subscriber, to, policy_.notices, now);
        return std::nullopt;
      });
  if (failure) return *failure;
  log_.info("vault.change_of_card",
            base::cat("record of ", done.old_iccid.digits(), " ", done.how, " to ",
                      done.new_iccid.digits(), " by order of ", operator_name));
  return done;
}

CareResult<CareService::Ended> CareService::set_ended(const std::string& operator_name,
                                                      const std::string& card, bool ended,
                                                      base::Now now) {
  if (auto fault = operator_fault(operator_name)) return *fault;
  Call care(*this, now);
  auto target = care.resolve(card);
  if (auto* failure = std::get_if<CareFailure>(&target)) return *failure;
  const Record& meant = std::get<Record>(target);
  if (const auto former = former_card(card, meant)) {
    return moved_on(*former, meant, kNameThatCard);
  }
  const std::vector<Iccid> spellings = iccid_spellings(card);
  if (std::find(spellings.begin(), spellings.end(), meant.iccid) == spellings.end()) {
    return fail(CareError::wrong_state,
                "not by a number: this is the record of " + meant.iccid.digits());
  }
  Ended done{meant.iccid, false};
  const std::string actor = "ops:" + operator_name;
  const auto failure =
      care.run(meant, actor, [&](RecordTx& tx, Record& record) -> std::optional<CareFailure> {
        done.changed = record.ended != ended;
        if (!done.changed) return std::nullopt;
        record.ended = ended;
        tx.note(record, {ended ? "ended" : "in_use_again", actor, kOrder});
        return std::nullopt;
      });
  if (failure) return *failure;
  return done;
}

CareResult<CareService::Asked> CareService::wake(const std::string& operator_name,
                                                 const std::string& who, WakeReason reason,
                                                 base::Now now) {
  if (auto fault = operator_fault(operator_name)) return *fault;
  Call care(*this, now);
  auto target = care.resolve_present(who);
  if (auto* failure = std::get_if<CareFailure>(&target)) return *failure;
  Asked done{std::get<Record>(target).iccid, 0};
  const std::string actor = "ops:" + operator_name;
  const auto failure = care.run(std::get<Record>(target), actor,
                                [&](RecordTx& tx, Record& record) -> std::optional<CareFailure> {
                                  OutboxItem item;
                                  item.kind = OutboxItem::Kind::wake;
                                  item.record = record.id;
                                  item.asked_by = actor;
                                  item.detail =
                                      reason == WakeReason::identity ? "identity" : "update";
                                  done.iccid = record.iccid;
                                  done.request = ask(tx.messages(), item, kRequestLife, now);
                                  return std::nullopt;
                                });
  if (failure) return *failure;
  return done;
}

CareResult<std::vector<HistoryEntry>> CareService::audit(const std::string& operator_name,
                                                         const AuditQuery& query, base::Now now) {
  if (auto fault = operator_fault(operator_name)) return *fault;
  Call care(*this, now);
  HistoryQuery history;
  const std::string actor = "ops:" + operator_name;
  std::string what = "history";
  if (!query.agent.empty()) {
    history.actor = "agent:" + query.agent;
    what += " of agent " + tidy(query.agent);
  }
  if (query.day) {
    history.from = *query.day - *query.day % base::kDayMs;
    history.until = history.from + base::kDayMs;
    what += " of " + base::iso_date(history.from).substr(0, 10);
  }
  std::optional<CareFailure> failure;
  if (!query.who) {
    failure = note_own({"audited", actor, what}, now);
  } else {
    auto target = care.resolve(*query.who);
    if (auto* unresolved = std::get_if<CareFailure>(&target)) return *unresolved;
    const Record& record = std::get<Record>(target);
    history.record = record.id;
    failure = care.run(record, actor, [&](RecordTx& tx, Record& r) -> std::optional<CareFailure> {
      tx.note(r, {"audited", actor, what});
      return std::nullopt;
    });
  }
  if (failure) return *failure;
  auto entries = store_.history(history);
  if (!entries) return fail(CareError::unavailable, entries.error());
  return entries.take();
}

std::optional<CareFailure> CareService::note_verified(const std::string& operator_name,
                                                      std::size_t faults, base::Now now) {
  if (auto fault = operator_fault(operator_name)) return fault;
  return note_own({"audit_verified", "ops:" + operator_name,
                   faults == 0 ? "whole" : base::cat(faults, " faults")},
                  now);
}

std::optional<CareFailure> CareService::note_own(const HistoryNote& note, base::Now now) {
  const Outcome outcome = store_.update(now, [&](RecordTx& tx) {
    tx.note_own(note);
    return true;
  });
  if (outcome == Outcome::committed) return std::nullopt;
  return fail(CareError::unavailable, "the store cannot be reached; repeating is safe");
}

}  // namespace vault
