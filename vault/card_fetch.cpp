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
constexpr std::int64_t kFetchLimit = base::kDayMs;

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

CardAnswer CardService::Case::fetch_in_tx(RecordTx& tx, Record& own, const FetchBegin& begin,
                                          CardChannel::OpenFetch& open, ImageInfo& image) {
  const UserKey* key = pointer(begin.key);
  if (begin.number) own.msisdn_reported = begin.number;
  Record* record = &own;
  if (state_of(own, now_) == RecordState::empty) {
    CardAnswer moved;
    bool tried = false;
    if (begin.previous && *begin.previous != own.iccid) {
      moved = try_move(tx, own, *begin.previous, key);
      tried = true;
    } else if (Record* old = key != nullptr ? found_by_number(tx, own) : nullptr) {
      moved = try_move(tx, own, old->iccid, key);
      tried = true;
    }
    if (tried && moved.result != CardResult::done) return moved;
    record = tx.find(channel_.iccid());
    if (record == nullptr) return CardResult::try_later;
  }
  const Decision decision = gate(tx, *record, Use::fetch, key);
  if (decision.result != CardResult::done) return answer_of(decision);
  image = *record->image;
  if (begin.version > 0) {
    const std::vector<ImageInfo> versions = versions_of(tx, *record);
    if (begin.version >= versions.size()) return CardResult::nothing_stored;
    image = versions[begin.version];
  }
  open.transaction = fresh_transaction();
  open.epoch = record->epoch;
  open.fresh_key.reset();
  if (decision.fresh_key) open.fresh_key = issue_key(*record, open.transaction);
  record->fetch = FetchPermit{open.transaction, image.id, record->epoch, now_.utc_ms + kFetchLimit};
  tx.note(*record, {"fetched", "card",
                    base::cat("version ", begin.version, ", ", image.bytes, " octets",
                              decision.fresh_key ? ", key issued" : "")});
  CardAnswer value;
  value.transaction = open.transaction;
  value.total = image.bytes;
  value.digest = image.digest;
  value.date = image.stored_at;
  return value;
}

bool CardService::Case::load_content(std::unique_ptr<CardChannel::OpenFetch> open,
                                     const ImageInfo& image) {
  auto content = store_.image(image);
  if (!content) {
    service_.counters_.add("vault.image_unreadable");
    service_.log_.error("vault", base::cat("image of card ", channel_.iccid().digits(),
                                           " cannot be read: ", content.error()));
    return false;
  }
  open->content = content.take();
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
    open->transaction = transaction;
    open->epoch = record->epoch;
    open->fresh_key.reset();
    if (record->key_state == KeyState::issued && record->key_transaction == transaction) {
      open->fresh_key = issue_key(*record, transaction);
    }
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
  if (replay != Replay::fresh) return {replay, CardAnswer()};
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
  if (last && !still_permitted(fetch)) return answer(CardResult::no_such_transaction);
  CardAnswer value;
  const auto from = fetch.content.begin() + static_cast<std::ptrdiff_t>(data.offset);
  value.data.assign(from, from + static_cast<std::ptrdiff_t>(size));
  if (last && fetch.fresh_key) value.key = fetch.fresh_key->clone();
  return answer(std::move(value));
}

}  // namespace vault
