// Calls of customer care that a second agent has to approve: requested, approved or rejected.
#include <algorithm>

#include "vault/care_call.h"
#include "vault/erasure.h"
#include "vault/move.h"

namespace vault {

namespace {

using State = CareRequest::State;
using Fault = std::optional<CareFailure>;

constexpr char kResetKey[] = "reset-key";

CareFailure refused(std::string text) { return fail(CareError::wrong_state, std::move(text)); }

// Whether it can still end, and the record it is about; nothing is changed.
Fault alive(RecordTx& tx, const CareRequest* request, State wanted, base::Now now,
            Record*& record) {
  if (request == nullptr) return fail(CareError::not_found, "there is no such request");
  if (request->state != wanted) {
    return refused(request->state == State::rejected   ? "the request was rejected or withdrawn"
                   : request->state == State::approved ? "the request is approved already"
                   : request->state == State::open     ? "the request is not approved yet"
                                                       : "the request is done already");
  }
  if (request->expires_at <= now.utc_ms) return refused("the request has expired");
  record = tx.find(request->record);
  if (record == nullptr || record->epoch != request->epoch) {
    return refused("the record has changed since it was asked for: look at it, and request anew");
  }
  return std::nullopt;
}

// As the request's result tells it.
constexpr const char* kOtherDocument[] = {"another document was given once",
                                          "another document was given twice",
                                          "another document was given three times"};

// Nobody tries numbers until one fits: another document is noted, and the last one ends the
// request.
Fault other_document(RecordTx& tx, Record& record, CareRequest& request, const Grounds& given,
                     base::Now now) {
  if (request.document_mac == given.document_mac) return std::nullopt;
  const auto* const before =
      std::find(std::begin(kOtherDocument), std::end(kOtherDocument), request.result);
  const auto* const said = before == std::end(kOtherDocument) ? kOtherDocument : before + 1;
  request.result = *said;
  const bool last = said + 1 == std::end(kOtherDocument);
  if (last) {
    request.state = State::rejected;
    request.decided_by = "vault";
    request.decided_at = now.utc_ms;
  }
  tx.note(record, {last ? "request_rejected" : "request_refused", given.actor,
                   detail_of(given, base::cat("request ", request.id, " of ", request.asked_by,
                                              ": ", request.result))});
  CareFailure failure = refused("this is not the document that was shown for the request");
  failure.noted = true;
  return failure;
}

// Whose approval, as the entry of what was done by it begins.
std::string approval_text(const CareRequest& request) {
  return base::cat("request ", request.id, ", approved by ", request.decided_by);
}

Grounds grounds_of(const CareRequest& request) {
  return {request.asked_by,      request.reason,       request.document_type,
          request.document_tail, request.document_mac, approval_text(request)};
}

// As show lists the versions, for --copy.
std::size_t number_of(RecordTx& tx, const Record& record, const ImageInfo& image) {
  const std::vector<ImageInfo> versions = versions_of(tx, record);
  const auto there = std::find(versions.begin(), versions.end(), image);
  return static_cast<std::size_t>(there - versions.begin());
}

std::string iccid_of(RecordTx& tx, const CareRequest& request) {
  const Record* const record = tx.find(request.record);
  return record == nullptr ? "" : record->iccid.digits();
}

}  // namespace

const char* name_of(CareAction action) {
  switch (action) {
    case CareAction::unlock:
      return "unlock";
    case CareAction::hand_over:
      return "export";
    case CareAction::erase:
      return "erase";
    case CareAction::confirm_move:
      return "confirm-move";
  }
  return "";
}

std::string wish_text(const CareRequest& request) {
  switch (request.action) {
    case CareAction::unlock:
      return request.detail.empty() ? "unlock" : "unlock --" + request.detail;
    case CareAction::hand_over:
      return "export as " + request.detail;
    case CareAction::erase:
      return "erase";
    case CareAction::confirm_move:
      return "confirm-move of the record of " + request.detail;
  }
  return "";
}

bool needs_approval(const TwoPerson& policy, CareAction action) {
  if (!policy.on) return false;
  switch (action) {
    case CareAction::unlock:
      return policy.unlock;
    case CareAction::hand_over:
      return policy.handed_over;
    case CareAction::erase:
      return policy.erase;
    case CareAction::confirm_move:
      return policy.move;
  }
  return true;
}

Fault CareService::Call::approval_missing(CareAction action) const {
  if (!needs_approval(service_.policy_.two_person, action)) return std::nullopt;
  return refused(base::cat("a second agent has to approve this: request ", name_of(action)));
}

// What the request is about, if it could be done now.
Fault CareService::Call::prepare(RecordTx& tx, const Record& record, const Wish& wish,
                                 CareRequest& request) const {
  ImageInfo image;
  switch (wish.action) {
    case CareAction::unlock:
      request.detail = wish.reset_key ? kResetKey : "";
      return unlock_fault(record, wish.reset_key);
    case CareAction::hand_over:
      request.detail = wish.form;
      if (auto fault = version_of(tx, record, wish.copy, image)) return fault;
      request.image = image.id;
      return std::nullopt;
    case CareAction::erase:
      return holds_anything(tx, record) ? Fault() : nothing_to_erase();
    case CareAction::confirm_move:
      break;
  }
  const auto claim = claim_of(tx, record, "");
  if (!claim) return no_claim();
  request.detail = tx.find(claim->old_record)->iccid.digits();
  return std::nullopt;
}

CareResult<CareService::Requested> CareService::request(const CareCall& call, const Who& who,
                                                        const Wish& wish, base::Now now) {
  if (auto fault = call_fault(call)) return *fault;
  if (!needs_approval(policy_.two_person, wish.action)) {
    return refused("this needs no second agent: call it at once");
  }
  Call care(*this, now);
  auto target = care.resolve_present(who);
  if (auto* failure = std::get_if<CareFailure>(&target)) return *failure;
  const Record& meant = std::get<Record>(target);
  const auto waiting = store_.messages().care_requests(&meant.id, now.utc_ms, kMostPending);
  if (!waiting) return fail(CareError::unavailable, waiting.error());
  for (const CareRequest& other : *waiting) {
    if (other.action == wish.action && other.epoch == meant.epoch) {
      return refused(
          base::cat("it is asked for already: request ", other.id, " of ", other.asked_by));
    }
  }
  const Grounds grounds = care.grounds(call);
  Requested done;
  const auto failure = care.run(meant, grounds.actor, [&](RecordTx& tx, Record& record) -> Fault {
    CareRequest& request = tx.messages().add_care_request();
    if (auto fault = care.prepare(tx, record, wish, request)) return fault;
    request.record = record.id;
    request.epoch = record.epoch;
    request.action = wish.action;
    request.asked_by = grounds.actor;
    request.asked_at = now.utc_ms;
    request.expires_at = now.utc_ms + policy_.two_person.request_life;
    request.reason = grounds.reason;
    request.document_type = grounds.document_type;
    request.document_tail = grounds.document_tail;
    request.document_mac = grounds.document_mac;
    tx.note(record,
            {"requested", grounds.actor,
             detail_of(grounds, base::cat("request ", request.id, ": ", wish_text(request)))});
    done = {request, record.iccid.digits()};
    return std::nullopt;
  });
  if (failure) return *failure;
  return done;
}

// In the name of who has asked. Of an export only that it may be taken.
Fault CareService::Call::carry_out(RecordTx& tx, Record& record, CareRequest& request,
                                   Approved& done) {
  const Grounds grounds = grounds_of(request);
  Fault fault;
  request.state = State::done;
  switch (request.action) {
    case CareAction::unlock:
      fault = unlock(tx, record, grounds, !request.detail.empty(), done.unlocked);
      request.result = "unlocked";
      if (done.unlocked && done.unlocked->key_reset) {
        request.result += "; a new key until " + base::iso_date(done.unlocked->reset_until);
      }
      break;
    case CareAction::erase:
      fault = erase(tx, record, grounds, done.erased);
      if (done.erased) request.result = done.erased->receipt;
      break;
    case CareAction::confirm_move:
      fault = confirm_move(tx, record, grounds, request.detail, done.moved);
      if (done.moved) {
        request.result = base::cat(done.moved->how, ": ", done.moved->old_iccid.digits(), " -> ",
                                   done.moved->new_iccid.digits());
      }
      break;
    case CareAction::hand_over:
      request.state = State::approved;
      request.result.clear();
      if (!requested_version(tx, record, request)) fault = version_gone();
      break;
  }
  return fault;
}

CareResult<CareService::Approved> CareService::approve(const CareCall& call, std::uint64_t number,
                                                       base::Now now) {
  if (auto fault = call_fault(call)) return *fault;
  Call care(*this, now);
  const Grounds second = care.grounds(call);
  Approved done;
  const auto failure = care.transact(second.actor, [&](RecordTx& tx) -> Fault {
    done = {};
    CareRequest* const request = tx.messages().care_request(number);
    Record* record = nullptr;
    if (auto fault = alive(tx, request, State::open, now, record)) return fault;
    if (request->asked_by == second.actor) {
      return refused("an agent cannot approve his own request");
    }
    if (auto fault = other_document(tx, *record, *request, second, now)) return fault;
    const std::string iccid = record->iccid.digits();
    request->decided_by = second.actor;
    request->decided_at = now.utc_ms;
    tx.note(*record, {"request_approved", second.actor,
                      detail_of(second, base::cat("request ", number, " of ", request->asked_by,
                                                  ": ", wish_text(*request)))});
    auto fault = care.carry_out(tx, *record, *request, done);
    done.asked = {*request, iccid};
    return fault;
  });
  if (failure) return *failure;
  const CareRequest& request = done.asked.request;
  log_.info("vault.request_approved",
            base::cat(name_of(request.action), " of card ", done.asked.iccid, ", asked for by ",
                      request.asked_by, ", approved by ", request.decided_by));
  return done;
}

std::optional<ImageInfo> CareService::Call::requested_version(RecordTx& tx, const Record& record,
                                                              const CareRequest& request) {
  for (const ImageInfo& image : versions_of(tx, record)) {
    if (image.id == request.image) return image;
  }
  return std::nullopt;
}

CareFailure CareService::Call::version_gone() {
  return refused("the version that was asked for is no longer stored: request anew");
}

Fault CareService::Call::hand_over_approved(RecordTx& tx, std::uint64_t number,
                                            const Grounds& grounds, const std::string& form,
                                            std::size_t copy, std::optional<Exported>& done) {
  CareRequest* const request = tx.messages().care_request(number);
  Record* record = nullptr;
  if (auto fault = alive(tx, request, State::approved, now_, record)) return fault;
  if (auto fault = other_document(tx, *record, *request, grounds, now_)) return fault;
  if (request->detail != form) return refused("approved was --format " + request->detail);
  const auto image = requested_version(tx, *record, *request);
  if (!image) return version_gone();
  if (copy != 0) {  // 0: not said, so what was approved
    ImageInfo meant;
    if (auto fault = version_of(tx, *record, copy, meant)) return fault;
    if (meant.id != image->id)
      return refused(
          base::cat("approved was another version: now --copy ", number_of(tx, *record, *image)));
  }
  request->state = State::done;
  request->result = "taken";
  Grounds approved = grounds;
  approved.approval = approval_text(*request);
  hand_over(tx, *record, approved, form, *image, done);
  return std::nullopt;
}

base::Result<std::uint64_t> CareService::Call::approved_export(const RecordId& record,
                                                               const std::string& actor) const {
  const auto waiting = service_.store_.messages().care_requests(&record, now_.utc_ms, kMostPending);
  if (!waiting) return base::Error{waiting.error()};
  const auto mine = std::find_if(waiting->rbegin(), waiting->rend(), [&](const CareRequest& r) {
    return r.action == CareAction::hand_over && r.state == State::approved && r.asked_by == actor;
  });
  return mine == waiting->rend() ? 0 : mine->id;
}

CareResult<CareService::Requested> CareService::reject(const CareCall& call, std::uint64_t number,
                                                       base::Now now) {
  if (auto fault = agent_fault(call)) return *fault;
  Call care(*this, now);
  const std::string actor = "agent:" + call.agent;
  Requested done;
  const auto failure = care.transact(actor, [&](RecordTx& tx) -> Fault {
    CareRequest* const request = tx.messages().care_request(number);
    if (request == nullptr) return fail(CareError::not_found, "there is no such request");
    if (request->state == State::rejected || request->state == State::done) {
      return refused("the request is over already");
    }
    const bool own = request->asked_by == actor;
    const HistoryNote note{own ? "request_withdrawn" : "request_rejected", actor,
                           base::cat("request ", number, " of ", request->asked_by, ": ",
                                     wish_text(*request), "; reason: ", tidy(call.reason))};
    request->state = State::rejected;
    request->decided_by = actor;
    request->decided_at = now.utc_ms;
    request->result = tidy(call.reason);
    Record* const record = tx.find(request->record);
    record != nullptr ? tx.note(*record, note) : tx.note_own(note);
    done = {*request, record != nullptr ? record->iccid.digits() : ""};
    return std::nullopt;
  });
  if (failure) return *failure;
  return done;
}

CareResult<std::vector<CareService::Requested>> CareService::pending(
    const CareCall& call, std::optional<std::uint64_t> number, base::Now now) {
  if (auto fault = agent_name_fault(call.agent)) return *fault;
  Call care(*this, now);
  const std::string actor = "agent:" + call.agent;
  const auto failure = care.transact(actor, [&](RecordTx& tx) -> Fault {
    tx.note_own({"requests_listed", actor, number ? base::cat("request ", *number) : ""});
    return std::nullopt;
  });
  if (failure) return *failure;
  std::vector<CareRequest> found;
  if (!number) {
    auto waiting = store_.messages().care_requests(nullptr, now.utc_ms, kMostPending);
    if (!waiting) return fail(CareError::unavailable, waiting.error());
    found = waiting.take();
  }
  std::vector<Requested> list;
  const Outcome outcome = store_.update(now, [&](RecordTx& tx) {
    list.clear();
    if (number) {
      const CareRequest* const one = tx.messages().care_request(*number);
      if (one != nullptr) list.push_back({*one, iccid_of(tx, *one)});
    }
    for (const CareRequest& one : found) list.push_back({one, iccid_of(tx, one)});
    return false;  // only looked at
  });
  if (outcome == Outcome::unavailable) {
    return fail(CareError::unavailable, "the store cannot be reached; repeating is safe");
  }
  if (number && list.empty()) return fail(CareError::not_found, "there is no such request");
  return list;
}

}  // namespace vault
