// What all commands of a card have in common, and those that need nothing else.
#include "vault/card_case.h"
#include "vault/erasure.h"
#include "vault/subscriber_notice.h"

#include "base/log.h"

namespace vault {

CardService::Served CardService::Case::serve(const CardCommand& command, Counter counter,
                                             bool counted) {
  counter_ = counter;
  counted_ = counted;
  return std::visit([this](const auto& one) { return serve(one); }, command);
}

CardService::Served CardService::Case::answer(CardAnswer value) {
  return {Replay::fresh, std::move(value), false};
}

CardService::Served CardService::Case::store_away() const {
  service_.counters_.add("vault.try_later");
  return {Replay::fresh, CardAnswer(CardResult::try_later), true};
}

Replay CardService::Case::check_counter(Counter highest) const {
  if (!counted_) return Replay::fresh;
  if (counter_ <= highest) return Replay::low;
  if (counter_ == kCounterMax || counter_ - highest > kCounterMaxJump) return Replay::blocked;
  return Replay::fresh;
}

// For commands that need no transaction: the store is asked only for a channel's first packet.
Replay CardService::Case::check_without_store() {
  if (!counted_) return Replay::fresh;
  if (!channel_.highest_) {
    Counter highest = 0;
    const Outcome outcome = store_.update(now_, [&](RecordTx& tx) {
      highest = tx.counter(channel_.iccid(), channel_.key_set());
      return true;
    });
    if (outcome == Outcome::unavailable) return Replay::unknown;
    channel_.highest_ = highest;
    channel_.committed_ = highest;
  }
  const Replay replay = check_counter(*channel_.highest_);
  if (replay == Replay::fresh) accept_counter(false);
  return replay;
}

void CardService::Case::accept_counter(bool committed) {
  if (!counted_) return;
  channel_.highest_ = counter_;
  if (committed) channel_.committed_ = counter_;
}

// The card's record. A card whose record was moved away without an order, and who proves itself
// within swap_hold, gets it back - also when an import has made it an empty record meanwhile, but
// not while its service is suspended.
Record* CardService::Case::own_record(RecordTx& tx) {
  Record* record = tx.find(channel_.iccid());
  if (record != nullptr &&
      (record->image || record->key_state != KeyState::none || record->suspended_at != 0)) {
    return record;
  }
  Record* moved = tx.find_moved_from(channel_.iccid());
  if (moved != nullptr && unordered_hold(*moved)) {
    undo_move(tx, *moved, now_);
    count("vault.moves_undone");
    return tx.find(channel_.iccid());
  }
  if (record != nullptr || !policy_.accept_unknown) return record;
  record = &tx.create(channel_.iccid());
  tx.note(*record, {"created", "card", "accept_unknown"});
  return record;
}

// Moved on a card's word, and the old card may still object.
bool CardService::Case::unordered_hold(const Record& record) const {
  return record.moved_from && !record.moved_by_order && on_hold(record, policy_, now_);
}

// At the begin of each try: nothing of the one before counts. False: the counter is not good.
bool CardService::Case::begin(RecordTx& tx, Served& served) const {
  served = Served();
  to_count_.clear();
  const Counter highest = counted_ ? tx.counter(channel_.iccid(), channel_.key_set()) : 0;
  served.replay = check_counter(std::max(highest, channel_.highest_.value_or(0)));
  return served.replay == Replay::fresh;
}

CardService::Served CardService::Case::in_transaction(const Body& body) {
  Served served;
  bool unknown = false;
  const Outcome outcome = store_.update(now_, [&](RecordTx& tx) {
    unknown = false;
    if (!begin(tx, served)) return false;
    Record* record = own_record(tx);
    // Without a record too: what the card sent is not to be good once it has one.
    if (counted_) tx.raise_counter(channel_.iccid(), channel_.key_set(), counter_);
    unknown = record == nullptr;
    if (!unknown) served.answer = body(tx, *record);
    return true;
  });
  if (outcome == Outcome::unavailable) return store_away();
  for (const auto& [name, detail] : to_count_) notice(name, detail);
  if (served.replay == Replay::fresh) accept_counter(outcome == Outcome::committed);
  if (unknown) {
    notice("vault.unknown_card");
    served.answer = CardAnswer(CardResult::unknown_card);
  }
  return served;
}

KeyCheck CardService::Case::check_key(const Record& record, const UserKey* key) const {
  if (key == nullptr) return KeyCheck::absent;
  if (!key->check_digit_ok()) return KeyCheck::mistyped;
  if (record.key_state == KeyState::none) return KeyCheck::wrong;
  const auto mac = service_.keys_.key_mac(record.pepper, record.id, key->ascii());
  if (!mac) {
    count("vault.pepper_missing", base::cat("pepper ", record.pepper));
    return KeyCheck::unknowable;
  }
  return base::equal_constant_time(*mac, record.key_mac) ? KeyCheck::right : KeyCheck::wrong;
}

// Applies the key rule to the record: what it costs is written whatever comes after.
Decision CardService::Case::gate(RecordTx& tx, Record& record, Use use, const UserKey* key) const {
  const KeyCheck check = check_key(record, key);
  Decision decision = decide(record, {use, check}, policy_, now_);
  record = decision.after;
  if (check == KeyCheck::right && decision.result == CardResult::done) {
    renew_key_mac(record, *key);
  }
  for (const HistoryNote& note : decision.notes) tx.note(record, note);
  if (decision.result == CardResult::wrong_key) count("vault.wrong_keys");
  const bool locks = decision.result == CardResult::locked && !decision.notes.empty();
  if (locks) count("vault.locked");
  return decision;
}

CardAnswer CardService::Case::answer_of(const Decision& decision) const {
  CardAnswer value(decision.result);
  if (decision.result == CardResult::key_required || decision.result == CardResult::wrong_key ||
      decision.result == CardResult::mistyped_key) {
    value.attempts_left = static_cast<std::uint8_t>(attempts_left(decision.after, now_));
  }
  return value;
}

// After a change of pepper old digests are renewed at the next right key.
void CardService::Case::renew_key_mac(Record& record, const UserKey& key) const {
  const std::uint32_t newest = service_.keys_.newest_pepper();
  if (record.pepper == newest) return;
  if (const auto mac = service_.keys_.key_mac(newest, record.id, key.ascii())) {
    record.pepper = newest;
    record.key_mac = *mac;
  }
}

// What the next key opens of what is stored: all that care has opened; nothing, but for what the
// card has just shown to hold, when care should have been asked.
void CardService::Case::judge_versions(RecordTx& tx, Record& record) const {
  const bool closes = needs_care(record, policy_, now_);
  if (!closes && !key_granted(record, now_)) return;
  for (ImageInfo image : tx.images(record)) {
    const bool for_care = closes && image.id != record.image->id;
    if (image.for_care == for_care) continue;
    image.for_care = for_care;
    tx.update_image(record, image);
  }
  if (record.image) record.image->for_care = false;
}

UserKey CardService::Case::issue_key(RecordTx& tx, Record& record,
                                     std::uint32_t transaction) const {
  judge_versions(tx, record);
  UserKey key = UserKey::generate(policy_.key_digits);
  record.pepper = service_.keys_.newest_pepper();
  record.key_mac = *service_.keys_.key_mac(record.pepper, record.id, key.ascii());
  // The window in which a fetch needs no key begins with the first key that nobody confirmed, and
  // anew with one that care has granted.
  if (record.key_state != KeyState::issued || key_granted(record, now_))
    record.key_issued_at = now_.utc_ms;
  record.key_state = KeyState::issued;
  record.epoch += 1;  // what began under the old key cannot end
  record.key_transaction = transaction;
  record.reset_until = 0;
  record.wrong_keys = 0;
  return key;
}

bool CardService::Case::key_is_due(const Record& record) const {
  return record.key_state != KeyState::active || key_granted(record, now_);
}

CardService::Served CardService::Case::serve(const KeyConfirm& confirm) {
  return in_transaction([&](RecordTx& tx, Record& record) -> CardAnswer {
    const RecordState state = state_of(record, now_);
    if (state == RecordState::locked) return CardResult::locked;
    if (state == RecordState::suspended) return CardResult::suspended;
    // Once active, a key is never evaluated here: that would be guessing without a count. The
    // confirmation that made it active may be repeated.
    if (record.key_transaction != confirm.transaction || record.key_state == KeyState::none) {
      return CardResult::no_such_transaction;
    }
    if (record.key_state == KeyState::active) return CardResult::done;
    if (needs_care(record, policy_, now_)) {  // what it opens is worth guessing: counted
      return answer_of(gate(tx, record, Use::fetch, &confirm.key));
    }
    if (check_key(record, &confirm.key) != KeyCheck::right) return CardResult::wrong_key;
    record.key_state = KeyState::active;
    tx.note(record, {"key_confirmed", "card", ""});
    return CardResult::done;
  });
}

CardService::Served CardService::Case::serve(const Erase& erase) {
  return in_transaction([&](RecordTx& tx, Record& record) -> CardAnswer {
    if (unordered_hold(record)) return CardResult::move_pending;
    const Decision decision = gate(tx, record, Use::erase, pointer(erase.key));
    if (decision.result != CardResult::done) return answer_of(decision);
    for (const ImageInfo& image : tx.images(record)) tx.drop_image(image.id);
    tx.drop_staged(record);
    const Subscriber subscriber = subscriber_of(record);
    vault::erase(record);
    erase_reminder(tx, record.id);
    tx.note(record, {"erased", "card", ""});
    tell(tx, subscriber, record, Notice::erased, policy_.notices, now_);
    return CardAnswer();
  });
}

CardService::Served CardService::Case::serve(const StatusQuery&) {
  Served served;
  const Outcome outcome = store_.update(now_, [&](RecordTx& tx) {
    if (!begin(tx, served)) return false;
    const Record* record = own_record(tx);
    if (record == nullptr) {
      served.answer.result = CardResult::unknown_card;
      return false;
    }
    served.answer.state = state_of(*record, now_);
    served.answer.key_state = record->key_state;
    served.answer.attempts_left = static_cast<std::uint8_t>(attempts_left(*record, now_));
    served.answer.flags = flags_of(*record);
    if (record->image) {
      served.answer.total = record->image->bytes;
      served.answer.date = record->updated_at;
    }
    return true;  // nearly always there is nothing to be written
  });
  if (outcome == Outcome::unavailable) return store_away();
  for (const auto& [name, detail] : to_count_) notice(name, detail);
  if (served.replay == Replay::fresh) accept_counter(false);
  if (served.answer.result == CardResult::unknown_card) notice("vault.unknown_card");
  return served;
}

CardService::Served CardService::Case::serve(const FetchReport& report) {
  return in_transaction([&](RecordTx& tx, Record& record) -> CardAnswer {
    if (!record.fetch || record.fetch->transaction != report.transaction) {
      return CardResult::no_such_transaction;
    }
    tx.note(record,
            {"restored", "card",
             base::cat(report.written, " entries written, ", report.did_not_fit, " did not fit")});
    return CardResult::done;
  });
}

void CardService::Case::close() {
  if (const auto* open = channel_.store_.get()) {
    notice("vault.upload_cut", base::cat(open->next_offset(), " of ", open->total, " octets"));
  }
  stage_tail(true);
  const bool fetched = channel_.fetch_ != nullptr;
  const Counter accepted = channel_.highest_.value_or(0);
  const Counter noted = channel_.noted_;
  const bool counter_open = std::max(accepted, noted) > channel_.committed_;
  if (!fetched && !counter_open) return;
  const Outcome outcome = store_.update(now_, [&](RecordTx& tx) {
    Record* record = tx.find(channel_.iccid());
    if (counter_open) {
      const Counter stored = tx.counter(channel_.iccid(), channel_.key_set());
      // One that was only noted is raised to like one that is accepted: not by a jump.
      const bool jumps = noted == kCounterMax || noted > stored + kCounterMaxJump;
      const Counter highest = jumps ? accepted : std::max(accepted, noted);
      if (highest > stored) tx.raise_counter(channel_.iccid(), channel_.key_set(), highest);
    }
    if (fetched && record != nullptr && record->fetch &&
        record->fetch->transaction == channel_.fetch_->transaction) {
      record->fetch->until = now_.utc_ms + kFetchGrace;
    }
    return true;
  });
  if (outcome == Outcome::unavailable) {
    service_.counters_.add("vault.close_lost");
    service_.log_.warning("vault.close_lost",
                          base::cat("channel of ", channel_.iccid().digits(),
                                    " ended while the store was away: its replay "
                                    "counter is as of the last commit"));
  }
}

}  // namespace vault
