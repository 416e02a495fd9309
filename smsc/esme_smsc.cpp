#include "smsc/esme_smsc.h"

#include <algorithm>

namespace smsc {

namespace {

using Outcome = vault::SmsOutcome;

constexpr std::size_t kLeastTaken = 32;
constexpr std::int64_t kStable = base::kMinuteMs;          // bound so long: the next delay is short
constexpr std::int64_t kStillBound = 5 * base::kSecondMs;  // least wait after "already bound"

const char* role_name(Role role) {
  return role == Role::receiver      ? "receiver"
         : role == Role::transmitter ? "transmitter"
                                     : "transceiver";
}

std::vector<Role> roles_of(BindMode mode) {
  switch (mode) {
    case BindMode::transmitter_receiver:
      return {Role::transmitter, Role::receiver};
    case BindMode::transmitter:
      return {Role::transmitter};
    case BindMode::receiver:
      return {Role::receiver};
    default:
      return {Role::transceiver};
  }
}

bool wrong_credentials(std::uint32_t status) {
  return status == status::kBindFailed || status == status::kBadPassword ||
         status == status::kBadSystemId;
}

}  // namespace

Smsc::Smsc(std::size_t index, std::shared_ptr<const Settings> settings,
           std::shared_ptr<const TlsContext> tls, const World& world)
    : index_(index),
      settings_(std::move(settings)),
      tls_(std::move(tls)),
      world_(world),
      queue_(settings_),
      random_(std::random_device{}()) {
  for (int i = 0; i < std::max(settings_->binds, 1); ++i) {
    for (const Role role : roles_of(settings_->bind)) {
      Slot slot;
      slot.role = role;
      slot.delay = settings_->reconnect_min;
      slots_.push_back(std::move(slot));
    }
  }
  unusable_since_ = world_.clock.now().mono_ms;
}

void Smsc::connect(Slot& slot) {
  const Conn::Parts parts{world_.context, world_.clock, settings_, tls_,
                          [this] { world_.owner.something_changed(); }};
  slot.conn = std::make_shared<Conn>(parts, slot.role);
  slot.bound_at = -1;
  const bool other = slot.role == Role::receiver;
  const std::string host =
      other && !settings_->receiver_host.empty() ? settings_->receiver_host : settings_->host;
  const std::uint16_t port =
      other && settings_->receiver_port != 0 ? settings_->receiver_port : settings_->port;
  world_.names.look_up(host, port,
                       [conn = slot.conn](Endpoints found) { conn->open(std::move(found)); });
}

void Smsc::pump(base::Now now) {
  for (Slot& slot : slots_) {
    if (slot.conn == nullptr && !draining_ && slot.next_attempt <= now.mono_ms) connect(slot);
    if (slot.conn != nullptr) {
      slot.conn->on_deadline(now);
      look_at(slot, now);
    }
  }
  for (const Outcome& outcome : queue_.expired(now)) world_.owner.outcome(index_, outcome);
  if (!draining_) fill_windows(now);
  for (Slot& slot : slots_) {
    if (slot.conn == nullptr) continue;
    slot.conn->flush();
    look_at(slot, now);
  }
  count_bound(now);
}

void Smsc::look_at(Slot& slot, base::Now now) {
  const std::shared_ptr<Conn> conn = slot.conn;
  if (Link* const link = conn->link()) {
    while (auto event = link->next_event()) on_event(slot, *event, now);
    if (link->phase() == Link::Phase::closed) conn->flush();
  }
  if (conn->ended()) ended(slot, now);
}

void Smsc::on_event(Slot& slot, LinkEvent& event, base::Now now) {
  using Kind = LinkEvent::Kind;
  switch (event.kind) {
    case Kind::bound:
      return on_bound(slot, event, now);
    case Kind::answered:
      return on_answer(slot, event, now);
    case Kind::expired:
    case Kind::unanswered:
      return uncertain(event.token);
    case Kind::late:
      return world_.counters.add("smsc.late_answers");
    case Kind::unsent: {
      auto node = in_flight_.extract(event.token);
      if (!node.empty()) queue_.put_back(std::move(node.mapped()));
      return;
    }
    case Kind::delivered:
      return world_.owner.delivered(index_, slot.conn, event);
    case Kind::alert:
      return world_.owner.alerted(event.alert.source);
    case Kind::closed:
      return;
  }
}

void Smsc::on_answer(Slot& slot, LinkEvent& event, base::Now now) {
  auto node = in_flight_.extract(event.token);
  if (node.empty()) return;
  const Reaction reaction = reaction_of(event.status, settings_->reactions);
  if (event.status == status::kThrottled) world_.counters.add("smsc.throttled");
  const auto outcome =
      queue_.answered(std::move(node.mapped()), event.status, event.message_id, now);
  if (outcome) world_.owner.outcome(index_, *outcome);
  if (reaction == Reaction::rebind) slot.conn->link()->rebind(now);
  set_alarm(refused_.empty() ? queue_.trouble() : refused_);
}

void Smsc::on_bound(Slot& slot, const LinkEvent& event, base::Now now) {
  slot.bound_at = now.mono_ms;
  slot.failing = false;
  last_error_.clear();
  refused_.clear();
  set_alarm(queue_.trouble());
  world_.counters.add("smsc.binds");
  std::string peer;
  for (const char c : event.text) peer.push_back(c > ' ' && c <= '~' ? c : '?');
  world_.log.info("smsc.bound", base::cat(settings_->name, ": bound as ", role_name(slot.role),
                                          peer.empty() ? "" : " to ", peer));
}

void Smsc::uncertain(std::uint64_t token) {
  auto node = in_flight_.extract(token);
  if (node.empty()) return;
  world_.counters.add("smsc.uncertain");
  world_.owner.outcome(index_, queue_.outcome(node.mapped(), Outcome::Kind::uncertain));
}

std::string Smsc::why(const Conn& conn) const {
  const Link* const link = const_cast<Conn&>(conn).link();
  if (link == nullptr) return conn.error();
  switch (link->end()) {
    case Link::End::refused:
      return base::cat("the bind is refused: ", name_of_status(link->refusal_status()));
    case Link::End::bind_timeout:
      return "the bind was not answered";
    case Link::End::no_answer:
      return "the SMSC does not answer any more";
    case Link::End::not_smpp:
      return "what came is not SMPP";
    case Link::End::rebind:
      return "the SMSC says that this link is not bound";
    case Link::End::broken:
      return "system_id or password do not fit into a bind";
    case Link::End::by_us:
      return "unbound";
    default:
      return "closed by the SMSC";
  }
}

// One line per change: a bind that fails again and again is counted.
void Smsc::say_lost(Slot& slot, const std::string& reason, bool was_bound) {
  last_error_ = reason;
  if (!was_bound) world_.counters.add("smsc.failed_binds");
  if (draining_ || (slot.failing && !was_bound)) return;
  slot.failing = true;
  world_.log.warning(was_bound ? "smsc.lost" : "smsc.not_bound",
                     base::cat(settings_->name, ": ", role_name(slot.role),
                               was_bound ? " lost: " : " not bound: ", reason));
}

void Smsc::ended(Slot& slot, base::Now now) {
  const std::shared_ptr<Conn> conn = std::move(slot.conn);
  slot.conn = nullptr;
  const bool was_bound = slot.bound_at >= 0;
  say_lost(slot, why(*conn), was_bound);
  if (was_bound && now.mono_ms - slot.bound_at >= kStable) slot.delay = settings_->reconnect_min;
  const Link* const link = conn->link();
  const bool refused = link != nullptr && link->end() == Link::End::refused;
  const bool broken = link != nullptr && link->end() == Link::End::broken;
  const bool still_bound = refused && link->refusal_status() == status::kAlreadyBound;
  std::int64_t wait = slot.delay;
  std::int64_t least = wait / 2;
  if (broken || (refused && wrong_credentials(link->refusal_status()))) {
    least = wait = settings_->refused_retry;
    refused_ = why(*conn);
    set_alarm(refused_);
  } else {
    if (still_bound) least = wait = std::max(wait, kStillBound);
    slot.delay = std::min(2 * wait, settings_->reconnect_max);
  }
  // Between half and whole, after a refusal between once and one and a half times: instances that
  // lost the SMSC together do not come back together.
  const auto spread = static_cast<std::uint64_t>(wait / 2) + 1;
  slot.next_attempt = now.mono_ms + least + static_cast<std::int64_t>(random_() % spread);
}

void Smsc::set_alarm(const std::string& text) {
  if (alarm_ == text) return;
  alarm_ = text;
  if (!text.empty()) world_.log.error("smsc.trouble", base::cat(settings_->name, ": ", text));
  world_.owner.alarm(index_, text);
}

void Smsc::count_bound(base::Now now) {
  const bool was_usable = usable();
  bound_ = bound_transmitters_ = 0;
  for (const Slot& slot : slots_) {
    const Link* const link = slot.conn ? slot.conn->link() : nullptr;
    if (link == nullptr || link->phase() != Link::Phase::bound) continue;
    ++bound_;
    if (slot.role != Role::receiver) ++bound_transmitters_;
  }
  if (was_usable && !usable()) unusable_since_ = now.mono_ms;
}

void Smsc::fill_windows(base::Now now) {
  for (;;) {
    Link* widest = nullptr;
    for (Slot& slot : slots_) {
      Link* const link = slot.conn ? slot.conn->link() : nullptr;
      if (link == nullptr || link->room() == 0) continue;
      if (widest == nullptr || link->room() > widest->room()) widest = link;
    }
    if (widest == nullptr) return;
    auto segment = queue_.next(now);
    if (!segment) return;
    const std::uint64_t token = ++last_token_;
    const auto written = widest->submit(segment->message, token, now);
    if (!written) {
      world_.counters.add("smsc.not_encodable");
      world_.owner.outcome(index_, queue_.outcome(*segment, Outcome::Kind::refused));
      continue;
    }
    in_flight_.emplace(token, std::move(*segment));
  }
}

std::int64_t Smsc::deadline(base::Now now) const {
  std::int64_t earliest = usable() && !draining_ ? queue_.next_at(now) : Link::kNever;
  // With a full window nothing goes out by time alone.
  if (earliest <= now.mono_ms) earliest = Link::kNever;
  for (const Slot& slot : slots_) {
    if (slot.conn != nullptr) {
      earliest = std::min(earliest, slot.conn->deadline());
    } else if (!draining_) {
      earliest = std::min(earliest, slot.next_attempt);
    }
  }
  return earliest;
}

void Smsc::fail_over(base::Now now, bool elsewhere) {
  if (usable() || !elsewhere || now.mono_ms - unusable_since_ < settings_->failover_after) return;
  for (const Segment& segment : queue_.take_movable()) {
    world_.owner.outcome(index_, queue_.outcome(segment, Outcome::Kind::not_sent));
  }
}

void Smsc::drain(base::Now now) {
  if (draining_) return;
  draining_ = true;
  for (const Outcome& outcome : queue_.take_all()) world_.owner.outcome(index_, outcome);
  for (Slot& slot : slots_) {
    if (slot.conn == nullptr) continue;
    if (Link* const link = slot.conn->link()) {
      link->unbind(now);
    } else {
      slot.conn->close();
    }
  }
}

bool Smsc::drained() const {
  return draining_ && std::all_of(slots_.begin(), slots_.end(),
                                  [](const Slot& slot) { return slot.conn == nullptr; });
}

void Smsc::close_all(base::Now now) {
  drain(now);
  for (Slot& slot : slots_) {
    if (slot.conn == nullptr) continue;
    if (Link* const link = slot.conn->link()) link->close(Link::End::by_us, now);
    look_at(slot, now);
    if (slot.conn != nullptr) {
      slot.conn->close();
      look_at(slot, now);
    }
  }
  // What a closing link gave back as never written.
  for (const Outcome& outcome : queue_.take_all()) world_.owner.outcome(index_, outcome);
}

std::size_t Smsc::limit() const {
  const std::size_t windows = settings_->window * std::max<std::size_t>(bound_transmitters_, 1);
  return std::max(2 * windows, kLeastTaken);
}

vault::SmscState Smsc::state() const {
  vault::SmscState state;
  state.name = settings_->name;
  state.bound = bound_ > 0;
  state.binds = static_cast<std::uint32_t>(bound_);
  state.waiting = static_cast<std::uint32_t>(queue_.size());
  state.in_flight = static_cast<std::uint32_t>(in_flight_.size());
  state.rate = queue_.allowed_rate();
  state.trouble = alarm_.empty() ? last_error_ : alarm_;
  return state;
}

}  // namespace smsc
