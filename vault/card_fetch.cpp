// FETCH BEGIN and DATA (steps 401-410 of the design).
#include <algorithm>

#include "vault/card_case.h"

namespace vault {

namespace {

// Vault-chosen transactions have b32 set (docs/protocol.md, tag 84).
std::uint32_t fresh_transaction() {
  const auto octets = base::random_array<4>();
  base::Reader reader(octets);
  return reader.u32() | 0x80000000U;
}

// How long a permit lives that no channel's end has dated (its instance died).
constexpr std::int64_t kFetchLimit = base::kHourMs;
// Octets after which a download under way looks again whether it still may go on.
constexpr std::uint32_t kLookAgainEvery = 16 * 1024;

}  // namespace

CardService::Served CardService::Case::serve(const FetchBegin& begin) {
  auto open = std::make_unique<CardChannel::OpenFetch>();
  ImageInfo image;
  Served served = in_transaction(
      [&](RecordTx& tx, Record& record) { return fetch_in_tx(tx, record, begin, *open, image); });
  if (served.replay != Replay::fresh || served.answer.result != CardResult::done) return served;
  if (!load_content(std::move(open), image)) return answer(CardResult::try_later);
  return served;
}

// The record that is meant: the own one, or another card's that moves here first. Null: refused.
Record* CardService::Case::fetch_source(RecordTx& tx, Record& own, const FetchBegin& begin,
                                        CardAnswer& refusal) {
  const UserKey* key = pointer(begin.key);
  const RecordState state = state_of(own, now_);
  if (state == RecordState::locked || state == RecordState::suspended) return &own;
  const bool for_care = needs_care(own, policy_, now_);  // then a key costs an attempt
  if (own.image && !for_care && check_key(own, key) == KeyCheck::right) return &own;
  std::optional<CardAnswer> moved = move_wanted(tx, own, begin.previous, key);
  if (!moved) return &own;
  if (moved->result == CardResult::done) return tx.find(channel_.iccid());
  // With a key in use of its own, a key that is not the other record's counts against this one; and
  // a claim that waits never hinders the card's own fetch, if that may be had without care.
  const bool own_decides =
      own.key_state == KeyState::active && moved->result != CardResult::conflict;
  const bool own_waits = moved->result == CardResult::move_pending && !for_care;
  if (own.image && (own_decides || own_waits)) return &own;
  refusal = std::move(*moved);
  return nullptr;
}

// Version as the card counts; asked for the newest right after a merge, it means the old card's.
std::optional<ImageInfo> CardService::Case::wanted_version(RecordTx& tx, const Record& record,
                                                           std::uint16_t version,
                                                           bool just_merged) {
  if (version == 0 && !just_merged) return record.image;
  const std::vector<ImageInfo> versions = versions_of(tx, record);
  if (version == 0) {
    for (const ImageInfo& image : versions) {
      if (image.of_other == record.moved_survivor_is_new) return image;
    }
    return record.image;
  }
  if (version >= versions.size()) return std::nullopt;
  return versions[version];
}

CardAnswer CardService::Case::fetch_in_tx(RecordTx& tx, Record& own, const FetchBegin& begin,
                                          CardChannel::OpenFetch& open, ImageInfo& image) {
  if (begin.number) own.msisdn_reported = begin.number;
  CardAnswer refusal;
  const bool own_image = own.image.has_value();
  const std::int64_t moved_before = own.moved_at;
  Record* record = fetch_source(tx, own, begin, refusal);
  if (record == nullptr) return refusal;
  const Decision decision = gate(tx, *record, Use::fetch, pointer(begin.key));
  if (decision.result != CardResult::done) return answer_of(decision);
  const bool just_merged = own_image && record->moved_at != moved_before;
  if (key_granted(*record, now_)) judge_versions(tx, *record);  // the right key came as well
  const auto wanted = wanted_version(tx, *record, begin.version, just_merged);
  if (!wanted || wanted->for_care) return CardResult::nothing_stored;
  image = *wanted;
  open.transaction = fresh_transaction();
  open.record = record->id;
  open.fresh_key.reset();
  if (decision.fresh_key) open.fresh_key = issue_key(tx, *record, open.transaction);
  open.epoch = record->epoch;
  record->fetch = FetchPermit{open.transaction, image.id, record->epoch, now_.utc_ms + kFetchLimit};
  tx.note(*record, {"fetched", "card",
                    base::cat("version ", begin.version, ", ", image.bytes, " octets",
                              decision.fresh_key ? ", key issued" : "")});
  CardAnswer value;
  value.transaction = open.transaction;
  value.total = image.bytes;
  value.digest = image.digest;
  value.date = image.stored_at;
  if (flags_of(*record) != 0) value.flags = flags_of(*record);
  return value;
}

bool CardService::Case::load_content(std::unique_ptr<CardChannel::OpenFetch> open,
                                     const ImageInfo& image) {
  channel_.fetch_.reset();
  if (!service_.staging_.take(image.bytes, policy_.staging_bytes)) {
    service_.counters_.add("vault.staging_full");
    return false;
  }
  open->budget = &service_.staging_;
  open->taken = image.bytes;
  auto content = store_.image(open->record, image);
  if (!content) {
    service_.counters_.add("vault.image_unreadable");
    service_.log_.error("vault.image_unreadable",
                        base::cat("image of card ", channel_.iccid().digits(),
                                  " cannot be read: ", content.error()));
    return false;
  }
  open->content = base::Secret(content.take());
  channel_.fetch_ = std::move(open);
  return true;
}

// A channel broke: the permission lives on, here or on another instance.
bool CardService::Case::reopen_fetch(std::uint32_t transaction) {
  auto open = std::make_unique<CardChannel::OpenFetch>();
  std::optional<ImageInfo> image;
  const Outcome outcome = store_.update(now_, [&](RecordTx& tx) {
    image.reset();
    Record* record = tx.find(channel_.iccid());
    if (record == nullptr || !record->fetch || record->fetch->transaction != transaction ||
        record->fetch->epoch != record->epoch || now_.utc_ms >= record->fetch->until) {
      return false;
    }
    for (const ImageInfo& version : tx.images(*record)) {
      if (version.id == record->fetch->image) image = version;
    }
    if (!image) return false;
    open->transaction = transaction;
    open->record = record->id;
    open->fresh_key.reset();
    if (record->key_state == KeyState::issued && record->key_transaction == transaction) {
      open->fresh_key = issue_key(tx, *record, transaction);
      tx.note(*record, {"key_issued", "card", "the fetch went on after a cut"});
      record->fetch->epoch = record->epoch;
    }
    open->epoch = record->epoch;
    return true;
  });
  if (outcome == Outcome::unavailable || !image) return false;
  return load_content(std::move(open), *image);
}

// Whatever began under an older epoch cannot end, and a newer fetch ends the older. A store that
// is away at this moment does not undo what the commit of FETCH BEGIN allowed.
bool CardService::Case::still_permitted(const CardChannel::OpenFetch& fetch) {
  bool same = false;
  const Outcome outcome = store_.update(now_, [&](RecordTx& tx) {
    const Record* record = tx.find(channel_.iccid());
    same = record != nullptr && record->epoch == fetch.epoch && record->fetch &&
           record->fetch->transaction == fetch.transaction;
    return false;
  });
  return same || outcome == Outcome::unavailable;
}

CardService::Served CardService::Case::serve(const FetchData& data) {
  const Replay replay = check_without_store();
  if (replay != Replay::fresh) return {replay, CardAnswer(), false};
  const bool known = channel_.fetch_ && channel_.fetch_->transaction == data.transaction;
  if (!known && !reopen_fetch(data.transaction)) return answer(CardResult::no_such_transaction);
  const CardChannel::OpenFetch& fetch = *channel_.fetch_;
  if (data.offset >= fetch.content.size()) {
    CardAnswer value(CardResult::wrong_offset);
    value.offset = 0;
    return answer(std::move(value));
  }
  const std::size_t size = std::min<std::size_t>(data.max_data, fetch.content.size() - data.offset);
  const bool last = data.offset + size == fetch.content.size();
  const bool look_again = last || data.offset % kLookAgainEvery + size >= kLookAgainEvery;
  if (look_again && !still_permitted(fetch)) return answer(CardResult::no_such_transaction);
  CardAnswer value;
  const base::View part = fetch.content.view().subspan(data.offset, size);
  value.data.assign(part.begin(), part.end());
  if (last && fetch.fresh_key) value.key = fetch.fresh_key->clone();
  return answer(std::move(value));
}

}  // namespace vault
