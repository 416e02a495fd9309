// What agents of customer care ask.
#include <algorithm>

#include "vault/care_call.h"
#include "vault/move.h"
#include "vault/subscriber_notice.h"

namespace vault {

namespace {

// The call as the agent has to make it.
std::string call_for(const TwoPerson& policy, CareAction action) {
  return std::string(needs_approval(policy, action) ? "request " : "") + name_of(action);
}

// Where keys for another card's record are used up: what still moves it.
std::string foreign_advice(const ForeignKeys& keys, bool claims, const TwoPerson& policy) {
  const std::string confirm = call_for(policy, CareAction::confirm_move);
  std::string text;
  if (claims && (keys.left == 0 || keys.claim_barred_until != 0)) {
    text = " Three wrong keys were given for it: no key is tried any more, the right one neither" +
           (keys.claim_barred_until == 0
                ? std::string(", until unlock or one of these.")
                : ", until " + base::iso_date(keys.claim_barred_until) + " or one of these.");
  } else if (keys.left == 0) {
    text =
        " The card has given three wrong keys for another card's record: none is tried any "
        "more. After the identity check: " +
        call_for(policy, CareAction::unlock) + " gives three more.";
  }
  if (keys.taken < kAttempts) return text;
  return text +
         " Other cards have given three wrong keys for this record: no key of another card "
         "is tried until " +
         base::iso_date(keys.taken_until) + ". If the customer has a new card: " + confirm +
         " with that card, after the identity check.";
}

// A fuller back-up than the newest one, that is kept for this case: how the customer gets it back.
std::string older_advice(const std::vector<ImageInfo>& versions, const TwoPerson& policy,
                         base::Now now) {
  constexpr std::size_t kMostInMenu = 9;  // of "Restore older"
  for (std::size_t i = 1; i < versions.size(); ++i) {
    const ImageInfo& one = versions[i];
    if (one.pinned_until <= now.utc_ms || one.entries <= versions[0].entries) continue;
    const std::string menu = i > kMostInMenu
                                 ? ""
                                 : base::cat("in the card's menu \"Restore older\", then ", i,
                                             ", and \"Back up\" afterwards; or as a file: ");
    return base::cat(" Version ", i, " has more entries (", one.entries, " instead of ",
                     versions[0].entries, ") and is kept until ", base::iso_date(one.pinned_until),
                     ": ", menu, call_for(policy, CareAction::hand_over), " --copy ", i, ".");
  }
  return "";
}

// What no key opens, since the one before it was never confirmed.
std::string closed_advice(const CareView& view, const TwoPerson& policy, base::Now now) {
  const bool any = std::any_of(view.versions.begin(), view.versions.end(),
                               [](const ImageInfo& image) { return image.for_care; });
  if (!any || key_granted(view.record, now)) return "";
  return " Versions \"only after unlock --reset-key\" are from before the key was confirmed: no "
         "key "
         "opens them. After the identity check: " +
         call_for(policy, CareAction::unlock) + " --reset-key.";
}

std::string advice_for(const Record& record, RecordState state, bool claims,
                       const TwoPerson& policy, base::Now now) {
  if (claims) {
    return "The new card claims the record of another card. After the identity check: " +
           call_for(policy, CareAction::confirm_move) + ", or reject-move.";
  }
  const std::string unlock = call_for(policy, CareAction::unlock);
  switch (state) {
    case RecordState::locked:
      return record.locked_until != 0
                 ? "Locked after three wrong keys; opens by itself at " +
                       base::iso_date(record.locked_until) + ", or by " + unlock + "."
                 : "Locked after three wrong keys. After the identity check: " + unlock +
                       "; if the key is lost: " + unlock + " --reset-key.";
    case RecordState::suspended:
      return "The service has ended for this card; the data are kept for the retention time. On "
             "again: resume. Gone for good: " +
             call_for(policy, CareAction::erase) + ".";
    case RecordState::empty:
      return "Nothing is stored yet. The customer chooses \"Back up\" in the card's menu.";
    case RecordState::held:
      break;
  }
  if (key_granted(record, now)) {
    return "The next session of the card before " + base::iso_date(record.reset_until) +
           " is given a new key without being asked for the old one.";
  }
  if (record.key_state == KeyState::issued) {
    return "A key was sent but not confirmed by the card: the next back-up shows a new one.";
  }
  return "A back-up is there. The customer needs the key to store or restore; " +
         std::to_string(attempts_left(record, now)) + " attempts are left.";
}

}  // namespace

CareService::CareService(const Policy& policy, const KeyRing& keys, Store& store, base::Log& log)
    : policy_(policy), keys_(keys), store_(store), log_(log) {}

CareResult<CareView> CareService::show(const CareCall& call, const Who& who, base::Now now) {
  if (auto fault = call_fault(call)) return *fault;
  Call care(*this, now);
  auto target = care.resolve(who);
  if (auto* failure = std::get_if<CareFailure>(&target)) return *failure;
  auto view = care.view(call, std::get<Record>(target));
  if (auto* shown = std::get_if<CareView>(&view)) {
    shown->former_card = former_card(who, shown->record);
  }
  return view;
}

CareResult<CareView> CareService::Call::view(const CareCall& call, const Record& target) {
  const base::Now now = now_;
  const std::string actor = "agent:" + call.agent;
  std::optional<CareView> view;
  const auto failure =
      run(target, actor, [&](RecordTx& tx, Record& record) -> std::optional<CareFailure> {
        tx.note(record, {"shown", actor, detail(call, "")});
        view = CareView{record,
                        state_of(record, now),
                        attempts_left(record, now),
                        versions_of(tx, record),
                        {},
                        {},
                        "",
                        tx.messages().reminder(record.id),
                        std::nullopt,
                        std::nullopt,
                        foreign_keys(tx, record)};
        const WakeUpRow& card = tx.messages().wake_up(record.iccid);
        if (card.version != 0) view->wake_up = card;
        for (const PendingMove& move : tx.moves_to(record.iccid)) view->moves.push_back(move);
        for (const PendingMove& move : tx.moves_from(record.id)) view->moves.push_back(move);
        return std::nullopt;
      });
  if (failure) return *failure;
  HistoryQuery query;
  query.record = view->record.id;
  query.newest_first = true;
  auto history = service_.store_.history(query);
  if (!history) return fail(CareError::unavailable, history.error());
  view->history = history.take();
  std::reverse(view->history.begin(), view->history.end());
  const Policy& policy = service_.policy_;
  std::erase_if(view->moves, [&](const PendingMove& m) { return move_expired(m, policy, now); });
  const bool claims = std::any_of(view->moves.begin(), view->moves.end(), [&](const auto& move) {
    return move.new_iccid == view->record.iccid;
  });
  view->advice = advice_for(view->record, view->state, claims, policy.two_person, now) +
                 foreign_advice(view->foreign, claims, policy.two_person);
  if (view->state != RecordState::suspended) {
    view->advice += older_advice(view->versions, policy.two_person, now) +
                    closed_advice(*view, policy.two_person, now);
  }
  view->record.key_mac = {};
  view->record.history_mac = {};
  return *view;
}

CareResult<CareService::Unlocked> CareService::unlock(const CareCall& call, const Who& who,
                                                      bool reset_key, base::Now now) {
  Call care(*this, now);
  if (auto missing = care.approval_missing(CareAction::unlock)) return *missing;
  std::optional<Unlocked> done;
  const auto failure = care.by_agent(call, who, [&](RecordTx& tx, Record& record) {
    return care.unlock(tx, record, care.grounds(call), reset_key, done);
  });
  if (failure) return *failure;
  log_.info("vault.unlocked", base::cat("card ", done->iccid.digits(), " unlocked by agent ",
                                        call.agent, reset_key ? ", key reset" : ""));
  return *done;
}

CareResult<CareService::Moved> CareService::confirm_move(const CareCall& call,
                                                         const std::string& new_iccid,
                                                         base::Now now) {
  Call care(*this, now);
  if (auto missing = care.approval_missing(CareAction::confirm_move)) return *missing;
  std::optional<Moved> done;
  const auto failure = care.by_agent(call, new_iccid, [&](RecordTx& tx, Record& record) {
    return care.confirm_move(tx, record, care.grounds(call), "", done);
  });
  if (failure) return *failure;
  log_.info("vault.change_of_card", base::cat("record of ", done->old_iccid.digits(), " moved to ",
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

}  // namespace vault
