#include "tests/sim/sim_card.h"

#include <algorithm>

#include "tests/support/laboratory.h"

namespace sim {

using bip::Ins;
using support::TestCard;
using vault::CardResult;
using Packets = std::vector<base::Bytes>;

namespace {

constexpr std::size_t kBlock = 700;
constexpr std::uint8_t kOnlyErrors = 0x1A;

}  // namespace

base::Bytes SimCard::new_content() {
  if (has_entries_) {
    base::Writer unlike;  // an object that nobody knows makes each one another
    unlike.tlv(0x8F, support::image_of(8, static_cast<unsigned>(chance_.below(UINT32_MAX))));
    base::Bytes content = support::example_image(static_cast<int>(1 + chance_.below(30)), 'a');
    content.insert(content.end(), unlike.view().begin(), unlike.view().end());
    return content;
  }
  // Some reach over the 64 KiB after which an upload is kept in the store.
  const std::size_t size = !careful_ && chance_.one_in(8)
                               ? 66'000 + chance_.below(6'000)
                               : 1 + chance_.below(chance_.one_in(2) ? 900 : 6'000);
  return support::image_of(size, static_cast<unsigned>(chance_.below(UINT32_MAX)));
}

Packets SimCard::one(const bip::Message& message, Waiting waiting) {
  waiting_ = waiting;
  Packets packets;
  packets.push_back(card.packet(message));
  awaited_ = card.counter;
  if (waiting != Waiting::status && waiting != Waiting::fetch_data) {
    oracle_.counts(card.iccid, card.counter);
  }
  return packets;
}

Packets SimCard::finish(Visit visit) {
  visit_ = visit;
  return {};
}

Packets SimCard::begin(Wish wish, bool careful) {
  wish_ = wish;
  careful_ = careful;
  visit_ = Visit::going_on;
  keys_typed_ = 0;
  // Whoever has a key gives it at once, or waits until it is asked for.
  use_key_ = !key_.empty() && !chance_.one_in(3);
  if (wish == Wish::report || waits_for_record()) return report();
  if (wish == Wish::status) return one(card.message(Ins::status), Waiting::status);
  return wish == Wish::store ? store_begin() : fetch_begin();
}

void SimCard::type_key(bip::Fields& fields) {
  if (!use_key_ || key_.empty()) return;
  ++keys_typed_;
  std::string typed = key_;
  if (!careful_ && chance_.one_in(6)) typed = support::wrong_key(key_);
  if (!careful_ && chance_.one_in(8)) typed = support::mistyped_key(key_);
  oracle_.secret(typed);
  fields.key = base::Secret(base::as_bytes(typed));
}

// What was cut is gone on with, unless the person has something else to store by now.
Packets SimCard::store_begin() {
  if (attempt_ == nullptr || (careful_ && attempt_->spoiled) || chance_.one_in(5)) {
    Attempt fresh;
    fresh.image = new_content();
    fresh.digest = base::sha256(fresh.image);
    fresh.transaction = ++transactions_;
    fresh.spoiled = !careful_ && chance_.one_in(12);
    if (fresh.spoiled) fresh.image[chance_.below(fresh.image.size())] ^= 0x40;
    attempt_ = &oracle_.begins(card.iccid, std::move(fresh));
  }
  bip::Message begin = card.message(Ins::store_begin);
  begin.fields.transaction = attempt_->transaction;
  begin.fields.total = static_cast<std::uint32_t>(attempt_->image.size());
  begin.fields.digest = attempt_->digest;
  type_key(begin.fields);
  return one(begin, Waiting::begin);
}

Packets SimCard::unfinished() {
  const base::Bytes image = new_content();
  const std::uint32_t transaction = ++transactions_;
  bip::Message begin = card.store_begin(image, transaction);
  if (!key_.empty()) begin.fields.key = base::Secret(base::as_bytes(key_));
  Packets packets;
  packets.push_back(card.packet(begin));
  oracle_.counts(card.iccid, card.counter);
  for (std::size_t at = 0; at + kBlock < image.size(); at += kBlock) {
    packets.push_back(card.packet(
        card.store_data(image, transaction, static_cast<std::uint32_t>(at), kBlock), kOnlyErrors));
  }
  return packets;
}

void SimCard::change_card(std::string_view digits) {
  const vault::Iccid before = card.iccid;
  card = TestCard(digits);
  oracle_.changes_card(before, card.iccid);
  previous_ = before;
  attempt_ = nullptr;
}

Packets SimCard::report() {
  bip::Message message = card.message(Ins::report);
  if (previous_) {
    message.fields.previous = previous_->to_ef();
    use_key_ = true;
    type_key(message.fields);
  }
  Packets packets = one(message, Waiting::report);
  oracle_.is_report(card.iccid, card.counter);
  return packets;
}

base::Bytes SimCard::claim(Ins how, const vault::Iccid& previous, const std::string& key) {
  bip::Message message = card.message(how);
  message.fields.previous = previous.to_ef();
  if (!key.empty()) {
    message.fields.key = base::Secret(base::as_bytes(key));
    oracle_.secret(key);
  }
  base::Bytes packet = card.packet(message);
  oracle_.counts(card.iccid, card.counter);
  oracle_.is_report(card.iccid, card.counter);
  return packet;
}

Packets SimCard::fetch_begin() {
  fetch_from_ = oracle_.last_acknowledged(card.iccid);
  bip::Message begin = card.message(Ins::fetch_begin);
  type_key(begin.fields);
  return one(begin, Waiting::fetch_begin);
}

base::Bytes SimCard::with_key(Ins ins, const std::string& key) {
  bip::Message begin = card.message(ins);
  begin.fields.key = base::Secret(base::as_bytes(key));
  oracle_.secret(key);
  base::Bytes packet = card.packet(begin);
  oracle_.counts(card.iccid, card.counter);
  return packet;
}

Packets SimCard::take(const TestCard::Answer& answer) {
  if (visit_ != Visit::going_on || answer.counter != awaited_) return {};
  if (answer.status != bip::PacketStatus::por_ok) return finish(Visit::later);
  const auto result = static_cast<CardResult>(answer.message.code);
  if (result != CardResult::done) {
    if (waiting_ == Waiting::end && result == CardResult::wrong_offset) {
      return upload(answer.message.fields.offset.value_or(0));
    }
    return refused(result);
  }
  const bip::Fields& fields = answer.message.fields;
  switch (waiting_) {
    case Waiting::status:
      return finish(Visit::done);
    case Waiting::report:
      previous_.reset();
      return finish(Visit::done);
    case Waiting::begin:
      return upload(fields.offset.value_or(0));
    case Waiting::end:
      return stored(fields);
    case Waiting::confirm:
      key_ = shown_;
      return finish(Visit::done);
    case Waiting::fetch_begin:
      fetch_ = fields.transaction.value_or(0);
      fetch_total_ = fields.total.value_or(0);
      fetch_digest_ = fields.digest.value_or(vault::Digest{});
      fetched_.clear();
      return fetch_more();
    case Waiting::fetch_data:
      return fetched(fields);
  }
  return finish(Visit::later);
}

Packets SimCard::upload(std::uint32_t from) {
  Packets packets;
  const base::View image = attempt_->image;
  for (std::size_t at = from; at < image.size(); at += kBlock) {
    packets.push_back(card.packet(
        card.store_data(image, attempt_->transaction, static_cast<std::uint32_t>(at), kBlock),
        kOnlyErrors));
  }
  attempt_->end_sent = true;
  Packets end = one(card.plain(Ins::store_end, attempt_->transaction), Waiting::end);
  packets.push_back(std::move(end.front()));
  return packets;
}

Packets SimCard::stored(const bip::Fields& answer) {
  oracle_.acknowledged(card.iccid, *attempt_);
  const std::uint32_t transaction = attempt_->transaction;
  attempt_ = nullptr;
  return answer.key ? confirm(*answer.key, transaction) : finish(Visit::done);
}

// The person writes the key down, and not every person says so.
Packets SimCard::confirm(const base::Secret& key, std::uint32_t transaction) {
  shown_ = std::string(base::as_text(key.view()));
  if (!careful_ && chance_.one_in(5)) return finish(Visit::done);
  key_ = shown_;
  bip::Message message = card.plain(Ins::key_confirm, transaction);
  message.fields.key = key.clone();
  return one(message, Waiting::confirm);
}

Packets SimCard::fetch_more() {
  bip::Message more = card.plain(Ins::fetch_data, fetch_);
  more.fields.offset = static_cast<std::uint32_t>(fetched_.size());
  return one(more, Waiting::fetch_data);
}

Packets SimCard::fetched(const bip::Fields& answer) {
  const bool fits =
      answer.data && !answer.data->empty() && fetched_.size() + answer.data->size() <= fetch_total_;
  if (!fits) throw Breach("a fetch gave octets that were not asked for");
  fetched_.insert(fetched_.end(), answer.data->begin(), answer.data->end());
  if (fetched_.size() < fetch_total_) return fetch_more();
  if (base::sha256(fetched_) != fetch_digest_) throw Breach("a fetch gave other octets");
  oracle_.fetched(card.iccid, fetch_digest_, fetch_from_);
  return answer.key ? confirm(*answer.key, fetch_) : finish(Visit::done);
}

Packets SimCard::refused(CardResult result) {
  if (waiting_ == Waiting::report) return finish(Visit::later);
  const bool asked = result == CardResult::key_required || result == CardResult::wrong_key ||
                     result == CardResult::mistyped_key;
  if (asked && waiting_ != Waiting::confirm) {
    if (key_.empty() || keys_typed_ >= 3) return finish(Visit::refused);
    use_key_ = true;
    return waiting_ == Waiting::begin ? store_begin() : fetch_begin();
  }
  switch (result) {
    case CardResult::locked:
      locked_ = true;
      return finish(Visit::refused);
    case CardResult::nothing_stored:
      oracle_.nothing_there(card.iccid);
      return finish(Visit::done);
    case CardResult::digest_mismatch:
      if (!attempt_->spoiled) throw Breach("good octets were refused for their digest");
      attempt_ = nullptr;
      return finish(Visit::later);
    default:
      return finish(Visit::later);
  }
}

}  // namespace sim
