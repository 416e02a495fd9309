#include "vault/care_service.h"

#include <algorithm>
#include <functional>

#include "base/text.h"
#include "vault/move.h"

namespace vault {

namespace {

constexpr std::int64_t kResetWindow = base::kDayMs;
constexpr std::size_t kDocumentTail = 4;  // characters of a document's number that are kept

bool plain_name(const std::string& name) {
  return !name.empty() && name.size() <= 64 &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-' || c == '@';
         });
}

// Text that goes into the history: valid UTF-8, no control characters, no unbounded length.
std::string tidy(std::string text) {
  constexpr std::size_t kLongest = 200;
  const bool utf8 = base::valid_utf8(text);
  for (char& c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet < 0x20 || octet == 0x7F) c = ' ';
    if (!utf8 && octet >= 0x80) c = '?';
  }
  if (text.size() > kLongest) {
    std::size_t size = kLongest;
    while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
    text.resize(size);
  }
  return text;
}

CareFailure fail(CareError error, std::string text) { return {error, std::move(text), {}}; }

std::optional<CareFailure> fault_of(const CareCall& call) {
  if (!plain_name(call.agent)) {
    return fail(CareError::bad_call,
                "the agent's name is missing or holds other characters than "
                "letters, digits and . _ - @");
  }
  if (call.reason.size() < 3) return fail(CareError::bad_call, "a reason must be given");
  if (call.document_type.empty()) {
    return fail(CareError::bad_call, "the type of the identity document must be given");
  }
  // Four characters are kept: the whole number must have more.
  if (call.document_number.size() <= kDocumentTail) {
    return fail(CareError::bad_call, "the document's number is missing or too short");
  }
  return std::nullopt;
}

std::string advice_for(const Record& record, RecordState state, bool claims, base::Now now) {
  if (claims) {
    return "The new card claims the record of another card. After the identity check: "
           "confirm-move, or reject-move.";
  }
  switch (state) {
    case RecordState::locked:
      return record.locked_until != 0
                 ? "Locked after three wrong keys; opens by itself at " +
                       base::iso_date(record.locked_until) + ", or by unlock."
                 : "Locked after three wrong keys. After the identity check: unlock; if the key "
                   "is lost: unlock --reset-key.";
    case RecordState::suspended:
      return "The service has ended for this card; the data are kept for the retention time.";
    case RecordState::empty:
      return "Nothing is stored yet. The customer chooses \"Back up\" in the card's menu.";
    case RecordState::held:
      break;
  }
  if (now.utc_ms < record.reset_until) {
    return "The next session of the card before " + base::iso_date(record.reset_until) +
           " is given a new key without being asked for the old one.";
  }
  if (record.key_state == KeyState::issued) {
    return "A key was sent but not confirmed by the card: the next back-up shows a new one.";
  }
  return "A back-up is there. The customer needs the key to store or restore; " +
         std::to_string(attempts_left(record)) + " attempts are left.";
}

// A number when it is written as one, else an ICCID in any spelling; digits may be both.
struct Who {
  std::vector<Iccid> spellings;
  std::optional<Msisdn> number;
};

Who read_who(const std::string& text) {
  Who who;
  const bool number_form = text.starts_with('+') || text.starts_with("00");
  if (!number_form) who.spellings = iccid_spellings(text);
  if (number_form || who.spellings.empty()) who.number = Msisdn::from_text(text);
  return who;
}

}  // namespace

CareService::CareService(const Policy& policy, const KeyRing& keys, Store& store, base::Log& log)
    : policy_(policy), keys_(keys), store_(store), log_(log) {}

// One call of an agent or an operator: find the record, do the thing, note who did it.
class CareService::Call {
 public:
  Call(CareService& service, base::Now now) : service_(service), now_(now) {}

  // The one record that is meant.
  std::variant<Record, CareFailure> resolve(const std::string& text) {
    const Who who = read_who(text);
    if (who.spellings.empty() && !who.number) {
      return fail(CareError::not_found, "neither an ICCID nor a phone number");
    }
    auto found = service_.store_.find_any(who.spellings, who.number);
    if (!found) return fail(CareError::unavailable, found.error());
    if (found->empty()) return fail(CareError::not_found, "no record fits");
    if (found->size() > 1) {
      CareFailure failure = fail(CareError::ambiguous, "several records fit");
      for (const Record& record : *found) failure.candidates.push_back(record.iccid.digits());
      return failure;
    }
    return found->front();
  }

  // Runs `body` on the record in one transaction; what it returns as failure undoes everything.
  using Body = std::function<std::optional<CareFailure>(RecordTx&, Record&)>;
  std::optional<CareFailure> run(const Record& target, const std::string& actor, const Body& body) {
    std::optional<CareFailure> failure;
    const Outcome outcome = service_.store_.update(now_, [&](RecordTx& tx) {
      failure.reset();
      Record* record = tx.find(target.id);
      if (record == nullptr) {
        failure = fail(CareError::not_found, "the record has just been removed");
      } else if (over_limit(tx, actor)) {
        failure = fail(CareError::limit, "the agent's calls for today are used up");
      } else {
        failure = body(tx, *record);
      }
      return !failure;
    });
    if (outcome == Outcome::unavailable) {
      return fail(CareError::unavailable, "the store cannot be reached; repeating is safe");
    }
    return failure;
  }

  // The frame of every call of an agent: who calls, which record, then `body` in one transaction.
  std::optional<CareFailure> by_agent(const CareCall& call, const std::string& who,
                                      const Body& body) {
    if (auto fault = fault_of(call)) return fault;
    auto target = resolve(who);
    if (auto* failure = std::get_if<CareFailure>(&target)) return *failure;
    return run(std::get<Record>(target), "agent:" + call.agent, body);
  }

  std::string detail(const CareCall& call, const std::string& extra) const {
    const base::View number = call.document_number.view();
    return tidy(extra + (extra.empty() ? "" : "; ") + "reason: " + tidy(call.reason)) +
           "; document: " + tidy(call.document_type) + " ..." +
           tidy(std::string(base::as_text(number.last(kDocumentTail)))) + " (" +
           service_.keys_.document_mac(call.document_type, number) + ")";
  }

  bool over_limit(RecordTx& tx, const std::string& actor) const {
    const int limit = service_.policy_.agent_daily_limit;
    return limit > 0 && actor.starts_with("agent:") &&
           tx.calls_by_agent_today(actor) >= static_cast<std::uint64_t>(limit);
  }

 private:
  CareService& service_;
  base::Now now_;
};

CareResult<CareView> CareService::show(const CareCall& call, const std::string& who,
                                       base::Now now) {
  Call care(*this, now);
  std::optional<CareView> view;
  const auto failure =
      care.by_agent(call, who, [&](RecordTx& tx, Record& record) -> std::optional<CareFailure> {
        tx.note(record, {"shown", "agent:" + call.agent, care.detail(call, "")});
        view = CareView{
            record, state_of(record, now), attempts_left(record), versions_of(tx, record), {}, {},
            ""};
        for (const PendingMove& move : tx.moves_to(record.iccid)) view->moves.push_back(move);
        for (const PendingMove& move : tx.moves_from(record.id)) view->moves.push_back(move);
        return std::nullopt;
      });
  if (failure) return *failure;
  HistoryQuery query;
  query.record = view->record.id;
  auto history = store_.history(query);
  if (!history) return fail(CareError::unavailable, history.error());
  view->history = history.take();
  std::erase_if(view->moves, [&](const PendingMove& m) { return move_expired(m, policy_, now); });
  const bool claims = std::any_of(view->moves.begin(), view->moves.end(), [&](const auto& move) {
    return move.new_iccid == view->record.iccid;
  });
  view->advice = advice_for(view->record, view->state, claims, now);
  view->record.key_mac = {};
  view->record.history_mac = {};
  return *view;
}

CareResult<CareService::Unlocked> CareService::unlock(const CareCall& call, const std::string& who,
                                                      bool reset_key, base::Now now) {
  Call care(*this, now);
  std::optional<Unlocked> done;
  const auto failure =
      care.by_agent(call, who, [&](RecordTx& tx, Record& record) -> std::optional<CareFailure> {
        done = Unlocked{record.iccid, record.locked_at != 0, reset_key, 0};
        if (!done->was_locked && record.wrong_keys == 0 && record.foreign_wrong == 0 &&
            !reset_key) {
          return fail(CareError::wrong_state, "the record is not locked and no attempt is used");
        }
        if (reset_key && record.key_state == KeyState::none) {
          return fail(CareError::wrong_state, "no key has been issued yet: nothing to reset");
        }
        vault::unlock(record);
        record.timed_once = false;
        record.foreign_wrong = 0;
        record.reset_until = reset_key ? now.utc_ms + kResetWindow : record.reset_until;
        done->reset_until = record.reset_until;
        tx.note(record, {reset_key ? "unlocked_key_reset" : "unlocked", "agent:" + call.agent,
                         care.detail(call, "")});
        return std::nullopt;
      });
  if (failure) return *failure;
  log_.info("vault", base::cat("card ", done->iccid.digits(), " unlocked by agent ", call.agent,
                               reset_key ? ", key reset" : ""));
  return *done;
}

CareResult<CareService::Moved> CareService::confirm_move(const CareCall& call,
                                                         const std::string& new_iccid,
                                                         base::Now now) {
  Call care(*this, now);
  std::optional<Moved> done;
  const auto failure = care.by_agent(
      call, new_iccid, [&](RecordTx& tx, Record& record) -> std::optional<CareFailure> {
        for (const PendingMove& move : tx.moves_to(record.iccid)) {
          Record* old_record = tx.find(move.old_record);
          if (old_record == nullptr || move_expired(move, policy_, now)) continue;
          done = Moved{old_record->iccid, record.iccid, "moved"};
          const MoveOutcome outcome =
              move_record(tx, *old_record, done->new_iccid,
                          {true, "agent:" + call.agent, care.detail(call, "")}, now);
          if (outcome == MoveOutcome::merged) done->how = "merged";
          return std::nullopt;
        }
        return fail(CareError::wrong_state, "no change of card is pending for this card");
      });
  if (failure) return *failure;
  log_.info("vault", base::cat("record of ", done->old_iccid.digits(), " moved to ",
                               done->new_iccid.digits(), " by agent ", call.agent));
  return *done;
}

CareResult<CareService::Moved> CareService::reject_move(const CareCall& call,
                                                        const std::string& new_iccid,
                                                        base::Now now) {
  Call care(*this, now);
  std::optional<Moved> done;
  const auto failure = care.by_agent(
      call, new_iccid, [&](RecordTx& tx, Record& record) -> std::optional<CareFailure> {
        done.reset();
        for (const PendingMove& move : tx.moves_to(record.iccid)) {
          done = Moved{move.old_iccid, record.iccid, "rejected"};
          tx.drop_move(move.id);
        }
        if (!done) {
          return fail(CareError::wrong_state, "no change of card is pending for this card");
        }
        record.pending_move_until = 0;
        record.foreign_wrong = 0;
        tx.note(record, {"move_rejected", "agent:" + call.agent,
                         care.detail(call, "record of " + done->old_iccid.digits())});
        return std::nullopt;
      });
  if (failure) return *failure;
  return *done;
}

namespace {

// The old number is found under the new one already: an order repeated after a lost answer.
CareResult<CareService::Moved> repeated_swap(const Record& record, const std::string& old_iccid) {
  const std::vector<Iccid> spellings = iccid_spellings(old_iccid);
  const bool moved = record.moved_from && std::find(spellings.begin(), spellings.end(),
                                                    *record.moved_from) != spellings.end();
  if (!moved) return fail(CareError::bad_call, "old and new card are the same");
  return CareService::Moved{*record.moved_from, record.iccid, "moved before"};
}

}  // namespace

CareResult<CareService::Moved> CareService::swap(const std::string& operator_name,
                                                 const std::string& old_iccid,
                                                 const std::string& new_iccid, base::Now now) {
  if (!plain_name(operator_name)) {
    return fail(CareError::bad_call,
                "the operator's name is missing or holds other characters "
                "than letters, digits and . _ - @");
  }
  Call care(*this, now);
  auto old_target = care.resolve(old_iccid);
  if (auto* failure = std::get_if<CareFailure>(&old_target)) {
    failure->text = "old card: " + failure->text;
    return *failure;
  }
  auto new_target = care.resolve(new_iccid);
  if (auto* failure = std::get_if<CareFailure>(&new_target)) {
    failure->text = "new card: " + failure->text +
                    (failure->error == CareError::not_found ? "; import it first" : "");
    return *failure;
  }
  const Iccid to = std::get<Record>(new_target).iccid;
  Moved done{std::get<Record>(old_target).iccid, to, "moved"};
  if (done.old_iccid == to) return repeated_swap(std::get<Record>(old_target), old_iccid);
  const auto failure =
      care.run(std::get<Record>(old_target), "ops:" + operator_name,
               [&](RecordTx& tx, Record& record) -> std::optional<CareFailure> {
                 done.how = "moved";
                 const MoveOutcome outcome = move_record(
                     tx, record, to, {true, "ops:" + operator_name, "order of provisioning"}, now);
                 if (outcome == MoveOutcome::merged) done.how = "merged";
                 return std::nullopt;
               });
  if (failure) return *failure;
  log_.info("vault", base::cat("record of ", done.old_iccid.digits(), " ", done.how, " to ",
                               done.new_iccid.digits(), " by order of ", operator_name));
  return done;
}

CareResult<std::vector<HistoryEntry>> CareService::audit(const AuditQuery& query) {
  HistoryQuery history;
  if (!query.who.empty()) {
    auto target = Call(*this, base::Now{}).resolve(query.who);
    if (auto* failure = std::get_if<CareFailure>(&target)) return *failure;
    history.record = std::get<Record>(target).id;
  }
  if (!query.agent.empty()) history.actor = "agent:" + query.agent;
  if (query.day) {
    history.from = *query.day - *query.day % base::kDayMs;
    history.until = history.from + base::kDayMs;
  }
  auto entries = store_.history(history);
  if (!entries) return fail(CareError::unavailable, entries.error());
  return entries.take();
}

}  // namespace vault
