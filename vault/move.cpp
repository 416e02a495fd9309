#include "vault/move.h"

#include <algorithm>

#include "vault/erasure.h"
#include "vault/sms_ports.h"

namespace vault {

namespace {

constexpr std::int64_t kMergedKept = 90 * base::kDayMs;
constexpr std::size_t kMovesPerRecord = 3;

void drop_claims(RecordTx& tx, const Record& record) {
  for (const PendingMove& move : tx.moves_from(record.id)) tx.drop_move(move.id);
}

void drop_moves(RecordTx& tx, const Record& old_record, const Iccid& to) {
  drop_claims(tx, old_record);
  for (const PendingMove& move : tx.moves_to(to)) {
    if (move.old_record != old_record.id) tx.drop_move(move.id);
  }
}

void mark_moved(Record& record, const Iccid& from, const MoveOrder& order, base::Now now) {
  record.pending_move_until = 0;
  record.moved_from = from;
  record.moved_at = now.utc_ms;
  record.moved_by_order = order.by_order;
  record.reset_until = 0;  // was granted to who held the old card
  record.stranger_wrong = 0;
  record.stranger_since = 0;
  raise_epoch(record);
}

// What an undo must know: the record that a merge takes in, and what provisioning had told of the
// old card.
void remember(Record& stays, const RecordId& other, const Record& old_record) {
  stays.moved_other = other;
  stays.moved_survivor_is_new = stays.id != old_record.id;
  stays.moved_msisdn = old_record.msisdn_provisioned;
  stays.moved_customer = old_record.customer;
  stays.moved_language = old_record.language;
}

// What provisioning knows of the new card is newer than what it knew of the old one.
void take_identity(Record& into, const Record& from) {
  if (from.msisdn_provisioned) into.msisdn_provisioned = from.msisdn_provisioned;
  if (from.msisdn_reported) into.msisdn_reported = from.msisdn_reported;
  if (!from.customer.empty()) into.customer = from.customer;
  if (!from.language.empty()) into.language = from.language;
  if (!from.handset.empty()) into.handset = from.handset;
  into.identity_at = std::max(into.identity_at, from.identity_at);
  into.ended = false;
}

// Which of two locks is harder to open: customer care's, then the one that lasts longer.
bool harder(const Record& lock, const Record& other, base::Now now) {
  if (!locked_now(lock, now) || !locked_now(other, now)) return locked_now(lock, now);
  return other.locked_until != 0 &&
         (lock.locked_until == 0 || lock.locked_until > other.locked_until);
}

// What bars a record goes on to bar its content, under whichever record that is: only customer care
// opens it again. Content that was in service until now is kept as long as if its own service had
// ended now.
void carry_bars(Record& into, const Record& from, base::Now now) {
  const bool opened_itself = lock_is_over(from, now);
  if (!opened_itself) into.wrong_keys = std::max(into.wrong_keys, from.wrong_keys);
  into.timed_once = into.timed_once || from.timed_once || opened_itself;
  into.foreign_wrong = std::max(into.foreign_wrong, from.foreign_wrong);
  if (harder(from, into, now)) {
    into.locked_at = from.locked_at;
    into.locked_until = from.locked_until;
    into.lock_reason = from.lock_reason;
  }
  if (into.suspended_at != 0 && from.suspended_at != 0) {
    into.suspended_at = std::max(into.suspended_at, from.suspended_at);
  } else if (into.suspended_at != 0 || from.suspended_at != 0) {
    into.suspended_at = now.utc_ms;
  }
}

// What it never said of the new card holds as it was said of the old one.
void complete_identity(Record& present, const Record& old_record) {
  if (!present.msisdn_provisioned) present.msisdn_provisioned = old_record.msisdn_provisioned;
  if (present.customer.empty()) present.customer = old_record.customer;
  if (present.language.empty()) present.language = old_record.language;
}

// To `to`, which may be where they are. Whose they were is noted: an undo parts them again.
void give_images(RecordTx& tx, const Record& from, const Record& to, std::int64_t pin_until) {
  for (ImageInfo image : tx.images(from)) {
    image.pinned_until = std::max(image.pinned_until, pin_until);
    image.of_other = from.id != to.id;
    tx.update_image(to, image);
  }
}

// Dates have changed hands: the rules look at it in the next run.
void look_again(RecordTx& tx, const Record& record) {
  constexpr std::int64_t kLongAgo = 1;
  Reminder& reminder = tx.messages().reminder(record.id);
  if (reminder.opted_out_at == 0) reminder.next_at = kLongAgo;
}

// Who has opted out stays out.
void carry_opt_out(RecordTx& tx, const RecordId& from, const RecordId& into) {
  Reminder& kept = tx.messages().reminder(into);
  const Reminder& gone = tx.messages().reminder(from);
  if (kept.opted_out_at != 0 || gone.opted_out_at == 0) return;
  kept.opted_out_at = gone.opted_out_at;
  kept.opted_out_by = gone.opted_out_by;
  kept.open = false;
  kept.next_at = 0;
}

// Of one person.
void one_reminder(RecordTx& tx, const Record& stays, const Record& goes) {
  carry_opt_out(tx, goes.id, stays.id);
  erase_reminder(tx, goes.id);
  look_again(tx, stays);
}

void absorb(RecordTx& tx, Record& old_record, Record* empty, const Iccid& to,
            const MoveOrder& order, const Policy& policy, base::Now now) {
  const Iccid from = old_record.iccid;
  remember(old_record, RecordId{}, old_record);
  if (empty != nullptr) {
    tx.note(*empty, {"absorbed", order.actor, "by the record of " + from.digits()});
    take_identity(old_record, *empty);
    carry_bars(old_record, *empty, now);
    one_reminder(tx, old_record, *empty);
    tx.remove(*empty);
  }
  if (!order.by_order) give_images(tx, old_record, old_record, now.utc_ms + policy.swap_hold);
  old_record.iccid = to;
  old_record.ended = false;  // was said of the old card
  mark_moved(old_record, from, order, now);
  tx.note(old_record,
          {"moved", order.actor, from.digits() + " to " + to.digits() + ": " + order.why});
}

void merge(RecordTx& tx, Record& old_record, Record& present, const MoveOrder& order,
           base::Now now) {
  const Iccid from = old_record.iccid;
  const Iccid to = present.iccid;
  const std::string what = from.digits() + " behind " + to.digits() + ": " + order.why;
  const std::int64_t pin_until = now.utc_ms + kMergedKept;
  // A key is bound to its record's id, so the record with the key in use is the one that stays.
  const bool old_stays =
      old_record.key_state == KeyState::active && present.key_state != KeyState::active;
  Record& stays = old_stays ? old_record : present;
  Record& goes = old_stays ? present : old_record;
  const std::optional<ImageInfo> front = present.image;
  const std::int64_t first_stored_at =
      old_record.first_stored_at == 0
          ? present.first_stored_at
          : std::min(old_record.first_stored_at, present.first_stored_at);
  remember(stays, goes.id, old_record);
  if (old_stays) {
    // The old versions are the survivor's own here: they are the ones to pin.
    const std::vector<ImageInfo> before = tx.images(old_record);
    give_images(tx, old_record, old_record, pin_until);
    give_images(tx, present, old_record, 0);
    for (const ImageInfo& own : before) tx.put_last(old_record, own.id);
    take_identity(old_record, present);
  } else {
    give_images(tx, present, present, 0);
    give_images(tx, old_record, present, pin_until);
    complete_identity(present, old_record);
  }
  carry_bars(stays, goes, now);
  stays.image = front;
  if (stays.image) stays.image->of_other = old_stays;
  stays.first_stored_at = first_stored_at;
  stays.updated_at = std::max(old_record.updated_at, present.updated_at);
  one_reminder(tx, stays, goes);
  tx.note(goes, {"merged", order.actor, what});
  tx.remove(goes);
  stays.iccid = to;
  mark_moved(stays, from, order, now);
  tx.note(stays, {"merged", order.actor, what});
}

bool is_empty(const Record& record) { return !record.image && record.key_state == KeyState::none; }

// After images have changed hands: the newest one left is the image.
void settle_image(RecordTx& tx, Record& record) {
  const std::vector<ImageInfo> images = tx.images(record);
  record.image.reset();
  if (!images.empty()) record.image = images.front();
}

// The images of a moved record that belong to the card which does not keep the record.
std::vector<ImageInfo> images_of_other(RecordTx& tx, const Record& record) {
  std::vector<ImageInfo> images = tx.images(record);
  // A merge by a program that did not note it: as long as there was no other before, the record
  // under whose id they were stored tells it.
  const bool noted = std::any_of(images.begin(), images.end(),
                                 [](const ImageInfo& image) { return image.of_other; });
  std::erase_if(images, [&](const ImageInfo& image) {
    const bool came = noted ? image.of_other : image.bound_record == record.moved_other;
    const bool since = !record.moved_survivor_is_new && image.stored_at > record.moved_at;
    return !came && !since;
  });
  return images;
}

// A record cut off from another one: it holds content, so it must have a key; nobody has one yet.
// A store gives one, a fetch needs customer care.
void start_over(Record& record, const Record& from) {
  record.foreign_wrong = from.foreign_wrong;
  if (!record.image) return;
  record.first_stored_at = record.image->stored_at;
  record.updated_at = record.image->stored_at;
  record.key_state = KeyState::issued;
  record.pepper = from.pepper;
}

// Provisioning's words go back to whom they were said of.
void part_identities(Record& old_side, Record& new_side, const Record& both) {
  const Record now = both;
  const auto own = [](const auto& current, const auto& before) {
    return current == before ? std::decay_t<decltype(current)>{} : current;
  };
  new_side.msisdn_provisioned = own(now.msisdn_provisioned, now.moved_msisdn);
  new_side.customer = own(now.customer, now.moved_customer);
  new_side.language = own(now.language, now.moved_language);
  new_side.handset = now.handset;
  // What cards have told since was told by the new one.
  new_side.msisdn_reported = now.msisdn_reported;
  new_side.identity_at = now.identity_at;
  old_side.msisdn_reported.reset();
  old_side.identity_at = 0;
  old_side.msisdn_provisioned = now.moved_msisdn;
  old_side.customer = now.moved_customer;
  old_side.language = now.moved_language;
  old_side.handset.clear();
}

// A key that the new card's holder was given, or was to be given, since the move opens nothing to
// who now holds the old card: only customer care does.
void withdraw_grants(Record& record) {
  record.reset_until = 0;
  if (record.key_state == KeyState::issued && record.key_issued_at >= record.moved_at) {
    record.key_issued_at = 0;
  }
}

void forget_move(Record& record) {
  record.moved_from.reset();
  record.moved_at = 0;
  record.moved_other = {};
  record.moved_msisdn.reset();
  record.moved_customer.clear();
  record.moved_language.clear();
  record.moved_survivor_is_new = false;
}

}  // namespace

MoveOutcome move_record(RecordTx& tx, Record& old_record, const Iccid& to, const MoveOrder& order,
                        const Policy& policy, base::Now now) {
  Record* present = tx.find(to);
  const bool both_active = present != nullptr && present->key_state == KeyState::active &&
                           old_record.key_state == KeyState::active;
  if (both_active && !order.by_order) return MoveOutcome::conflict;
  drop_moves(tx, old_record, to);
  if (present == nullptr || is_empty(*present)) {
    absorb(tx, old_record, present, to, order, policy, now);
    return MoveOutcome::moved;
  }
  merge(tx, old_record, *present, order, now);
  return MoveOutcome::merged;
}

void undo_move(RecordTx& tx, Record& record, base::Now now) {
  const Iccid new_iccid = record.iccid;
  const Iccid old_iccid = *record.moved_from;
  std::optional<Record> imported;
  if (Record* found = tx.find(old_iccid)) {
    tx.note(*found, {"absorbed", "vault", "by its own record, moved to " + new_iccid.digits()});
    imported = *found;
    tx.remove(*found);
  }
  const bool is_new = record.moved_survivor_is_new;
  Record& other = tx.create(is_new ? old_iccid : new_iccid);
  record.iccid = is_new ? new_iccid : old_iccid;
  // Newest first: each goes behind what the new owner has.
  for (ImageInfo image : images_of_other(tx, record)) {
    image.of_other = false;
    tx.update_image(other, image);
  }
  settle_image(tx, record);
  settle_image(tx, other);
  start_over(other, record);
  if (record.image) record.updated_at = std::min(record.updated_at, record.image->stored_at);
  if (other.image) {
    other.suspended_at = record.suspended_at;
    carry_bars(other, record, now);
  }
  Record& old_side = is_new ? other : record;
  part_identities(old_side, is_new ? record : other, record);
  if (imported) {
    take_identity(old_side, *imported);
    carry_bars(old_side, *imported, now);
    old_side.ended = imported->ended;
    one_reminder(tx, old_side, *imported);
  }
  carry_opt_out(tx, record.id, other.id);
  if (!is_new) {
    // Made on the new card since the move: who makes them may make them anew.
    drop_claims(tx, record);
    withdraw_grants(record);
  }
  forget_move(record);
  raise_epoch(record);
  look_again(tx, record);
  look_again(tx, other);
  const std::string what = old_iccid.digits() + " proved itself after the move to " +
                           new_iccid.digits() + " without an order";
  tx.note(record, {"move_undone", "vault", what});
  tx.note(other, {"move_undone", "vault", what});
}

int strangers_counted(const Record& record, base::Now now) {
  return now.utc_ms < record.stranger_since + kStrangerWindow ? record.stranger_wrong : 0;
}

bool strangers_exhausted(const Record& record, base::Now now) {
  return strangers_counted(record, now) >= kAttempts;
}

bool move_expired(const PendingMove& move, const Policy& policy, base::Now now) {
  return now.utc_ms >= move.at + policy.move_window;
}

bool add_pending_move(RecordTx& tx, const Record& old_record, const Record& claimant,
                      const Policy& policy, base::Now now) {
  for (const PendingMove& move : tx.moves_to(claimant.iccid)) {
    if (!move_expired(move, policy, now)) return false;
    tx.drop_move(move.id);
  }
  std::size_t open = 0;
  for (const PendingMove& move : tx.moves_from(old_record.id)) {
    if (move_expired(move, policy, now)) {
      tx.drop_move(move.id);
    } else {
      ++open;
    }
  }
  if (open >= kMovesPerRecord) return false;
  tx.add_move({0, old_record.id, old_record.iccid, claimant.iccid, now.utc_ms});
  return true;
}

std::vector<ImageInfo> versions_of(RecordTx& tx, const Record& record) {
  std::vector<ImageInfo> images = tx.images(record);
  std::stable_partition(images.begin(), images.end(), [&](const ImageInfo& image) {
    return record.image && image.id == record.image->id;
  });
  return images;
}

}  // namespace vault
