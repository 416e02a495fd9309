#include <sys/epoll.h>

#include <chrono>
#include <cmath>

#include "card/park/worker.h"

namespace card::park {
namespace {

constexpr std::uint64_t kLatestCut = 60;  // ms after a step has begun

std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

bool Worker::arrive(std::uint32_t card, bool opening) {
  Slot& slot = slots_[card];
  set_idle_open(slot, false);
  slot.busy = true;
  slot.opening = opening;
  slot.step = 0;
  ++under_way_;
  if (!slot.channel && !open_channel(slot)) {
    fail(slot, Failure::no_channel);
    return false;
  }
  begin_step(slot);
  service(slot);
  return true;
}

bool Worker::open_channel(Slot& slot) {
  const std::uint32_t card = number(slot);
  const std::uint32_t source =
      share_.first_source == 0 ? 0 : share_.first_source + card % share_.sources;
  if (settings_.carrier == Carrier::cat_tp) {
    auto link = hub_.open(share_.cards[card], source, now());
    if (link) link->owner = &slot;
    slot.channel = std::move(link);
  } else {
    slot.channel = open_stream(settings_, share_.cards[card], source, tls_, now());
  }
  if (!slot.channel) return false;
  slot.was_open = false;
  ++stats_.opened;
  if (const int fd = slot.channel->descriptor(); fd >= 0) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT;
    event.data.u64 = card;
    slot.watched_write = true;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }
  return true;
}

std::size_t Worker::draw_size() {
  const double least = std::log(static_cast<double>(settings_.least_size));
  const double most = std::log(static_cast<double>(settings_.most_size));
  if (least >= most) return settings_.least_size;
  return static_cast<std::size_t>(
      std::exp(std::uniform_real_distribution<double>(least, most)(random_)));
}

void Worker::begin_step(Slot& slot) {
  const Step step = slot.opening ? Step::status : settings_.steps[slot.step];
  const std::uint32_t card = number(slot);
  slot.visit = std::make_unique<Visit>(share_.cards[card], share_.memories[card], settings_, step,
                                       draw_size(), random_());
  slot.step_began_us = now_us();
  slot.step_due = now().mono_ms + settings_.timeout_ms;
  if (std::uniform_real_distribution<double>(0, 1)(random_) < settings_.cut) {
    slot.cut_at = now().mono_ms + static_cast<std::int64_t>(random_() % kLatestCut);
  }
  send(slot, slot.visit->begin());
}

void Worker::send(Slot& slot, const std::vector<base::Bytes>& packets) {
  for (const base::Bytes& packet : packets) slot.channel->send(packet, now());
}

// After anything that may have happened to a channel.
void Worker::service(Slot& slot) {
  while (slot.channel) {
    auto answer = slot.channel->answer(now());
    if (!answer) break;
    if (!slot.visit) continue;  // nobody has asked
    send(slot, slot.visit->answer(*answer));
    switch (slot.visit->state()) {
      case Visit::State::going_on:
        break;
      case Visit::State::done:
        step_done(slot);
        break;
      case Visit::State::try_later:
        return fail(slot, Failure::try_later);
      case Visit::State::refused:
        if (slot.visit->key_wanted()) ++stats_.key_wanted;
        return fail(slot, Failure::refused);
      case Visit::State::broken:
        return fail(slot, Failure::broken);
      case Visit::State::lost:
        return fail(slot, Failure::lost);
    }
  }
  if (!slot.channel) return;
  slot.was_open |= slot.channel->state() == Channel::State::open;
  if (slot.channel->state() == Channel::State::closed) {
    const Failure ended = slot.busy ? Failure::cut : Failure::dropped;
    return fail(slot, slot.was_open ? ended : Failure::no_channel);
  }
  watch(slot);
  schedule(slot);
}

void Worker::step_done(Slot& slot) {
  const auto step =
      static_cast<std::size_t>(slot.opening ? Step::status : settings_.steps[slot.step]);
  if (!slot.opening) {
    ++stats_.steps[step];
    stats_.octets += slot.visit->octets();
    stats_.times[step].add(static_cast<std::uint64_t>(now_us() - slot.step_began_us));
  }
  slot.visit.reset();
  slot.step_due = slot.cut_at = Channel::kNever;
  if (slot.opening || ++slot.step >= settings_.steps.size()) return visit_done(slot);
  if (settings_.think_ms == 0) return begin_step(slot);
  const double mean = static_cast<double>(settings_.think_ms);
  const auto think =
      static_cast<std::int64_t>(std::exponential_distribution<double>(1 / mean)(random_));
  slot.next_step_at = now().mono_ms + think;
}

void Worker::visit_done(Slot& slot) {
  --under_way_;
  slot.busy = false;
  if (!slot.opening) ++stats_.visits;
  if (settings_.stay) return set_idle_open(slot, true);
  end_channel(slot);
  away_.push_back(number(slot));
}

void Worker::fail(Slot& slot, Failure failure) {
  ++stats_.failures[static_cast<std::size_t>(failure)];
  if (slot.busy) --under_way_;
  slot.busy = false;
  set_idle_open(slot, false);
  slot.visit.reset();
  if (slot.channel) end_channel(slot);
  // With `stay`, a card whose channel has gone is out: nobody comes back unasked.
  if (!settings_.stay) away_.push_back(number(slot));
}

// The link drops: TCP closes without a word of TLS, of CAT_TP nothing is heard any more.
void Worker::cut(Slot& slot) {
  ++stats_.cuts;
  --under_way_;
  slot.busy = false;
  forget_channel(slot);
  away_.push_back(number(slot));
}

void Worker::end_channel(Slot& slot) {
  slot.channel->close(now());
  forget_channel(slot);
}

void Worker::forget_channel(Slot& slot) {
  slot.channel.reset();
  slot.visit.reset();
  slot.step_due = slot.next_step_at = slot.cut_at = Channel::kNever;
  schedule(slot);
  ++stats_.closed;
}

void Worker::set_idle_open(Slot& slot, bool yes) {
  constexpr std::uint32_t kNowhere = UINT32_MAX;
  const std::uint32_t card = number(slot);
  if (yes) {
    slot.place = static_cast<std::uint32_t>(idle_.size());
    idle_.push_back(card);
    return;
  }
  const bool there = slot.place < idle_.size() && idle_[slot.place] == card;
  if (!there) return;
  idle_[slot.place] = idle_.back();
  slots_[idle_[slot.place]].place = slot.place;
  idle_.pop_back();
  slot.place = kNowhere;
}

}  // namespace card::park
