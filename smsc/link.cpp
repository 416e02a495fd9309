#include "smsc/link.h"

#include <algorithm>

#include "base/log.h"

namespace smsc {

namespace {

constexpr std::size_t kExpiredRemembered = 1'024;
constexpr std::size_t kUnansweredMost = 10'000;  // messages of one peer that wait for our answer
constexpr int kDeafAfter = 3;  // response times and expiries without any answer to a submit

std::uint32_t bind_command(Role role) {
  switch (role) {
    case Role::transmitter:
      return command::kBindTransmitter;
    case Role::receiver:
      return command::kBindReceiver;
    default:
      return command::kBindTransceiver;
  }
}

Bind bind_of(const Settings& settings, Role role) {
  const bool other = role == Role::receiver;
  const auto pick = [&](const std::string& own, const std::string& common) {
    return other && !own.empty() ? own : common;
  };
  Bind bind;
  bind.system_id = pick(settings.receiver_system_id, settings.system_id);
  const Password& password =
      other && settings.receiver_password ? settings.receiver_password : settings.password;
  if (password) bind.password = password->clone();
  bind.system_type = settings.system_type;
  bind.address_range = settings.address_range;
  return bind;
}

LinkEvent about(LinkEvent::Kind kind, std::uint64_t token) {
  LinkEvent event;
  event.kind = kind;
  event.token = token;
  return event;
}

}  // namespace

Link::Link(std::shared_ptr<const Settings> settings, Role role, base::Now now)
    : settings_(std::move(settings)), role_(role), framer_(settings_->max_pdu) {
  last_heard_ = last_answer_ = now.mono_ms;
  phase_deadline_ = now.mono_ms + settings_->bind_timeout;
  bind_sequence_ = next_sequence();
  const auto built =
      append_bind(output_, bind_command(role_), bind_sequence_, bind_of(*settings_, role_));
  if (!built) {
    end_text_ = built.error();
    close(End::broken, now);
  }
}

std::uint32_t Link::next_sequence() {
  // 1 to 7FFFFFFF (5.1.4). One that is still waited for is not used again.
  do {
    last_sequence_ = last_sequence_ >= 0x7FFFFFFF ? 1 : last_sequence_ + 1;
  } while (pending_.count(last_sequence_) != 0);
  return last_sequence_;
}

void Link::feed(base::View octets, base::Now now) {
  if (phase_ == Phase::closed) return;
  framer_.feed(octets);
  while (phase_ != Phase::closed) {
    const auto frame = framer_.next();
    if (!frame) break;
    last_heard_ = now.mono_ms;
    on_frame(*frame, now);
  }
  if (phase_ == Phase::closed || !framer_.broken()) return;
  nack(framer_.bad_header(), status::kBadCommandLength);
  end_text_ = framer_.complaint();
  close(End::not_smpp, now);
}

void Link::on_frame(const Frame& frame, base::Now now) {
  if ((frame.header.command & command::kResponse) != 0) {
    on_answer(frame, now);
  } else {
    on_request(frame, now);
  }
}

// The sequence number says which request is answered; the command id of some SMSCs' answers is not
// the one that belongs to it, and generic_nack is an answer to anything.
void Link::on_answer(const Frame& frame, base::Now now) {
  const std::uint32_t sequence = frame.header.sequence;
  if (phase_ == Phase::binding && sequence == bind_sequence_) return on_bind_answer(frame, now);
  if (sequence != 0 && sequence == enquire_sequence_) {
    enquire_sequence_ = 0;  // also a nack shows that somebody is there
    enquire_deadline_ = kNever;
    return;
  }
  if (phase_ == Phase::unbinding && sequence != 0 && sequence == unbind_sequence_) {
    return close(End::by_us, now);
  }
  on_submit_answer(frame, now);
}

void Link::on_bind_answer(const Frame& frame, base::Now now) {
  const bool nacked = frame.header.command == command::kGenericNack;
  if (nacked || frame.header.status != status::kOk) {
    refusal_status_ = frame.header.status;
    return close(End::refused, now);
  }
  phase_ = Phase::bound;
  phase_deadline_ = kNever;
  LinkEvent bound = about(LinkEvent::Kind::bound, 0);
  bound.text = decode_bind_answer(frame).system_id;
  event(std::move(bound));
}

void Link::on_submit_answer(const Frame& frame, base::Now now) {
  const std::uint32_t sequence = frame.header.sequence;
  const auto found = pending_.find(sequence);
  LinkEvent answer;
  if (found != pending_.end()) {
    answer = about(LinkEvent::Kind::answered, found->second.token);
    pending_.erase(found);
    forget_answered();
  } else {
    const auto late = std::find_if(expired_.begin(), expired_.end(),
                                   [&](const auto& entry) { return entry.first == sequence; });
    if (late == expired_.end()) {
      ++counts_.stray_answers;
      return;
    }
    answer = about(LinkEvent::Kind::late, late->second);
    expired_.erase(late);
    ++counts_.late_answers;
  }
  last_answer_ = now.mono_ms;
  expiries_ = 0;
  answer.status = frame.header.status;
  // A nack without a status would be no refusal; it is one (4.3.1).
  if (frame.header.command == command::kGenericNack && answer.status == status::kOk) {
    answer.status = status::kSystemError;
  }
  answer.message_id = decode_message_id(frame);
  event(std::move(answer));
  go_on_ending(now);
}

void Link::on_request(const Frame& frame, base::Now now) {
  const Header& header = frame.header;
  switch (header.command) {
    case command::kEnquireLink:
      return say(header.command | command::kResponse, status::kOk, header.sequence);
    case command::kUnbind:
      peers_unbind_ = header.sequence;
      end_text_ = "the SMSC has unbound";
      if (phase_ == Phase::binding) return close(End::by_peer, now);
      return leave(End::by_peer, settings_->unbind_timeout, now);
    case command::kDeliverSm:
    case command::kDataSm:
      return on_message(frame);
    case command::kAlertNotification: {
      auto alert = decode_alert(frame);
      if (!alert) {
        ++counts_.odd_pdus;  // it has no answer
        return;
      }
      LinkEvent heard = about(LinkEvent::Kind::alert, 0);
      heard.alert = alert.take();
      return event(std::move(heard));
    }
    case command::kOutbind:
      return;  // we are bound already, or about to be
    default:
      return nack(header, status::kUnknownCommand);
  }
}

void Link::on_message(const Frame& frame) {
  const Header& header = frame.header;
  if (phase_ == Phase::binding) {
    return append_delivered(output_, header.command, status::kBadBindState, header.sequence);
  }
  auto decoded = decode_message(frame);
  if (!decoded) {
    ++counts_.nacked;
    return append_delivered(output_, header.command, status::kSystemError, header.sequence);
  }
  if (decoded->odd) ++counts_.odd_pdus;
  // A number that is used twice at a time: the second message would take away the first one's
  // answer.
  if (deliveries_.size() >= kUnansweredMost ||
      !deliveries_.emplace(header.sequence, header.command).second) {
    return append_delivered(output_, header.command, status::kThrottled, header.sequence);
  }
  LinkEvent delivered = about(LinkEvent::Kind::delivered, 0);
  delivered.sequence = header.sequence;
  delivered.message = std::move(decoded->message);
  event(std::move(delivered));
}

void Link::say(std::uint32_t command, std::uint32_t status, std::uint32_t sequence) {
  append_header(output_, command, status, sequence);
}

void Link::nack(const Header& header, std::uint32_t status) {
  ++counts_.nacked;
  say(command::kGenericNack, status, header.sequence);
}

std::size_t Link::room() const {
  if (phase_ != Phase::bound || role_ == Role::receiver) return 0;
  const std::size_t window = std::max<std::size_t>(settings_->window, 1);
  return window > pending_.size() ? window - pending_.size() : 0;
}

base::Status Link::submit(const SubmitSm& message, std::uint64_t token, base::Now now) {
  if (room() == 0) return base::Error{"smpp: the window is full"};
  const std::uint64_t begins_at = consumed_ + output().size();
  const std::uint32_t sequence = next_sequence();
  auto built = packer_.append(output_, sequence, message);
  if (!built) return built;
  // A window that expired as a whole leaves none pending, and is no new beginning.
  if (pending_.empty() && expiries_ == 0) last_answer_ = now.mono_ms;
  pending_.emplace(sequence, Pending{token, now.mono_ms + settings_->response_timeout, begins_at});
  pending_order_.push_back(sequence);
  return {};
}

void Link::deliver_result(std::uint32_t sequence, std::uint32_t status, base::Now now) {
  const auto found = deliveries_.find(sequence);
  if (found == deliveries_.end() || phase_ == Phase::closed) return;
  append_delivered(output_, found->second, status, sequence);
  deliveries_.erase(found);
  go_on_ending(now);
}

void Link::consume(std::size_t octets) {
  sent_ += octets;
  consumed_ += octets;
  if (sent_ == output_.size()) {
    output_.clear();
    sent_ = 0;
  } else if (sent_ > 64 * 1024) {
    output_.erase(output_.begin(), output_.begin() + static_cast<std::ptrdiff_t>(sent_));
    sent_ = 0;
  }
}

std::optional<LinkEvent> Link::next_event() {
  if (events_.empty()) return std::nullopt;
  LinkEvent first = std::move(events_.front());
  events_.pop_front();
  return first;
}

std::int64_t Link::deadline() const {
  if (phase_ == Phase::closed) return kNever;
  std::int64_t earliest = std::min(phase_deadline_, enquire_deadline_);
  if (!pending_order_.empty()) {
    earliest = std::min(earliest, pending_.at(pending_order_.front()).expires_at);
  }
  if (phase_ == Phase::bound && settings_->enquire_link > 0 && enquire_sequence_ == 0) {
    earliest = std::min(earliest, last_heard_ + settings_->enquire_link);
  }
  return earliest;
}

void Link::on_deadline(base::Now now) {
  if (phase_ == Phase::closed) return;
  if (phase_deadline_ <= now.mono_ms) {
    return close(phase_ == Phase::binding ? End::bind_timeout : ends_as_, now);
  }
  if (enquire_deadline_ <= now.mono_ms) {
    end_text_ = "enquire_link was not answered";
    return close(End::no_answer, now);
  }
  expire(now);
  if (phase_ == Phase::bound) enquire(now);
}

void Link::forget_answered() {
  while (!pending_order_.empty() && pending_.count(pending_order_.front()) == 0) {
    pending_order_.pop_front();
  }
}

void Link::expire(base::Now now) {
  bool any = false;
  while (!pending_order_.empty()) {
    const auto found = pending_.find(pending_order_.front());
    if (found->second.expires_at > now.mono_ms) break;
    event(about(LinkEvent::Kind::expired, found->second.token));
    expired_.emplace_back(found->first, found->second.token);
    if (expired_.size() > kExpiredRemembered) expired_.pop_front();
    pending_.erase(found);
    forget_answered();
    any = true;
  }
  if (!any) return;
  // Other traffic may go on while no submit is ever answered.
  ++expiries_;
  if (expiries_ >= kDeafAfter &&
      now.mono_ms - last_answer_ >= kDeafAfter * settings_->response_timeout) {
    end_text_ = "no submit_sm was answered";
    return close(End::no_answer, now);
  }
  go_on_ending(now);
}

void Link::enquire(base::Now now) {
  if (settings_->enquire_link <= 0 || enquire_sequence_ != 0) return;
  if (now.mono_ms - last_heard_ < settings_->enquire_link) return;
  enquire_sequence_ = next_sequence();
  enquire_deadline_ = now.mono_ms + settings_->enquire_timeout;
  say(command::kEnquireLink, status::kOk, enquire_sequence_);
}

void Link::unbind(base::Now now) {
  if (phase_ == Phase::binding) return close(End::by_us, now);
  if (phase_ != Phase::bound) return;
  phase_ = Phase::unbinding;
  ends_as_ = End::by_us;
  phase_deadline_ = now.mono_ms + settings_->response_timeout + settings_->unbind_timeout;
  go_on_ending(now);
}

void Link::rebind(base::Now now) {
  if (phase_ == Phase::bound) leave(End::rebind, settings_->response_timeout, now);
}

// What is outstanding is most often on its way: whoever closes now never learns of it.
void Link::leave(End end, std::int64_t at_most, base::Now now) {
  phase_ = Phase::leaving;
  ends_as_ = end;
  phase_deadline_ = std::min(phase_deadline_, now.mono_ms + at_most);
  go_on_ending(now);
}

void Link::go_on_ending(base::Now now) {
  if (!pending_.empty() || !deliveries_.empty()) return;
  if (phase_ == Phase::leaving) return close(ends_as_, now);
  if (phase_ != Phase::unbinding || unbind_sequence_ != 0) return;
  unbind_sequence_ = next_sequence();
  phase_deadline_ = now.mono_ms + settings_->unbind_timeout;
  say(command::kUnbind, status::kOk, unbind_sequence_);
}

void Link::connection_lost(base::Now now) {
  if (phase_ == Phase::closed) return;
  if (end_text_.empty()) end_text_ = "the connection was closed by the other side";
  close(ends_as_, now);
}

void Link::end_pending() {
  for (const std::uint32_t sequence : pending_order_) {
    const auto found = pending_.find(sequence);
    if (found == pending_.end()) continue;
    const bool written = found->second.begins_at < consumed_;
    event(about(written ? LinkEvent::Kind::unanswered : LinkEvent::Kind::unsent,
                found->second.token));
  }
  pending_.clear();
  pending_order_.clear();
}

void Link::close(End end, base::Now) {
  if (phase_ == Phase::closed) return;
  phase_ = Phase::closed;
  end_ = end;
  if (peers_unbind_) say(command::kUnbind | command::kResponse, status::kOk, *peers_unbind_);
  end_pending();
  deliveries_.clear();
  LinkEvent closed = about(LinkEvent::Kind::closed, 0);
  closed.status = refusal_status_;
  closed.text = end_text_;
  event(std::move(closed));
}

}  // namespace smsc
