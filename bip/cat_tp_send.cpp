// The sending half of a CAT_TP link: what is under way, when it is sent again, acknowledgements.
#include <algorithm>
#include <limits>

#include "bip/cat_tp.h"

namespace bip {

using namespace cat_tp;

namespace {

constexpr int kPassedBeforeRepeat = 3;  // later PDUs that arrived, before the gap counts as a loss
constexpr int kMostDoublings = 16;

}  // namespace

CatTpPdu CatTp::outgoing(std::uint8_t flags, std::uint16_t sequence) const {
  CatTpPdu pdu;
  pdu.flags = flags;
  pdu.source = ports_.own;
  pdu.destination = ports_.peer;
  pdu.sequence = sequence;
  pdu.acknowledgement = (flags & kAck) != 0 ? received_ : std::uint16_t{0};
  pdu.window = (flags & kRst) != 0 ? std::uint16_t{0} : window();
  return pdu;
}

void CatTp::emit(Sent& sent, base::Now now, CatTpOutput& out) {
  CatTpPdu pdu = outgoing(sent.flags, sent.sequence);
  if (pdu.is(kSyn)) {
    pdu.max_pdu = settings_->max_pdu;
    pdu.max_sdu = settings_->max_sdu;
    pdu.identification = sent.data;
  } else {
    pdu.data = sent.data;
    // An EACK that is due tells more than this PDU can.
    if (!traffic_ || traffic_->early.empty()) {
      acknowledge_at_ = kNever;
      unacknowledged_ = 0;
    }
    told_edge_ = static_cast<std::uint16_t>(received_ + pdu.window);
  }
  sent.sent_at = now.mono_ms;
  out.add(pdu);
}

void CatTp::put(std::uint8_t flags, base::Bytes data, base::Now now, CatTpOutput& out) {
  Sent sent;
  sent.sequence = send_next_++;
  sent.flags = flags;
  sent.data = std::move(data);
  traffic().sent.push_back(std::move(sent));
  emit(traffic_->sent.back(), now, out);
}

bool CatTp::send(base::View sdu, base::Now now, CatTpOutput& out) {
  if (phase_ == Phase::closed || sdu.empty()) return false;
  if (phase_ == Phase::open && sdu.size() > peer_max_sdu_) return false;
  traffic().waiting.emplace_back(sdu.begin(), sdu.end());
  transmit(now, out);
  return true;
}

// The way out is no wider than the way in (a card's is the buffer of its BIP channel).
std::size_t CatTp::most_sent() const { return std::min(peer_max_pdu_, settings_->max_pdu); }

std::size_t CatTp::backlog() const {
  if (!traffic_) return 0;
  std::size_t octets = 0;
  for (const Sent& sent : traffic_->sent) octets += sent.data.size();
  for (const base::Bytes& sdu : traffic_->waiting) octets += sdu.size();
  return octets - traffic_->begun;
}

std::size_t CatTp::largest_waiting() const {
  std::size_t largest = 0;
  if (!traffic_) return largest;
  for (const base::Bytes& sdu : traffic_->waiting) largest = std::max(largest, sdu.size());
  return largest;
}

// Sends what waits, as far as the peer's window goes.
void CatTp::transmit(base::Now now, CatTpOutput& out) {
  if (phase_ != Phase::open) return;
  if (!traffic_) {
    probe_at_ = kNever;
    return;
  }
  const std::size_t payload = most_sent() - kHeader;
  auto& waiting = traffic_->waiting;
  while (!waiting.empty() && cat_tp_distance(send_next_, send_oldest_) < send_window_) {
    const base::View left = base::View(waiting.front()).subspan(traffic_->begun);
    const base::View piece = left.first(std::min(left.size(), payload));
    const bool last = piece.size() == left.size();
    const auto flags = static_cast<std::uint8_t>(last ? kAck : kAck | kSeg);
    put(flags, {piece.begin(), piece.end()}, now, out);
    traffic_->begun += piece.size();
    if (last) {
      waiting.erase(waiting.begin());
      traffic_->begun = 0;
    }
  }
  if (!window_closed()) {
    probe_at_ = kNever;
    probes_ = 0;
  } else if (probe_at_ == kNever) {
    probe_at_ = now.mono_ms + rto_;
  }
}

bool CatTp::window_closed() const {
  return traffic_ && !traffic_->waiting.empty() && traffic_->sent.empty();
}

void CatTp::on_ack(const CatTpPdu& pdu, base::Now now) {
  const int acknowledged =
      cat_tp_distance(pdu.acknowledgement, static_cast<std::uint16_t>(send_oldest_ - 1));
  if (acknowledged < 0) return;  // reordered: an older one
  most_window_ = std::max(most_window_, std::min<std::uint16_t>(pdu.window, 256));
  if (acknowledged == 0) {
    send_window_ = std::max(send_window_, pdu.window);
    return;
  }
  send_oldest_ = static_cast<std::uint16_t>(pdu.acknowledgement + 1);
  send_window_ = pdu.window;
  if (!traffic_) return;
  auto& sent = traffic_->sent;
  const auto end = std::find_if(sent.begin(), sent.end(), [&](const Sent& one) {
    return cat_tp_distance(one.sequence, pdu.acknowledgement) > 0;
  });
  for (auto one = sent.begin(); one != end; ++one) {
    if (one->arrived) continue;  // measured, if at all, when the EACK came
    if (one->tries == 0) {
      measure(now.mono_ms - one->sent_at);
    } else if (one + 1 == end) {
      // Which of the repetitions arrived is not known: nothing is measured, and the patience that
      // was needed is kept (Karn).
      rto_ = std::min(rto_ * 2, settings_->rto_max);
    }
  }
  sent.erase(sent.begin(), end);
  // The oldest one cannot have come out of order: a peer that said so has dropped it again.
  if (!sent.empty()) sent.front().arrived = false;
}

void CatTp::on_eacks(const CatTpPdu& pdu, base::Now now, CatTpOutput& out) {
  if (!traffic_) return;
  auto& sent = traffic_->sent;
  base::Reader reader(pdu.eacks);
  while (reader.left() >= 2) {
    const std::uint16_t number = reader.u16();
    const auto named = std::find_if(sent.begin(), sent.end(),
                                    [&](const Sent& one) { return one.sequence == number; });
    if (named == sent.end() || named == sent.begin() || named->arrived) continue;
    named->arrived = true;
    if (named->tries == 0) measure(now.mono_ms - named->sent_at);
    for (auto one = sent.begin(); one != named; ++one) {
      if (one->arrived || ++one->passed < kPassedBeforeRepeat) continue;
      if (one->tries >= settings_->retries) continue;  // its own deadline ends the link
      one->passed = 0;
      ++one->tries;
      emit(*one, now, out);
    }
  }
}

// RFC 6298, in milliseconds.
void CatTp::measure(std::int64_t round_trip_ms) {
  const auto sample = static_cast<std::int32_t>(
      std::clamp<std::int64_t>(round_trip_ms, 0, std::numeric_limits<std::int32_t>::max() / 8));
  if (srtt_ < 0) {
    srtt_ = sample;
    rttvar_ = sample / 2;
  } else {
    rttvar_ = (3 * rttvar_ + std::abs(srtt_ - sample)) / 4;
    srtt_ = (7 * srtt_ + sample) / 8;
  }
  const std::int64_t wanted = std::int64_t{srtt_} + std::max<std::int64_t>(4 * rttvar_, 10);
  rto_ = std::clamp(wanted, settings_->rto_min, settings_->rto_max);
}

void CatTp::acknowledge(CatTpOutput& out) {
  CatTpPdu pdu = outgoing(kAck, send_next_);
  base::Writer numbers;
  if (traffic_ && !traffic_->early.empty()) {
    const std::size_t room = (most_sent() - kHeader) / 2;
    const std::size_t most = std::min({room, kMostEacks, traffic_->early.size()});
    for (std::size_t i = 0; i < most; ++i) numbers.u16(traffic_->early[i].sequence);
    if (numbers.size() > 0) pdu.flags |= kEack;
    pdu.eacks = numbers.view();
  }
  told_edge_ = static_cast<std::uint16_t>(received_ + pdu.window);
  acknowledge_at_ = kNever;
  unacknowledged_ = 0;
  out.add(pdu);
}

void CatTp::acknowledge_in_time(base::Now now, CatTpOutput& out) {
  acknowledge(out);
  if (reopenings_ > 0 && --reopenings_ > 0) acknowledge_at_ = now.mono_ms + rto_;
}

// The answer to what is not acceptable: where this end stands. Rarely, so that nobody can make two
// ends, or this one and a stranger's address, busy with it.
void CatTp::challenge(base::Now now, CatTpOutput& out) {
  if (now.mono_ms - challenged_at_ < settings_->challenge_interval) return;
  challenged_at_ = now.mono_ms;
  acknowledge(out);
}

void CatTp::reset(CatTpReset reason, CatTpOutput& out) {
  const bool known = phase_ == Phase::open;  // there is something to acknowledge
  CatTpPdu pdu = outgoing(known ? kRst | kAck : kRst, send_next_);
  pdu.reason = static_cast<std::uint8_t>(reason);
  out.add(pdu);
}

std::int64_t CatTp::due(const Sent& sent) const {
  std::int64_t wait = rto_;
  for (int i = 0; i < std::min<int>(sent.tries, kMostDoublings) && wait < settings_->rto_max; ++i) {
    wait *= 2;
  }
  return sent.sent_at + std::min(wait, settings_->rto_max);
}

std::int64_t CatTp::deadline() const {
  if (phase_ == Phase::closed) return kNever;
  std::int64_t earliest = std::min(acknowledge_at_, probe_at_);
  bool under_way = false;
  if (traffic_) {
    for (const Sent& sent : traffic_->sent) {
      under_way = true;
      if (!sent.arrived) earliest = std::min(earliest, due(sent));
    }
  }
  if (settings_->keep_alive > 0 && phase_ == Phase::open && !under_way && probe_at_ == kNever) {
    earliest = std::min(earliest, heard_at_ + settings_->keep_alive);
  }
  return earliest;
}

void CatTp::on_deadline(base::Now now, CatTpOutput& out) {
  if (phase_ == Phase::closed) return;
  if (!repeat_overdue(now, out)) {
    reset(CatTpReset::retries_exceeded, out);
    return finish(End::no_answer, CatTpReset::retries_exceeded);
  }
  if (now.mono_ms >= probe_at_) probe(now, out);
  if (phase_ != Phase::open) return;
  if (now.mono_ms >= acknowledge_at_) acknowledge_in_time(now, out);
  const bool under_way = traffic_ && !traffic_->sent.empty();
  const bool silent = settings_->keep_alive > 0 && probe_at_ == kNever &&
                      now.mono_ms >= heard_at_ + settings_->keep_alive;
  if (silent && !under_way && send_window_ > 0) {
    put(kNul | kAck, {}, now, out);
  } else if (silent && !under_way) {
    probe_at_ = now.mono_ms;  // no room for a NUL
    probe(now, out);
  }
}

// False: one was repeated as often as may be.
bool CatTp::repeat_overdue(base::Now now, CatTpOutput& out) {
  if (!traffic_) return true;
  for (Sent& sent : traffic_->sent) {
    if (sent.arrived || now.mono_ms < due(sent)) continue;
    if (sent.tries >= settings_->retries) return false;
    ++sent.tries;
    sent.passed = 0;
    emit(sent, now, out);
  }
  return true;
}

// Outside the peer's window on purpose: whatever is there is answered with an ACK, which tells the
// window. (A new number may not be used while it is closed.)
void CatTp::probe(base::Now now, CatTpOutput& out) {
  if (probes_ >= settings_->retries) {
    reset(CatTpReset::retries_exceeded, out);
    return finish(End::no_answer, CatTpReset::retries_exceeded);
  }
  ++probes_;
  out.add(outgoing(kNul | kAck, static_cast<std::uint16_t>(send_oldest_ - 1)));
  const int doublings = std::min<int>(probes_, kMostDoublings);
  probe_at_ = now.mono_ms + std::min(rto_ << doublings, settings_->rto_max);
}

}  // namespace bip
