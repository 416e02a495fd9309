#include "vault/move.h"

#include <algorithm>

namespace vault {

namespace {

constexpr std::int64_t kMergedKept = 90 * base::kDayMs;
constexpr std::size_t kMovesPerRecord = 3;

void drop_moves(RecordTx& tx, const Record& old_record, const Iccid& to) {
  for (const PendingMove& move : tx.moves_from(old_record.id)) tx.drop_move(move.id);
  for (const PendingMove& move : tx.moves_to(to)) {
    if (move.old_record != old_record.id) tx.drop_move(move.id);
  }
}

void mark_moved(Record& record, const Iccid& from, const MoveOrder& order, base::Now now) {
  record.pending_move_until = 0;
  record.moved_from = from;
  record.moved_at = now.utc_ms;
  record.moved_by_order = order.by_order;
  record.stranger_wrong = 0;
  record.stranger_since = 0;
  raise_epoch(record);
}

// What provisioning knows of the new card is newer than what it knew of the old one.
void take_identity(Record& into, const Record& from) {
  if (from.msisdn_provisioned) into.msisdn_provisioned = from.msisdn_provisioned;
  if (from.msisdn_reported) into.msisdn_reported = from.msisdn_reported;
  if (!from.customer.empty()) into.customer = from.customer;
  if (!from.language.empty()) into.language = from.language;
  if (!from.handset.empty()) into.handset = from.handset;
  into.identity_at = std::max(into.identity_at, from.identity_at);
  into.foreign_wrong = from.foreign_wrong;
  into.ended = false;
}

void absorb(RecordTx& tx, Record& old_record, Record* empty, const Iccid& to,
            const MoveOrder& order, base::Now now) {
  const Iccid from = old_record.iccid;
  if (empty != nullptr) {
    tx.note(*empty, {"absorbed", order.actor, "by the record of " + from.digits()});
    take_identity(old_record, *empty);
    tx.remove(*empty);
  }
  old_record.iccid = to;
  mark_moved(old_record, from, order, now);
  tx.note(old_record,
          {"moved", order.actor, from.digits() + " to " + to.digits() + ": " + order.why});
}

void give_images(RecordTx& tx, const Record& from, const Record& to, std::int64_t pin_until) {
  for (ImageInfo image : tx.images(from)) {
    image.pinned_until = std::max(image.pinned_until, pin_until);
    tx.update_image(to, image);
  }
}

void carry_lock(Record& into, const Record& from) {
  into.wrong_keys = std::max(into.wrong_keys, from.wrong_keys);
  if (from.locked_at != 0 && into.locked_at == 0) {
    into.locked_at = from.locked_at;
    into.locked_until = from.locked_until;
    into.lock_reason = from.lock_reason;
  }
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
      std::min(old_record.first_stored_at, present.first_stored_at);
  if (old_stays) {
    // The old versions are the survivor's own here: they are the ones to pin.
    give_images(tx, old_record, old_record, pin_until);
    give_images(tx, present, old_record, 0);
    take_identity(old_record, present);
  } else {
    give_images(tx, old_record, present, pin_until);
    carry_lock(present, old_record);
    if (present.customer.empty()) present.customer = old_record.customer;
  }
  stays.image = front;
  stays.first_stored_at = first_stored_at;
  stays.updated_at = std::max(old_record.updated_at, present.updated_at);
  tx.note(goes, {"merged", order.actor, what});
  tx.remove(goes);
  stays.iccid = to;
  mark_moved(stays, from, order, now);
  tx.note(stays, {"merged", order.actor, what});
}

bool is_empty(const Record& record) { return !record.image && record.key_state == KeyState::none; }

// After images have changed hands: the newest one left is the image.
void settle_image(Record& record, std::vector<ImageInfo> images) {
  std::sort(images.begin(), images.end(),
            [](const ImageInfo& a, const ImageInfo& b) { return a.stored_at > b.stored_at; });
  record.image.reset();
  if (!images.empty()) record.image = images.front();
}

}  // namespace

MoveOutcome move_record(RecordTx& tx, Record& old_record, const Iccid& to, const MoveOrder& order,
                        base::Now now) {
  Record* present = tx.find(to);
  const bool both_active = present != nullptr && present->key_state == KeyState::active &&
                           old_record.key_state == KeyState::active;
  if (both_active && !order.by_order) return MoveOutcome::conflict;
  drop_moves(tx, old_record, to);
  if (present == nullptr || is_empty(*present)) {
    absorb(tx, old_record, present, to, order, now);
    return MoveOutcome::moved;
  }
  merge(tx, old_record, *present, order, now);
  return MoveOutcome::merged;
}

void undo_move(RecordTx& tx, Record& record, base::Now now) {
  const Iccid new_iccid = record.iccid;
  const Iccid old_iccid = *record.moved_from;
  std::vector<ImageInfo> own;
  std::vector<ImageInfo> others;
  for (const ImageInfo& image : tx.images(record)) {
    (image.bound_record == record.id ? own : others).push_back(image);
  }
  // Whose record survived the move: after a merge the new card's image is in front.
  const bool record_is_old =
      others.empty() || !record.image || record.image->bound_record != record.id;
  Record& other = tx.create(record_is_old ? new_iccid : old_iccid);
  record.iccid = record_is_old ? old_iccid : new_iccid;
  for (const ImageInfo& image : others) tx.update_image(other, image);
  settle_image(record, std::move(own));
  settle_image(other, std::move(others));
  if (other.image) {
    other.first_stored_at = other.image->stored_at;
    other.updated_at = other.image->stored_at;
  }
  record.moved_from.reset();
  record.moved_at = now.utc_ms;
  raise_epoch(record);
  const std::string what = old_iccid.digits() + " proved itself after the move to " +
                           new_iccid.digits() + " without an order";
  tx.note(record, {"move_undone", "vault", what});
  tx.note(other, {"move_undone", "vault", what});
}

bool move_expired(const PendingMove& move, const Policy& policy, base::Now now) {
  return now.utc_ms >= move.at + policy.move_window;
}

bool add_pending_move(RecordTx& tx, const Record& old_record, Record& claimant,
                      const Policy& policy, base::Now now) {
  for (const PendingMove& move : tx.moves_to(claimant.iccid)) {
    if (move.old_record == old_record.id && !move_expired(move, policy, now)) return true;
    tx.drop_move(move.id);
  }
  claimant.pending_move_until = 0;
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
  claimant.pending_move_until = now.utc_ms + policy.move_window;
  return true;
}

std::vector<ImageInfo> versions_of(RecordTx& tx, const Record& record) {
  std::vector<ImageInfo> images = tx.images(record);
  std::stable_sort(images.begin(), images.end(), [&](const ImageInfo& a, const ImageInfo& b) {
    const bool a_first = record.image && a.id == record.image->id;
    const bool b_first = record.image && b.id == record.image->id;
    if (a_first != b_first) return a_first;
    return a.stored_at > b.stored_at;
  });
  return images;
}

}  // namespace vault
