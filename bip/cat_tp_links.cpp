#include "bip/cat_tp_links.h"

#include <algorithm>

namespace bip {

using namespace cat_tp;
using What = CatTpLinks::Event::What;

namespace {

// Of a slot. That all of them are lost where every third datagram is: six in a million.
constexpr std::uint8_t kMostSynAnswers = 10;

CatTpReset reason_of(CatTpLinks::Refusal refusal) {
  using Refusal = CatTpLinks::Refusal;
  switch (refusal) {
    case Refusal::version:
      return CatTpReset::version_not_supported;
    case Refusal::acknowledges:
      return CatTpReset::unexpected_pdu;
    case Refusal::port:
      return CatTpReset::port_not_available;
    case Refusal::not_accepting:
      return CatTpReset::temporarily_unable;
    default:
      return CatTpReset::illegal_parameters;
  }
}

}  // namespace

CatTpLinks::CatTpLinks(const CatTpSettings& settings, std::function<std::uint64_t()> random)
    : settings_(settings),
      random_(std::move(random)),
      hash_(random_(), random_()),
      links_(8, hash_),
      half_open_(settings.half_open, settings.half_open_per_ip, hash_) {}

void CatTpLinks::feed(base::View datagram, const SocketPeer& from, base::Now now) {
  const auto pdu = decode_cat_tp(datagram);
  if (!pdu) {
    ++counts_.malformed;
    return;
  }
  const CatTpKey key{from, {pdu->destination, pdu->source}};
  const auto found = pdu->version() == 0 ? links_.find(key) : links_.end();
  if (found != links_.end()) {
    Link& link = found->second;
    const bool had_backlog = link.machine_.backlog() > 0;
    const bool was_readable = link.machine_.readable();
    const bool was_unfinished = link.machine_.unfinished();
    link.machine_.feed(*pdu, now, output_);
    if (link.machine_.unfinished() && !was_unfinished) tell(link, What::begun);
    return after(link, had_backlog, was_readable);
  }
  CatTpHalfOpen::Slot* const slot = pdu->version() == 0 ? half_open_.find(key) : nullptr;
  if (slot != nullptr) {
    on_half_open(*slot, *pdu, now);
  } else if (pdu->is(kSyn)) {
    on_syn(*pdu, key, datagram.size(), now);
  } else {
    stray(*pdu, key, datagram.size());
  }
}

CatTpLinks::Refusal CatTpLinks::refusal_of(const CatTpPdu& pdu, const CatTpKey& key) const {
  if (pdu.version() != 0) return Refusal::version;
  if (pdu.is(kAck)) return Refusal::acknowledges;
  if (settings_.port != 0 && key.ports.own != settings_.port) return Refusal::port;
  if (pdu.max_pdu < kLeastPdu || pdu.max_sdu < settings_.least_sdu) return Refusal::maxima;
  if (pdu.identification.size() > CatTpHalfOpen::kMostIdentification) {
    return Refusal::identification;
  }
  return accepting_ ? Refusal::none : Refusal::not_accepting;
}

void CatTpLinks::on_syn(const CatTpPdu& pdu, const CatTpKey& key, std::size_t size, base::Now now) {
  if (size < kRstHeader) return;  // of another version, and smaller than any answer
  const Refusal refusal = refusal_of(pdu, key);
  if (refusal != Refusal::none) return refuse(pdu, key, refusal);
  CatTpHalfOpen::Slot* const slot = half_open_.add(key, now);
  if (slot == nullptr) {  // in silence
    ++counts_.refused;
    counts_.last_refusal = Refusal::many_half_open;
    return;
  }
  slot->own_isn = static_cast<std::uint16_t>(random_());
  slot->peer_isn = pdu.sequence;
  slot->max_pdu = pdu.max_pdu;
  slot->max_sdu = pdu.max_sdu;
  slot->window = pdu.window;
  slot->identification_size = static_cast<std::uint8_t>(pdu.identification.size());
  std::copy(pdu.identification.begin(), pdu.identification.end(), slot->identification);
  answer_syn(*slot);
}

// Only in answer to a SYN, which is no smaller, and not often: nobody can have others flooded. The
// peer repeats its SYN when this gets lost.
void CatTpLinks::answer_syn(CatTpHalfOpen::Slot& slot) {
  if (slot.answers >= kMostSynAnswers) return;
  ++slot.answers;
  CatTpPdu pdu;
  pdu.flags = kSyn | kAck;
  pdu.source = slot.key.ports.own;
  pdu.destination = slot.key.ports.peer;
  pdu.sequence = slot.own_isn;
  pdu.acknowledgement = slot.peer_isn;
  pdu.window = settings_.window;
  pdu.max_pdu = settings_.max_pdu;
  pdu.max_sdu = settings_.max_sdu;
  output_.add(pdu);
  address_to(slot.key.peer);
}

void CatTpLinks::on_half_open(CatTpHalfOpen::Slot& slot, const CatTpPdu& pdu, base::Now now) {
  // Also a SYN with another number: who sent that one answers with an RST that fits.
  if (pdu.is(kSyn)) return answer_syn(slot);
  const int ahead = cat_tp_distance(pdu.sequence, slot.peer_isn);
  const bool ours = pdu.is(kAck) && pdu.acknowledgement == slot.own_isn;
  if (pdu.is(kRst)) {
    if (ours || (ahead == 1 && !pdu.is(kAck))) half_open_.remove(slot);
    return;
  }
  if (!ours || ahead < 1 || ahead > settings_.window + 1) return;
  const CatTp::Opened opened{slot.key.ports, slot.own_isn, slot.peer_isn,
                             slot.max_pdu,   slot.max_sdu, slot.window};
  const auto [place, fresh] =
      links_.try_emplace(slot.key, slot.key.peer, CatTp(settings_, opened, now));
  Link& link = place->second;
  tell(link, What::opened, base::View(slot.identification).first(slot.identification_size));
  half_open_.remove(slot);
  link.machine_.feed(pdu, now, output_);
  if (link.machine_.unfinished()) tell(link, What::begun);
  after(link, false, false);
}

void CatTpLinks::refuse(const CatTpPdu& pdu, const CatTpKey& key, Refusal why) {
  ++counts_.refused;
  counts_.last_refusal = why;
  CatTpPdu rst;
  rst.flags = kRst | kAck;
  rst.source = key.ports.own;
  rst.destination = key.ports.peer;
  // To a SYN/ACK: of an opening that is not ours.
  const bool answers = pdu.version() == 0 && pdu.is(kAck);
  rst.sequence = answers ? static_cast<std::uint16_t>(pdu.acknowledgement + 1) : std::uint16_t{0};
  rst.acknowledgement = pdu.sequence;
  rst.reason = static_cast<std::uint8_t>(reason_of(why));
  output_.add(rst);
  address_to(key.peer);
}

// A peer that believes in a link which is not there learns that at once; but nothing larger is
// sent than came, and an RST is never answered.
void CatTpLinks::stray(const CatTpPdu& pdu, const CatTpKey& key, std::size_t size) {
  ++counts_.stray;
  if (pdu.version() != 0 || pdu.is(kRst) || size < kRstHeader) return;
  CatTpPdu rst;
  rst.flags = kRst | kAck;
  rst.source = key.ports.own;
  rst.destination = key.ports.peer;
  rst.sequence = static_cast<std::uint16_t>(pdu.acknowledgement + 1);
  rst.acknowledgement = pdu.sequence;
  rst.reason = static_cast<std::uint8_t>(CatTpReset::unexpected_pdu);
  output_.add(rst);
  address_to(key.peer);
}

// What a change of the machine means for others.
void CatTpLinks::after(Link& link, bool had_backlog, bool was_readable) {
  address_to(link.peer_);
  if (link.machine_.readable() && !was_readable) tell(link, What::readable);
  if (link.machine_.phase() == CatTp::Phase::closed) {
    if (!link.closed_told_) tell(link, What::closed);
    link.closed_told_ = true;
    return unschedule(link);
  }
  if (had_backlog && link.machine_.backlog() == 0) tell(link, What::writable);
  schedule(link);
}

void CatTpLinks::tell(Link& link, What what, base::View identification) {
  events_.push_back({what, &link, {identification.begin(), identification.end()}});
}

std::optional<CatTpLinks::Event> CatTpLinks::next_event() {
  while (events_taken_ < events_.size()) {
    Event& event = events_[events_taken_++];
    if (event.link != nullptr) return std::move(event);
  }
  events_.clear();
  events_taken_ = 0;
  return std::nullopt;
}

bool CatTpLinks::send(Link& link, base::View sdu, base::Now now) {
  const bool taken = link.machine_.send(sdu, now, output_);
  address_to(link.peer_);
  schedule(link);
  return taken;
}

std::optional<base::Bytes> CatTpLinks::take(Link& link, base::Now now) {
  auto sdu = link.machine_.take(now, output_);
  address_to(link.peer_);
  if (link.machine_.phase() != CatTp::Phase::closed) schedule(link);
  return sdu;
}

void CatTpLinks::close(Link& link, CatTpReset reason, base::Now now) {
  link.machine_.close(reason, now, output_);
  address_to(link.peer_);
  link.closed_told_ = true;
  unschedule(link);
}

void CatTpLinks::release(Link& link, base::Now now) {
  close(link, CatTpReset::normal, now);
  for (Event& event : events_) {
    if (event.link == &link) event.link = nullptr;
  }
  links_.erase(CatTpKey{link.peer_, link.machine_.ports()});
}

// As in the gateway: one place each, at or before the real deadline.
void CatTpLinks::schedule(Link& link) {
  const std::int64_t deadline = link.machine_.deadline();
  if (deadline >= link.scheduled_) return;
  unschedule(link);
  link.scheduled_ = deadline;
  deadlines_.emplace(deadline, &link);
}

void CatTpLinks::unschedule(Link& link) {
  if (link.scheduled_ != CatTp::kNever) deadlines_.erase({link.scheduled_, &link});
  link.scheduled_ = CatTp::kNever;
}

std::int64_t CatTpLinks::deadline() const {
  std::int64_t earliest = deadlines_.empty() ? CatTp::kNever : deadlines_.begin()->first;
  const std::int64_t oldest = half_open_.oldest();
  if (oldest != CatTp::kNever) earliest = std::min(earliest, oldest + settings_.half_open_timeout);
  return earliest;
}

void CatTpLinks::on_deadline(base::Now now) {
  half_open_.expire(now.mono_ms - settings_.half_open_timeout + 1);
  while (!deadlines_.empty() && deadlines_.begin()->first <= now.mono_ms) {
    Link& link = *deadlines_.begin()->second;
    unschedule(link);
    link.machine_.on_deadline(now, output_);
    after(link, link.machine_.backlog() > 0, link.machine_.readable());
  }
}

void CatTpLinks::clear_output() {
  output_.clear();
  output_to_.clear();
}

CatTpLinks::Counts CatTpLinks::counts() const {
  Counts counts = counts_;
  counts.displaced = half_open_.displaced();
  counts.unopened = half_open_.expired();
  return counts;
}

}  // namespace bip
