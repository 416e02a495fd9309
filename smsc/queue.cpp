#include "smsc/queue.h"

#include <algorithm>
#include <cmath>

#include "base/log.h"
#include "smsc/receipt.h"

namespace smsc {

namespace {

using Outcome = vault::SmsOutcome;

constexpr std::int64_t kRaiseEvery = base::kSecondMs;
constexpr std::uint32_t kSlowTries = 3;  // of Reaction::retry_slowly
constexpr std::int64_t kSlowFactor = 6;  // and how much longer it waits
constexpr double kLowest = 1;            // segments a second

}  // namespace

Queue::Queue(std::shared_ptr<const Settings> settings)
    : settings_(std::move(settings)), rate_(settings_->rate) {}

void Queue::push(Segment segment) {
  segment.order = ++last_order_;
  put_back(std::move(segment));
}

void Queue::put_back(Segment segment) {
  expiry_ = std::min(expiry_, segment.give_up_at);
  const std::uint64_t order = segment.order;
  ready_.emplace(order, std::move(segment));
}

// A tenth of a second's worth may go at once: an SMSC that counts by the second never sees more
// than the rate and that.
void Queue::refill(base::Now now) {
  if (rate_ <= 0) return;
  if (now.mono_ms - raised_at_ >= kRaiseEvery && now.mono_ms >= hold_until_) {
    const double top = settings_->rate > 0 ? settings_->rate : ceiling_;
    raised_at_ = now.mono_ms;
    if (rate_ < top) rate_ = std::min(top, rate_ + std::max(1.0, top / 20));
    if (settings_->rate == 0 && rate_ >= top) {
      rate_ = 0;
      return;
    }
  }
  const auto passed = static_cast<double>(now.mono_ms - refilled_at_);
  refilled_at_ = now.mono_ms;
  allowance_ = std::min(std::max(1.0, rate_ / 10), allowance_ + passed * rate_ / 1000);
}

void Queue::promote(base::Now now) {
  while (!later_.empty() && later_.begin()->first <= now.mono_ms) {
    auto node = later_.extract(later_.begin());
    push(std::move(node.mapped()));
  }
}

std::optional<Segment> Queue::next(base::Now now) {
  promote(now);
  refill(now);
  if (ready_.empty() || held(now)) return std::nullopt;
  // A fraction too little is rounding, and would be waited for in vain.
  if (rate_ > 0 && allowance_ < 0.999) return std::nullopt;
  auto node = ready_.extract(ready_.begin());
  Segment segment = std::move(node.mapped());
  if (rate_ > 0) allowance_ -= segment.cost;
  if (now.mono_ms - counted_from_ >= base::kSecondMs) {
    counted_before_ = now.mono_ms - counted_from_ < 2 * base::kSecondMs ? counted_ : 0;
    counted_from_ = now.mono_ms;
    counted_ = 0;
  }
  counted_ += segment.cost;
  return segment;
}

std::int64_t Queue::next_at(base::Now now) const {
  std::int64_t at = later_.empty() ? kNever : later_.begin()->first;
  if (ready_.empty()) return at;
  std::int64_t ready = std::max(now.mono_ms, hold_until_);
  if (rate_ > 0 && allowance_ < 0.999) {
    const auto wait = static_cast<std::int64_t>(std::ceil((1 - allowance_) * 1000 / rate_));
    ready = std::max(ready, refilled_at_ + wait);
  }
  return std::min(at, ready);
}

// Every answer of one window says so: the rate goes down once for all of them.
void Queue::throttle(base::Now now) {
  if (held(now)) return;
  const double sent = std::max(counted_, counted_before_);
  const double before = rate_ > 0 ? rate_ : std::max(sent, 2 * kLowest);
  if (settings_->rate == 0) ceiling_ = std::max(ceiling_, 4 * before);
  rate_ = std::max(kLowest, before / 2);
  allowance_ = std::min(allowance_, 1.0);
  hold_until_ = now.mono_ms + settings_->throttle_hold;
  raised_at_ = refilled_at_ = hold_until_;
}

// Each time twice as long. Nothing: it waits; else it has been tried often enough.
std::optional<Outcome> Queue::repeat_later(Segment segment, std::uint32_t most_tries,
                                           std::int64_t factor, base::Now now) {
  if (segment.tries >= most_tries) return refused(segment, segment.last_status, false);
  const std::int64_t delay = factor * (settings_->retry_after << std::min(segment.tries, 10u));
  ++segment.tries;
  expiry_ = std::min(expiry_, segment.give_up_at);
  later_.emplace(now.mono_ms + delay, std::move(segment));
  return std::nullopt;
}

Outcome Queue::outcome(const Segment& segment, Outcome::Kind kind) const {
  Outcome outcome;
  outcome.ref = segment.ref;
  outcome.segment = segment.number;
  outcome.segments = segment.total;
  outcome.kind = kind;
  outcome.smsc = settings_->name;
  return outcome;
}

Outcome Queue::refused(const Segment& segment, std::uint32_t status, bool bad_number) const {
  Outcome made = outcome(segment, Outcome::Kind::refused);
  made.status = status;
  made.bad_number = bad_number;
  return made;
}

std::optional<Outcome> Queue::answered(Segment segment, std::uint32_t status,
                                       std::string_view message_id, base::Now now) {
  const Reaction reaction = reaction_of(status, settings_->reactions);
  switch (reaction) {
    case Reaction::ok: {
      trouble_.clear();
      Outcome accepted = outcome(segment, Outcome::Kind::accepted);
      accepted.message_id = submitted_id(message_id, settings_->id_match);
      return accepted;
    }
    case Reaction::throttled:
      throttle(now);
      put_back(std::move(segment));
      return std::nullopt;
    case Reaction::rebind:
      put_back(std::move(segment));
      return std::nullopt;
    case Reaction::retry:
    case Reaction::queue_full:
      segment.last_status = status;
      return repeat_later(std::move(segment), settings_->retries, 1, now);
    case Reaction::retry_slowly:
      segment.last_status = status;
      return repeat_later(std::move(segment), std::min(settings_->retries, kSlowTries), kSlowFactor,
                          now);
    case Reaction::bad_source:
      trouble_ = base::cat("refuses our source address (", name_of_status(status), ")");
      return refused(segment, status, false);
    default:
      return refused(segment, status, reaction == Reaction::bad_number);
  }
}

// What the SMSC has said no to until its time was over was refused. What it has only put off
// (throttled, not bound), or never seen, was not.
Outcome Queue::given_up(const Segment& segment) const {
  if (segment.last_status != 0) return refused(segment, segment.last_status, false);
  return outcome(segment, Outcome::Kind::not_sent);
}

std::vector<Outcome> Queue::expired(base::Now now) {
  std::vector<Outcome> outcomes;
  if (now.mono_ms < expiry_) return outcomes;
  expiry_ = kNever;
  const auto sift = [&](auto& segments) {
    for (auto entry = segments.begin(); entry != segments.end();) {
      if (entry->second.give_up_at > now.mono_ms) {
        expiry_ = std::min(expiry_, entry->second.give_up_at);
        ++entry;
        continue;
      }
      outcomes.push_back(given_up(entry->second));
      entry = segments.erase(entry);
    }
  };
  sift(ready_);
  sift(later_);
  return outcomes;
}

std::vector<Segment> Queue::take_movable() {
  std::vector<Segment> moved;
  const auto take = [&](auto& segments) {
    for (auto entry = segments.begin(); entry != segments.end();) {
      if (entry->second.pinned) {
        ++entry;
        continue;
      }
      moved.push_back(std::move(entry->second));
      entry = segments.erase(entry);
    }
  };
  take(ready_);
  take(later_);
  return moved;
}

std::vector<Outcome> Queue::take_all() {
  std::vector<Outcome> outcomes;
  const auto give_back = [&](const auto& entry) {
    outcomes.push_back(outcome(entry.second, Outcome::Kind::not_sent));
  };
  std::for_each(ready_.begin(), ready_.end(), give_back);
  std::for_each(later_.begin(), later_.end(), give_back);
  ready_.clear();
  later_.clear();
  return outcomes;
}

std::uint32_t Queue::allowed_rate() const {
  return rate_ <= 0 ? 0 : static_cast<std::uint32_t>(std::lround(std::max(rate_, kLowest)));
}

}  // namespace smsc
