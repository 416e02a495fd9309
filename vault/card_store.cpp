// STORE BEGIN, DATA and END (steps 301-310 of the design).
#include <algorithm>
#include <tuple>

#include "vault/card_case.h"
#include "vault/image.h"

namespace vault {

namespace {

constexpr std::size_t kStageEvery = 64 * 1024;  // octets after which an upload is committed
constexpr std::size_t kPinsAtOnce = 10;         // versions that a shrink keeps against rotation

bool barred(const Record& record, base::Now now, CardAnswer& value) {
  const RecordState state = state_of(record, now);
  if (state == RecordState::locked) value.result = CardResult::locked;
  if (state == RecordState::suspended) value.result = CardResult::suspended;
  return value.result != CardResult::done;
}

// Is this channel still the writer of the record's upload, in the epoch in which it began?
bool writes(const Record& record, std::uint32_t transaction,
            const std::array<std::uint8_t, 16>& writer) {
  return record.upload && record.upload->transaction == transaction &&
         record.upload->writer == writer && record.upload->epoch == record.epoch;
}

bool has_digest(base::View content, const Digest& digest) {
#ifdef BIPVAULT_DEFECT_NO_DIGEST_CHECK  // proves that the cut test can fail
  (void)content, (void)digest;
  return true;
#else
  return base::sha256(content) == digest;
#endif
}

CardAnswer with_offset(CardResult result, std::uint32_t offset) {
  CardAnswer value(result);
  value.offset = offset;
  return value;
}

}  // namespace

CardService::Served CardService::Case::serve(const StoreBegin& begin) {
  auto open = std::make_unique<CardChannel::OpenStore>();
  if (begin.total <= policy_.max_image_bytes) {
    if (!service_.staging_.take(begin.total, policy_.staging_bytes)) {
      notice("vault.staging_full", base::cat(begin.total, " octets wanted"));
      const Replay replay = check_without_store();
      if (replay != Replay::fresh) return {replay, CardAnswer(), false};
      return answer(CardResult::try_later);
    }
    open->budget = &service_.staging_;
    open->taken = begin.total;
  }
  open->writer = base::random_array<16>();
  Served served = in_transaction(
      [&](RecordTx& tx, Record& record) { return begin_in_tx(tx, record, begin, *open); });
  if (served.replay == Replay::fresh && served.answer.result == CardResult::done) {
    channel_.store_ = std::move(open);
  }
  return served;
}

CardAnswer CardService::Case::begin_in_tx(RecordTx& tx, Record& record, const StoreBegin& begin,
                                          CardChannel::OpenStore& open) {
  CardAnswer value;
  if (barred(record, now_, value)) return value;
  if (begin.total == 0) return CardResult::malformed;
  if (begin.total > policy_.max_image_bytes) {
    count("vault.too_large", base::cat(begin.total, " octets"));
    value.result = CardResult::too_large;
    value.total = policy_.max_image_bytes;
    return value;
  }
  open.transaction = begin.transaction;
  open.total = begin.total;
  open.digest = begin.digest;
  open.tail.clear();
  open.tail_offset = 0;
  open.have_all = false;
  if (begin.number) record.msisdn_reported = begin.number;
  if (!resume(record, begin, open)) {
    const Decision decision = gate(tx, record, Use::store, pointer(begin.key));
    if (decision.result != CardResult::done) return answer_of(decision);
    if (record.upload && record.upload->staged > 0) tx.drop_staged(record);
    // A number used again for another image: its old result must not answer the new END.
    if (record.ended_store && record.ended_store->transaction == begin.transaction) {
      record.ended_store.reset();
    }
    record.upload = Upload{};
    record.upload->transaction = begin.transaction;
    record.upload->total = begin.total;
    record.upload->digest = begin.digest;
    record.upload->epoch = record.epoch;
    open.have_all = record.image && record.image->digest == begin.digest;
  }
  if (record.upload) {
    record.upload->writer = open.writer;
    record.upload->last_at = now_.utc_ms;
  }
  open.epoch = record.epoch;
  value.offset = open.next_offset();
  return value;
}

// The same transaction again, within the window and the epoch: no key, go on where it stopped.
bool CardService::Case::resume(Record& record, const StoreBegin& begin,
                               CardChannel::OpenStore& open) const {
  const bool held = record.image && record.image->digest == begin.digest;
  if (record.ended_store && record.ended_store->transaction == begin.transaction && held &&
      now_.utc_ms < record.ended_store->at + policy_.resume_window) {
    open.have_all = true;
    return true;
  }
  if (!record.upload) return false;
  const Upload& upload = *record.upload;
  if (upload.transaction != begin.transaction || upload.total != begin.total ||
      upload.digest != begin.digest || upload.epoch != record.epoch ||
      now_.utc_ms >= upload.last_at + policy_.resume_window) {
    return false;
  }
  open.have_all = held;
  open.tail_offset = upload.staged;
  return true;
}

CardService::Served CardService::Case::serve(const StoreData& data) {
  const Replay replay = check_without_store();
  if (replay != Replay::fresh) return {replay, CardAnswer(), false};
  CardChannel::OpenStore* open = channel_.store_.get();
  if (open == nullptr || open->transaction != data.transaction) {
    return answer(CardResult::no_such_transaction);
  }
  if (data.data.empty() || data.data.size() > open->total ||
      data.offset > open->total - data.data.size()) {
    return answer(CardResult::malformed);
  }
  const std::uint32_t expected = open->next_offset();
  if (data.offset > expected) {
    notice("vault.offset_gaps", base::cat("offset ", data.offset, ", expected ", expected));
    return answer(with_offset(CardResult::wrong_offset, expected));
  }
  const std::size_t known = expected - data.offset;  // octets held already are ignored
  if (known > 0) {
    notice("vault.offset_repeats", base::cat("offset ", data.offset, ", expected ", expected));
  }
  if (known < data.data.size()) {
    // In memory already by the budget, which was taken for all of it.
    open->tail.reserve(std::min<std::size_t>(open->total - open->tail_offset, kStageEvery));
    open->tail.insert(open->tail.end(), data.data.begin() + static_cast<std::ptrdiff_t>(known),
                      data.data.end());
  }
  if (open->tail.size() >= kStageEvery && open->next_offset() < open->total) stage_tail();
  return answer(with_offset(CardResult::done, open->next_offset()));
}

// Commits what has come so far, if this channel still is the upload's writer.
bool CardService::Case::stage_tail(bool cut) {
  CardChannel::OpenStore* open = channel_.store_.get();
  if (open == nullptr || open->have_all || open->tail.empty()) return true;
  bool room = true;
  const Outcome outcome = store_.update(now_, [&](RecordTx& tx) {
    room = true;
    Record* record = tx.find(channel_.iccid());
    if (record == nullptr || !writes(*record, open->transaction, open->writer) ||
        record->upload->staged != open->tail_offset) {
      return false;
    }
    room = tx.staged_bytes_all() + open->tail.size() <= policy_.staging_disk;
    if (!room) return false;
    tx.append_staged(*record, open->tail_offset, open->tail);
    record->upload->staged += static_cast<std::uint32_t>(open->tail.size());
    record->upload->last_at = now_.utc_ms;
    if (cut) {
      record->last_error = base::cat(base::iso_date(now_.utc_ms), " upload cut at ",
                                     open->next_offset(), " of ", open->total, " octets");
    }
    // Also with a packet that has none: what was accepted before it is committed from now on.
    if (channel_.highest_ &&
        *channel_.highest_ > tx.counter(channel_.iccid(), channel_.key_set())) {
      tx.raise_counter(channel_.iccid(), channel_.key_set(), *channel_.highest_);
    }
    return true;
  });
  if (!room) notice("vault.staging_disk_full", base::cat(open->tail.size(), " octets wanted"));
  if (outcome != Outcome::committed) return false;
  if (channel_.highest_) channel_.committed_ = *channel_.highest_;
  open->tail_offset += static_cast<std::uint32_t>(open->tail.size());
  open->tail.clear();
  return true;
}

CardService::Served CardService::Case::serve(const StoreEnd& end) {
  CardChannel::OpenStore* open = channel_.store_.get();
  if (open != nullptr && open->transaction != end.transaction) open = nullptr;
  Served served = in_transaction([&](RecordTx& tx, Record& record) -> CardAnswer {
    CardAnswer value;
    if (barred(record, now_, value)) return value;
    if (open != nullptr && writes(record, open->transaction, open->writer)) {
      return finish_store(tx, record, *open);
    }
    if (record.ended_store && record.ended_store->transaction == end.transaction &&
        now_.utc_ms < record.ended_store->at + policy_.resume_window) {
      return repeat_end(tx, record);
    }
    return CardResult::no_such_transaction;
  });
  const bool over =
      served.replay == Replay::fresh && (served.answer.result == CardResult::done ||
                                         served.answer.result == CardResult::digest_mismatch ||
                                         served.answer.result == CardResult::no_such_transaction);
  if (over && open != nullptr) channel_.store_.reset();
  return served;
}

CardAnswer CardService::Case::finish_store(RecordTx& tx, Record& record,
                                           CardChannel::OpenStore& open) {
  if (open.next_offset() < open.total) {
    return with_offset(CardResult::wrong_offset, open.next_offset());
  }
  if (open.have_all) return keep_same_image(tx, record, open);
  base::Bytes joined;  // with what was staged
  if (open.tail_offset > 0) {
    joined = tx.staged(record);
    // A commit whose outcome stayed unknown may have staged what is also still here.
    joined.resize(std::min<std::size_t>(joined.size(), open.tail_offset));
    joined.insert(joined.end(), open.tail.begin(), open.tail.end());
  }
  const base::View content = open.tail_offset > 0 ? joined : open.tail;
  if (content.size() != open.total || !has_digest(content, open.digest)) {
    count("vault.digest_mismatch", base::cat(open.total, " octets"));
    if (record.upload->staged > 0) tx.drop_staged(record);
    record.upload.reset();
    tx.note(record, {"store_failed", "card", "the digest does not match what was sent"});
    return CardResult::digest_mismatch;
  }
  const std::uint8_t flags = keep_new_image(tx, record, content, open);
  return close_store(tx, record, open.transaction, flags);
}

CardAnswer CardService::Case::keep_same_image(RecordTx& tx, Record& record,
                                              const CardChannel::OpenStore& open) {
  if (!record.image || record.image->digest != open.digest) {
    return CardResult::no_such_transaction;
  }
  return close_store(tx, record, open.transaction, 0);
}

// Adds the image as the newest version; an image that has lost most entries pins the one before.
std::uint8_t CardService::Case::keep_new_image(RecordTx& tx, Record& record, base::View content,
                                               const CardChannel::OpenStore& open) {
  ImageInfo image;
  image.id = dated_id(now_.utc_ms);
  image.bound_record = record.id;
  image.digest = open.digest;
  image.bytes = open.total;
  image.entries = count_entries(content);
  image.stored_at = now_.utc_ms;
  std::uint8_t flags = 0;
  if (record.image) {
    const auto share = static_cast<std::uint64_t>(policy_.shrink_guard) * record.image->entries;
    const bool shrunk = std::uint64_t{image.entries} * 100 < share;
    if (shrunk && pin_before(tx, record)) flags = kFlagPinned;
    rotate_versions(tx, record);
  }
  tx.add_image(record, image, content);
  record.image = image;
  return flags;
}

// A book that comes and goes must not fill the store: the fullest kPinsAtOnce are kept, of equally
// full ones the newest. What a change of card has pinned is not counted; if that is dated ahead,
// nobody knows what it was. True: `before` is pinned.
bool CardService::Case::pin_before(RecordTx& tx, const Record& record) {
  if (policy_.pin == 0) return false;
  ImageInfo before = *record.image;
  before.pinned_until = std::max(before.pinned_until, now_.utc_ms + policy_.pin);
  tx.update_image(record, before);
  std::vector<ImageInfo> pinned = tx.images(record);
  const std::int64_t moved_at = record.moved_at <= now_.utc_ms ? record.moved_at : 0;
  std::erase_if(pinned, [&](const ImageInfo& one) {
    return one.pinned_until <= now_.utc_ms || one.stored_at <= moved_at;
  });
  if (pinned.size() <= kPinsAtOnce) return true;
  const auto least =
      std::min_element(pinned.begin(), pinned.end(), [](const auto& a, const auto& b) {
        return std::tie(a.entries, a.stored_at) < std::tie(b.entries, b.stored_at);
      });
  least->pinned_until = 0;
  tx.update_image(record, *least);
  return least->id != before.id;
}

// Room for one more: of those before, the newest keep_versions - 1 stay, and what is pinned.
void CardService::Case::rotate_versions(RecordTx& tx, const Record& record) {
  const std::vector<ImageInfo> versions = versions_of(tx, record);
  const auto keep = static_cast<std::size_t>(std::max(policy_.keep_versions, 1) - 1);
  for (std::size_t i = keep; i < versions.size(); ++i) {
    if (versions[i].pinned_until <= now_.utc_ms) tx.drop_image(versions[i].id);
  }
}

// What every successful END does: dates, key, the result kept for a repeated END.
CardAnswer CardService::Case::close_store(RecordTx& tx, Record& record, std::uint32_t transaction,
                                          std::uint8_t flags) {
  CardAnswer value;
  if (record.upload && record.upload->staged > 0) tx.drop_staged(record);
  record.upload.reset();
  if (record.first_stored_at == 0) record.first_stored_at = now_.utc_ms;
  record.updated_at = now_.utc_ms;
  const bool fresh_key = key_is_due(record);
  if (fresh_key) value.key = issue_key(tx, record, transaction);
  record.ended_store = EndedStore{transaction, now_.utc_ms, flags, fresh_key};
  value.date = record.updated_at;
  value.flags = static_cast<std::uint8_t>(flags | flags_of(record));
  // No digest: the history outlives an erasure, and a short content could be guessed by it.
  tx.note(record, {"stored", "card",
                   base::cat(record.image->bytes, " octets, ", record.image->entries, " entries",
                             flags != 0 ? ", the image before is pinned" : "",
                             fresh_key ? ", key issued" : "")});
  return value;
}

// The answer to an END was lost: the same again; a key that nobody confirmed is replaced.
CardAnswer CardService::Case::repeat_end(RecordTx& tx, Record& record) const {
  CardAnswer value;
  const EndedStore& ended = *record.ended_store;
  value.date = record.updated_at;
  value.flags = static_cast<std::uint8_t>(ended.flags | flags_of(record));
  if (ended.issued_key && record.key_state == KeyState::issued &&
      record.key_transaction == ended.transaction) {
    value.key = issue_key(tx, record, ended.transaction);
    tx.note(record, {"key_issued", "card", "the end of the store was asked for again"});
  }
  return value;
}

}  // namespace vault
