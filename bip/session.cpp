#include "bip/session.h"

#include <algorithm>

#include "bip/framing.h"
#include "bip/secured_packet.h"

namespace bip {

namespace {

constexpr std::size_t kIdentificationMost = 16;  // with the longest form of its length
constexpr std::uint8_t kChannelData = 0x36;      // TS 101 220; with the CR bit B6

// Identification packet: 03, BER length, 36 or B6, 0A, EF_ICCID.
std::optional<vault::Iccid> read_identification(base::View packet) {
  base::Reader reader(packet);
  reader.u8();
  const std::size_t length = reader.ber_length();
  const std::uint8_t tag = reader.u8();
  const std::size_t size = reader.u8();
  const base::View iccid = reader.take(vault::Iccid::kOctets);
  if (!reader.at_end() || length != size + 2 || size != vault::Iccid::kOctets) return std::nullopt;
  if ((tag & 0x7F) != kChannelData) return std::nullopt;
  return vault::Iccid::from_ef(iccid);
}

// Must be served at once: it wants an answer, or is none of the packets that may want none.
bool is_loud(base::View packet) {
  const auto head = read_command_head(Carrier::bip, packet);
  const Wants wants = head ? wants_of(*head) : Wants::refused;
  return wants == Wants::always || wants == Wants::refused;
}

}  // namespace

Session::Session(std::shared_ptr<const Settings> settings, base::Now now, Caller caller)
    : settings_(std::move(settings)),
      opened_at_(now.mono_ms),
      active_at_(now.mono_ms),
      caller_(caller) {}

void Session::feed(base::View octets, base::Now now) {
  if (octets.empty() || broken_ != End::none) return;
  if (phase_ == Phase::closing || phase_ == Phase::closed) return;
  active_at_ = now.mono_ms;
  any_octet_ = true;
  if (!has_partial()) partial_since_ = now.mono_ms;
  input_.insert(input_.end(), octets.begin(), octets.end());
  scan(now);
  // A partial packet behind complete ones began with this piece.
  if (room() == 0) reading_stopped_ = true;
}

void Session::unfinished_below(bool yes, base::Now now) {
  if (yes && !has_partial()) partial_since_ = now.mono_ms;
  unfinished_below_ = yes;
}

void Session::scan(base::Now now) {
  if (phase_ == Phase::identifying && !identify(now)) return;
  while (phase_ == Phase::open) {
    const Frame frame =
        next_frame(base::View(input_).subspan(complete_), kCommandPacket, settings_->max_packet);
    switch (frame.state) {
      case Frame::State::partial:
        return;
      case Frame::State::whole:
        if (packets_ == 0) gather_until_ = now.mono_ms + kGather;
        complete_ += frame.size;
        if (is_loud(base::View(input_).first(complete_).last(frame.size))) loud_end_ = complete_;
        ++packets_;
        partial_since_ = now.mono_ms;
        break;
      case Frame::State::wrong_identifier:
        return reject(input_[complete_] == kIdentificationPacket ? End::second_identification
                                                                 : End::bad_packet,
                      now);
      case Frame::State::bad_length:
        return reject(End::bad_packet, now);
      case Frame::State::too_large:
        return reject(End::packet_too_large, now);
    }
  }
}

bool Session::identify(base::Now now) {
  const Frame frame = next_frame(input_, kIdentificationPacket, kIdentificationMost);
  if (frame.state == Frame::State::partial) return false;
  if (frame.state == Frame::State::whole) {
    iccid_ = read_identification(base::View(input_).first(frame.size));
  }
  if (!iccid_) {
    reject(End::bad_identification, now);
    return false;
  }
  input_.erase(input_.begin(), input_.begin() + static_cast<long>(frame.size));
  if (input_.empty()) base::Bytes().swap(input_);
  identified(std::make_unique<Card>(*iccid_), now);
  return true;
}

void Session::identified(std::unique_ptr<Card> card, base::Now now) {
  if (phase_ != Phase::identifying) return;
  iccid_ = card->iccid;
  card_ = std::move(card);
  phase_ = Phase::open;
  identified_at_ = partial_since_ = active_at_ = now.mono_ms;
}

// What follows cannot be understood. The packets before it are served all the same, so that it
// does not matter in which pieces the octets came.
void Session::reject(End why, base::Now now) {
  broken_ = why;
  input_.resize(complete_);
  if (packets_ == 0 && !under_way_) close_later(why, now);
}

void Session::close_later(End why, base::Now now) {
  base::Bytes().swap(input_);
  complete_ = packets_ = loud_end_ = 0;
  if (end_ == End::none) end_ = why;
  active_at_ = now.mono_ms;
  // A card fetches what it was sent in pieces, seconds apart: closing too early loses it. Who was
  // never answered, or has gone, has nothing to fetch.
  const bool may_fetch = answered_ || under_way_;
  phase_ = may_fetch && !input_ended_ ? Phase::closing : Phase::closed;
}

void Session::close(End why) {
  if (phase_ == Phase::closed) return;
  if (why == End::by_card && has_partial()) why = End::cut_packet;
  base::Bytes().swap(input_);
  base::Bytes().swap(output_);
  complete_ = packets_ = loud_end_ = sent_ = 0;
  if (end_ == End::none) end_ = why;
  phase_ = Phase::closed;
}

void Session::end_of_input(base::Now now) {
  input_ended_ = true;
  if (phase_ == Phase::identifying) return close(End::by_card);
  if (packets_ == 0 && !under_way_ && output().empty()) return close(End::by_card);
  active_at_ = now.mono_ms;
}

void Session::ended_below(End why, base::Now now) {
  if (end_ == End::none) end_ = why;
  end_of_input(now);
}

void Session::broken_off(base::Now now) {
  if (packets_ == 0) return close(End::by_card);
  deaf_ = true;
  base::Bytes().swap(output_);
  sent_ = 0;
  end_of_input(now);
}

void Session::superseded(base::Now now) {
  if (end_ == End::none) end_ = End::superseded;
  broken_off(now);
}

std::size_t Session::room() const {
  if (phase_ == Phase::closed || input_ended_) return 0;
  const std::size_t most = std::size_t{settings_->session_input} + settings_->max_packet;
  // Thrown away; reading goes on to see when the card has gone.
  if (phase_ == Phase::closing || broken_ != End::none) return most;
  // The beginning of a packet alone can be over half of a small limit.
  if (packets_ == 0) return most - input_.size();
  const std::size_t limit =
      reading_stopped_ ? settings_->session_input / 2 : std::size_t{settings_->session_input};
  return input_.size() >= limit ? 0 : most - input_.size();
}

bool Session::ready() const { return has_work() && !under_way_ && due(); }

bool Session::has_work() const {
  const bool waits = phase_ == Phase::open && packets_ > 0;
  return under_way_ || (waits && output().size() < settings_->session_output);
}

bool Session::due() const {
  return loud_end_ > 0 || packets_ >= settings_->batch || room() == 0 || input_ended_ ||
         draining_ || broken_ != End::none || gather_until_ == kNever;
}

std::unique_ptr<Batch> Session::next_batch(base::Now now) {
  auto batch = std::make_unique<Batch>();
  std::size_t end = 0;
  std::size_t taken = 0;
  const base::View input = input_;
  while (taken < settings_->batch && taken < packets_) {
    end += next_frame(input.subspan(end), kCommandPacket, settings_->max_packet).size;
    ++taken;
  }
  base::Bytes left(input_.begin() + static_cast<long>(end), input_.end());
  input_.resize(end);
  batch->packets = std::move(input_);
  input_ = std::move(left);
  complete_ -= end;
  loud_end_ -= std::min(loud_end_, end);
  packets_ -= taken;
  if (reading_stopped_ && room() > 0) {
    reading_stopped_ = false;
    partial_since_ = now.mono_ms;  // that its end did not come was our doing
  }
  batch->card = std::move(card_);
  batch->settings = settings_.get();
  batch->draining = draining_;
  under_way_ = true;
  return batch;
}

void Session::reply(std::unique_ptr<Batch> batch, base::Now now) {
  under_way_ = false;
  card_ = std::move(batch->card);
  proven_ = card_->proven;
  put_off_ = card_->put_off;
  transfer_ = card_->transfer;
  last_counter_ = card_->last_counter;
  if (card_->channel) key_set_ = card_->channel->key_set();
  if (phase_ == Phase::closed) return;
  active_at_ = now.mono_ms;
  key_entry_ = batch->key_entry;
  if (!batch->answers.empty() && !deaf_) {
    answered_ = true;
    answered_at_ = now.mono_ms;
    if (output_.empty()) {
      output_ = std::move(batch->answers);
    } else {
      output_.insert(output_.end(), batch->answers.begin(), batch->answers.end());
    }
  }
  if (batch->unserved > 0 && !batch->close && phase_ == Phase::open) {
    put_back(base::View(batch->packets).last(batch->unserved));
  }
  if (batch->close) {
    close_later(batch->tally.of(Fault::worker_failed) > 0 ? End::failed : End::security, now);
  } else if (broken_ != End::none && packets_ == 0 && phase_ == Phase::open) {
    close_later(broken_, now);
  }
  if (input_ended_ && packets_ == 0 && output().empty()) close(End::by_card);
}

void Session::put_back(base::View packets) {
  input_.insert(input_.begin(), packets.begin(), packets.end());
  complete_ += packets.size();
  if (loud_end_ > 0) loud_end_ += packets.size();
  gather_until_ = kNever;  // they were due already
  while (!packets.empty()) {
    const std::size_t size = next_frame(packets, kCommandPacket, settings_->max_packet).size;
    packets = packets.subspan(size);
    ++packets_;
  }
}

void Session::consume(std::size_t octets, base::Now now) {
  active_at_ = now.mono_ms;
  sent_ += octets;
  if (sent_ >= output_.size()) {
    base::Bytes().swap(output_);
    sent_ = 0;
    if (input_ended_ && packets_ == 0 && !under_way_) close(End::by_card);
  }
}

std::int64_t Session::idle_limit() const {
  if (draining_ && !transfer_) return std::min(settings_->close_wait, settings_->idle_timeout);
  return key_entry_ ? settings_->key_entry_timeout : settings_->idle_timeout;
}

// Who only claims to be a card holds no place for long. An answer may still be fetched.
std::int64_t Session::proof_deadline() const {
  if (proven_) return kNever;
  const std::int64_t proof = identified_at_ + settings_->packet_timeout;
  return answered_ ? std::max(proof, answered_at_ + settings_->close_wait) : proof;
}

std::int64_t Session::deadline() const {
  if (phase_ == Phase::closed) return kNever;
  if (phase_ == Phase::identifying) {
    if (caller_ == Caller::by_channel) return kNever;
    return opened_at_ + (any_octet_ ? settings_->identify_complete : settings_->identify_timeout);
  }
  if (under_way_) return kNever;
  if (phase_ == Phase::closing) return active_at_ + settings_->close_wait;
  // Packets that wait for a worker wait on us, unless the card does not fetch its answers.
  if (packets_ > 0 && !due()) return gather_until_;
  if (packets_ > 0) return output().empty() ? kNever : active_at_ + settings_->idle_timeout;
  const std::int64_t packet = partial_since_ + settings_->packet_timeout;
  return std::min(has_partial() ? packet : active_at_ + idle_limit(), proof_deadline());
}

void Session::on_deadline(base::Now now) {
  if (now.mono_ms < deadline()) return;
  switch (phase_) {
    case Phase::identifying:
      return close(End::never_identified);
    case Phase::open:
      if (packets_ > 0 && !due()) {
        gather_until_ = kNever;  // due now
        return;
      }
      if (packets_ == 0 && now.mono_ms >= proof_deadline()) return close(End::never_proven);
      return close(has_partial() && packets_ == 0 ? End::packet_timeout : End::idle);
    case Phase::closing:
    case Phase::closed:
      return close(end_);
  }
}

}  // namespace bip
