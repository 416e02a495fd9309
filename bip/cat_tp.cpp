#include "bip/cat_tp.h"

#include <algorithm>
#include <utility>

namespace bip {

using namespace cat_tp;

namespace {

constexpr std::uint8_t kMostReopenings = 3;

}  // namespace

CatTp::CatTp(const CatTpSettings& settings, const Opened& opened, base::Now now)
    : settings_(&settings),
      rto_(settings.rto_initial),
      heard_at_(now.mono_ms),
      ports_(opened.ports),
      send_next_(static_cast<std::uint16_t>(opened.own_isn + 1)),
      send_oldest_(send_next_),
      send_window_(opened.window),
      most_window_(std::max<std::uint16_t>(opened.window, 1)),
      received_(opened.peer_isn),
      told_edge_(static_cast<std::uint16_t>(opened.peer_isn + settings.window)),
      peer_max_pdu_(opened.max_pdu),
      peer_max_sdu_(opened.max_sdu),
      phase_(Phase::open) {}

void CatTp::open(base::View identification, std::uint16_t isn, base::Now now, CatTpOutput& out) {
  rto_ = settings_->rto_initial;
  send_next_ = send_oldest_ = isn;
  put(kSyn, {identification.begin(), identification.end()}, now, out);
}

CatTp::Traffic& CatTp::traffic() {
  if (!traffic_) traffic_ = std::make_unique<Traffic>();
  return *traffic_;
}

void CatTp::drop_idle_traffic() {
  if (traffic_ && traffic_->empty()) traffic_.reset();
}

std::uint16_t CatTp::window() const {
  const int allowed = cat_tp_distance(told_edge_, received_);
  return static_cast<std::uint16_t>(std::max(settings_->window - held_pdus_, allowed));
}

void CatTp::finish(End end, CatTpReset reason) {
  if (phase_ == Phase::closed) return;
  cut_ = unfinished();
  phase_ = Phase::closed;
  end_ = end;
  reason_ = reason;
  acknowledge_at_ = probe_at_ = kNever;
  // What came whole may still be taken.
  if (traffic_) {
    traffic_->sent.clear();
    traffic_->waiting.clear();
    traffic_->early.clear();
    traffic_->assembling = {};
    drop_idle_traffic();
  }
}

void CatTp::close(CatTpReset reason, base::Now, CatTpOutput& out) {
  if (phase_ == Phase::closed) return;
  reset(reason, out);
  finish(End::by_us, reason);
}

void CatTp::feed(const CatTpPdu& pdu, base::Now now, CatTpOutput& out) {
  if (phase_ == Phase::closed) return;
  if (phase_ == Phase::opening) return feed_opening(pdu, now, out);
  // A peer that has forgotten the link answers the acknowledgement with an RST that fits; one that
  // repeats its SYN/ACK needs it.
  if (pdu.is(kSyn)) return challenge(now, out);
  if (pdu.is(kRst)) return on_reset(pdu, now, out);
  if (!acceptable(pdu)) {
    // Answering bare acknowledgements could go on between two ends for ever.
    if (pdu.counted()) challenge(now, out);
    return;
  }
  heard_at_ = now.mono_ms;
  probes_ = 0;
  on_ack(pdu, now);
  on_eacks(pdu, now, out);
  // New data: the peer knows that the window is open.
  if (pdu.counted() && std::exchange(reopenings_, 0) > 0) acknowledge_at_ = kNever;
  if (pdu.counted()) on_data(pdu, now, out);
  if (phase_ == Phase::open) transmit(now, out);
  drop_idle_traffic();
}

void CatTp::feed_opening(const CatTpPdu& pdu, base::Now now, CatTpOutput& out) {
  const std::uint16_t isn = send_oldest_;
  const bool ours = pdu.is(kAck) && pdu.acknowledgement == isn;
  if (pdu.is(kRst)) {
    if (ours) finish(End::by_peer, static_cast<CatTpReset>(pdu.reason));
    return;
  }
  if (pdu.is(kAck) && !ours) {
    // The peer speaks of an older link: only this number makes it believe that it has ended.
    CatTpPdu rst = outgoing(kRst, static_cast<std::uint16_t>(pdu.acknowledgement + 1));
    rst.reason = static_cast<std::uint8_t>(CatTpReset::unexpected_pdu);
    return out.add(rst);
  }
  if (!pdu.is(kSyn) || !ours) return;
  received_ = pdu.sequence;
  told_edge_ = static_cast<std::uint16_t>(received_ + settings_->window);
  phase_ = Phase::open;
  heard_at_ = now.mono_ms;
  const bool waits_in_vain = largest_waiting() > pdu.max_sdu;
  if (pdu.max_pdu < kLeastPdu || pdu.max_sdu < settings_->least_sdu || waits_in_vain) {
    reset(CatTpReset::illegal_parameters, out);
    return finish(End::violated, CatTpReset::illegal_parameters);
  }
  peer_max_pdu_ = pdu.max_pdu;
  peer_max_sdu_ = pdu.max_sdu;
  on_ack(pdu, now);
  acknowledge(out);
  transmit(now, out);
  drop_idle_traffic();
}

// Of what the peer may have seen, or just before it: reordered datagrams carry older numbers.
bool CatTp::acknowledges(std::uint16_t number) const {
  const int ahead = cat_tp_distance(number, static_cast<std::uint16_t>(send_oldest_ - 1));
  const int under_way = cat_tp_distance(send_next_, send_oldest_);
  return ahead >= -static_cast<int>(most_window_) && ahead <= under_way;
}

bool CatTp::acceptable(const CatTpPdu& pdu) const {
  const int ahead = cat_tp_distance(pdu.sequence, received_);
  const int most = pdu.counted() ? window() : window() + 1;
  return ahead >= 1 && ahead <= most && acknowledges(pdu.acknowledgement) &&
         pdu.data.size() + kHeader <= settings_->max_pdu;
}

// Only the very next number ends the link, so that guessing costs 65,536 datagrams. Another one of
// the window is answered, and a peer that has ended the link answers that with the right number.
void CatTp::on_reset(const CatTpPdu& pdu, base::Now now, CatTpOutput& out) {
  const int ahead = cat_tp_distance(pdu.sequence, received_);
  if (ahead < 1 || ahead > window() + 1) return;
  if (ahead > 1) return challenge(now, out);
  const int acknowledged =
      cat_tp_distance(pdu.acknowledgement, static_cast<std::uint16_t>(send_oldest_ - 1));
  const int under_way = cat_tp_distance(send_next_, send_oldest_);
  if (pdu.is(kAck) && (acknowledged < 0 || acknowledged > under_way)) return;
  finish(End::by_peer, static_cast<CatTpReset>(pdu.reason));
}

void CatTp::on_data(const CatTpPdu& pdu, base::Now now, CatTpOutput& out) {
  const bool in_order = pdu.sequence == static_cast<std::uint16_t>(received_ + 1);
  if (in_order) {
    deliver(pdu.flags, pdu.data, now, out);
    const bool filled = deliver_early(now, out);
    if (phase_ == Phase::open) acknowledge_later(pdu, !filled, now, out);
    return;
  }
  auto& early = traffic().early;
  const auto place = std::find_if(early.begin(), early.end(), [&](const Early& other) {
    return cat_tp_distance(other.sequence, pdu.sequence) >= 0;
  });
  if (place == early.end() || place->sequence != pdu.sequence) {
    early.insert(place, {pdu.sequence, pdu.flags, {pdu.data.begin(), pdu.data.end()}});
  }
  acknowledge(out);
}

void CatTp::deliver(std::uint8_t flags, base::View data, base::Now, CatTpOutput& out) {
  ++received_;
  if ((flags & kNul) != 0) return;
  Sdu& sdu = traffic().assembling;
  ++sdu.pdus;
  sdu.data.insert(sdu.data.end(), data.begin(), data.end());
  if (sdu.data.size() > settings_->max_sdu) {
    reset(CatTpReset::unexpected_pdu, out);
    return finish(End::too_large, CatTpReset::unexpected_pdu);
  }
  if ((flags & kSeg) != 0) return;
  held_pdus_ = static_cast<std::uint16_t>(held_pdus_ + sdu.pdus);
  traffic().received.push_back(std::move(sdu));
  traffic().assembling = {};
}

// True: a gap was filled.
bool CatTp::deliver_early(base::Now now, CatTpOutput& out) {
  if (!traffic_ || traffic_->early.empty()) return false;
  while (phase_ == Phase::open && traffic_ && !traffic_->early.empty() &&
         traffic_->early.front().sequence == static_cast<std::uint16_t>(received_ + 1)) {
    const Early next = std::move(traffic_->early.front());
    traffic_->early.erase(traffic_->early.begin());
    deliver(next.flags, next.data, now, out);
  }
  return true;
}

// At once where the peer waits for it; otherwise an answer may soon carry it.
void CatTp::acknowledge_later(const CatTpPdu& pdu, bool in_order, base::Now now, CatTpOutput& out) {
  ++unacknowledged_;
  const bool much = unacknowledged_ * 2 >= settings_->window || window() == 0;
  if (!in_order || much || pdu.is(kNul) || settings_->ack_delay == 0) return acknowledge(out);
  acknowledge_at_ = std::min(acknowledge_at_, now.mono_ms + settings_->ack_delay);
}

std::optional<base::Bytes> CatTp::take(base::Now now, CatTpOutput& out) {
  if (!readable()) return std::nullopt;
  Sdu sdu = std::move(traffic_->received.front());
  traffic_->received.erase(traffic_->received.begin());
  held_pdus_ = static_cast<std::uint16_t>(held_pdus_ - sdu.pdus);
  // Nothing but this tells a peer whose window is closed, and not every peer asks by itself when it
  // gets lost: it is repeated.
  const bool closed = told_edge_ == received_;
  if (phase_ == Phase::open && closed && window() > 0) {
    acknowledge(out);
    reopenings_ = kMostReopenings;
    acknowledge_at_ = now.mono_ms + rto_;
  }
  drop_idle_traffic();
  return std::move(sdu.data);
}

}  // namespace bip
