// REPORT and the change of card (steps 201-208 of the design), as the card asks for it.
#include <algorithm>
#include <utility>

#include "vault/card_case.h"
#include "vault/subscriber_notice.h"

namespace vault {

CardService::Served CardService::Case::serve(const Report& report) {
  return in_transaction([&](RecordTx& tx, Record& own) -> CardAnswer {
    if (report.number) own.msisdn_reported = report.number;
    if (!report.handset.empty()) own.handset = report.handset;
    own.identity_at = now_.utc_ms;
    CardAnswer value;
    if (report.previous && *report.previous != own.iccid) {
      value = try_move(tx, own, *report.previous, pointer(report.key));
    }
    Record* record = tx.find(channel_.iccid());
    if (record == nullptr) return CardResult::try_later;
    tx.note(*record, {"reported", "card",
                      report.previous ? "previous card " + report.previous->digits() : ""});
    value.state = state_of(*record, now_);
    value.flags = flags_of(*record);
    return value;
  });
}

// A fetch may mean another card's record: the one that has this card's number, as long as it has
// nothing of its own, or that of the card before it in this terminal. The number goes first, since
// it is provisioning's word; the card before may be a stranger's. Nothing: no other one is meant.
std::optional<CardAnswer> CardService::Case::move_wanted(RecordTx& tx, Record& own,
                                                         const std::optional<Iccid>& previous,
                                                         const UserKey* key) {
  const bool named = previous && *previous != own.iccid && own.moved_from != *previous;
  const Record* const before = named ? tx.find(*previous) : nullptr;
  const bool vouched_for = before != nullptr && key == nullptr && !moves_nothing(own) &&
                           state_of(*before, now_) == RecordState::held &&
                           stands_without_key(own, *before);
  Record* const same_number = own.image || vouched_for ? nullptr : found_by_number(tx, own);
  if (same_number == nullptr) {
    if (!named) return std::nullopt;
    return try_move(tx, own, *previous, key);
  }
  const bool same = named && *previous == same_number->iccid;
  const int spent_before = own.foreign_wrong;
  CardAnswer by_number = move_by_number(tx, own, *same_number, key);
  const bool other_may_fit =
      by_number.result == CardResult::wrong_key || by_number.result == CardResult::move_pending;
  if (!named || same || !other_may_fit) return by_number;
  // One key is one attempt of this card, at however many records.
  const int spent = std::exchange(own.foreign_wrong, spent_before);
  CardAnswer by_card = try_move(tx, own, *previous, key);
  if (by_card.result == CardResult::done) return by_card;
  own.foreign_wrong = std::max(spent, own.foreign_wrong);
  return by_number.result == CardResult::wrong_key ? std::move(by_number) : std::move(by_card);
}

// The card cannot know that there is a record for it: it is asked for the key.
CardAnswer CardService::Case::move_by_number(RecordTx& tx, Record& own, Record& old_record,
                                             const UserKey* key) {
  const int left = keys_left(own, old_record);
  if (key != nullptr || left == 0 || stands_without_key(own, old_record)) {
    return try_move(tx, own, old_record.iccid, key);
  }
  CardAnswer value(CardResult::key_required);
  value.attempts_left = static_cast<std::uint8_t>(left);
  return value;
}

// Unknown, empty, locked and exhausted old cards all look alike: `move pending`.
CardAnswer CardService::Case::try_move(RecordTx& tx, Record& own, const Iccid& previous,
                                       const UserKey* key) {
  if (own.moved_from == previous) return CardResult::done;
  if (key != nullptr && !key->check_digit_ok()) {
    CardAnswer value(CardResult::mistyped_key);
    value.attempts_left = static_cast<std::uint8_t>(std::max(0, kAttempts - own.foreign_wrong));
    return value;
  }
  Record* old_record = tx.find(previous);
  const RecordState state =
      old_record == nullptr ? RecordState::empty : state_of(*old_record, now_);
  // Nobody to move; or moved on a card's word only just now: the one before may still object.
  const bool waits =
      moves_nothing(own) || state != RecordState::held || unordered_hold(*old_record);
  const bool claimable = state == RecordState::held || state == RecordState::locked;
  if (waits) return pend(tx, own, previous, claimable ? old_record : nullptr);
  if (key != nullptr) {
    if (keys_left(own, *old_record) == 0) return pend(tx, own, previous, old_record);
    return foreign_key(tx, own, *old_record, *key);
  }
  if (stands_without_key(own, *old_record)) {
    return move_now(tx, *old_record, "known to provisioning");
  }
  return pend(tx, own, previous, old_record);
}

// What opens another record opens neither a lock nor a service of this card; nor content for which
// care must be asked: it would come under a key of somebody else, who may have found the card. And
// a second move would wipe out what the old card may still object to in the first.
bool CardService::Case::moves_nothing(const Record& own) const {
  const RecordState state = state_of(own, now_);
  return state == RecordState::locked || state == RecordState::suspended ||
         needs_care(own, policy_, now_) || unordered_hold(own);
}

// How many keys this card may still try at another card's record.
int CardService::Case::keys_left(const Record& own, const Record& old_record) const {
  if (moves_nothing(own)) return 0;
  if (state_of(old_record, now_) != RecordState::held || unordered_hold(old_record)) return 0;
  return std::max(0, kAttempts - std::max(own.foreign_wrong, strangers_counted(old_record, now_)));
}

// The claim is noted and told in the same way whether there is anything to claim or not.
CardAnswer CardService::Case::pend(RecordTx& tx, Record& own, const Iccid& previous,
                                   const Record* old_record) const {
  const bool claims = now_.utc_ms < own.pending_move_until;
  const bool added = old_record != nullptr && add_pending_move(tx, *old_record, own, policy_, now_);
  if (added || !claims) {
    own.pending_move_until = now_.utc_ms + policy_.move_window;
    tx.note(own, {"move_pending", "card", "claims the record of " + previous.digits()});
    count("vault.moves_pending");
  }
  return CardResult::move_pending;
}

// Budgets of their own: nobody can lock or try a stranger's record through a change of card.
CardAnswer CardService::Case::foreign_key(RecordTx& tx, Record& own, Record& old_record,
                                          const UserKey& key) {
  const KeyCheck check = check_key(old_record, &key);
  if (check == KeyCheck::unknowable) return CardResult::try_later;
  if (check == KeyCheck::right) {
    if (const auto note = confirm_by_use(old_record)) tx.note(old_record, *note);
    return move_now(tx, old_record, "right key");
  }
  own.foreign_wrong += 1;
  old_record.stranger_wrong = strangers_counted(old_record, now_);
  if (old_record.stranger_wrong == 0) old_record.stranger_since = now_.utc_ms;
  old_record.stranger_wrong += 1;
  count("vault.foreign_wrong_keys");
  tx.note(own, {"foreign_wrong_key", "card", "for the record of " + old_record.iccid.digits()});
  tx.note(old_record, {"stranger_wrong_key", "card", "from card " + own.iccid.digits()});
  CardAnswer value = pend(tx, own, old_record.iccid, &old_record);
  if (const int left = keys_left(own, old_record); left > 0) {
    value.result = CardResult::wrong_key;
    value.attempts_left = static_cast<std::uint8_t>(left);
  }
  return value;
}

bool CardService::Case::stands_without_key(const Record& own, const Record& old_record) const {
  if (policy_.rebind == Rebind::trusting) return true;
  const bool same_customer = !own.customer.empty() && own.customer == old_record.customer;
  if (same_customer && old_record.ended) return true;
  return policy_.rebind == Rebind::number && own.msisdn_provisioned &&
         own.msisdn_provisioned == old_record.msisdn_provisioned;
}

CardAnswer CardService::Case::move_now(RecordTx& tx, Record& old_record, const std::string& why) {
  const Subscriber subscriber = subscriber_of(old_record);
  const MoveOutcome outcome =
      move_record(tx, old_record, channel_.iccid(), {false, "card", why}, policy_, now_);
  if (outcome == MoveOutcome::conflict) {
    count("vault.move_conflicts");
    return CardResult::conflict;
  }
  count("vault.moves");
  tell_moved(tx, subscriber, channel_.iccid(), policy_.notices, now_);
  return CardResult::done;
}

// The lost phone: no old ICCID is known, but provisioning gave the new card the same number.
Record* CardService::Case::found_by_number(RecordTx& tx, const Record& own) {
  if (!own.msisdn_provisioned) return nullptr;
  Record* found = nullptr;
  for (Record* record : tx.find_by_number(*own.msisdn_provisioned)) {
    if (record->id == own.id || !record->image) continue;
    if (found != nullptr) return nullptr;  // two records fit: customer care decides
    found = record;
  }
  return found;
}

std::uint8_t CardService::Case::flags_of(const Record& record) const {
  return now_.utc_ms < record.pending_move_until ? kFlagMovePending : 0;
}

}  // namespace vault
