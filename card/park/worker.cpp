#include "card/park/worker.h"

#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <new>

#include "base/crypto.h"
#include "card/tls_end.h"

namespace card::park {
namespace {

constexpr std::int64_t kLongestWait = 100;        // ms: how late a word of the parent is heard
constexpr std::int64_t kLastVisits = 20'000;      // ms that visits under way get at the end
constexpr std::uint64_t kHubSocket = 1ULL << 32;  // epoll's word for a descriptor of the hub

std::int64_t cpu_us() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto us = [](const timeval& time) { return time.tv_sec * 1'000'000LL + time.tv_usec; };
  return us(usage.ru_utime) + us(usage.ru_stime);
}

}  // namespace

Worker::Worker(const Settings& settings, const Share& share, Stats& stats, const Control& control)
    : settings_(settings),
      share_(share),
      stats_(stats),
      control_(control),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      hub_(settings, [this](CatTpLink& link) { service(*static_cast<Slot*>(link.owner)); }),
      slots_(share.cards.size()),
      random_(base::random_number()) {
  if (epoll_ < 0) throw std::bad_alloc();
  if (settings.carrier == Carrier::tls_psk) tls_ = TlsEnd::make_context();
  for (std::uint32_t i = 0; i < slots_.size(); ++i) away_.push_back(i);
  if (settings.stay) to_open_ = slots_.size();
}

Worker::~Worker() {
  for (Slot& slot : slots_) slot.channel.reset();  // before the hub that they hang on
  ::close(epoll_);
}

void Worker::run() {
  next_arrival_ms_ = static_cast<double>(now().mono_ms);
  if (!settings_.stay) begin_measured();
  while (!finished()) turn();
  end_measured();
  const std::int64_t give_up = now().mono_ms + kLastVisits;
  while (under_way_ > 0 && now().mono_ms < give_up && !control_.stop) wait(give_up);
  for (Slot& slot : slots_) {
    if (slot.busy && !slot.opening && !control_.stop) ++stats_.unended;
    if (slot.channel) end_channel(slot);
  }
}

void Worker::begin_measured() {
  measured_since_ = now().mono_ms;
  next_arrival_ms_ = static_cast<double>(measured_since_);
  cpu_before_us_ = cpu_us();
}

void Worker::end_measured() {
  if (measured_since_ == Channel::kNever) return;
  stats_.measured_ms = static_cast<std::uint64_t>(now().mono_ms - measured_since_);
  stats_.cpu_us = static_cast<std::uint64_t>(cpu_us() - cpu_before_us_);
  stats_.keep_measured();
}

bool Worker::may_arrive() const {
  return measured_since_ != Channel::kNever && (settings_.visits == 0 || begun_ < settings_.visits);
}

bool Worker::finished() const {
  if (control_.stop) return true;
  if (measured_since_ == Channel::kNever) return false;
  const auto limit = static_cast<std::int64_t>(settings_.seconds * 1000);
  if (settings_.seconds > 0 && now().mono_ms - measured_since_ >= limit) return true;
  if (settings_.stay && idle_.empty() && under_way_ == 0) return true;  // no channel is left
  return settings_.visits > 0 && begun_ >= settings_.visits && under_way_ == 0;
}

void Worker::turn() {
  if (measured_since_ == Channel::kNever) {
    open_some();
    const bool all = to_open_ == 0 && under_way_ == 0;
    if (all) stats_.all_open = true;
    if (all && control_.go) begin_measured();
  }
  arrivals();
  std::int64_t until = now().mono_ms + kLongestWait;
  const bool timed = (settings_.rate > 0 && may_arrive()) || to_open_ > 0;
  if (timed) until = std::min(until, static_cast<std::int64_t>(next_arrival_ms_));
  wait(until);
}

// With `stay`: channels at a steady rate.
void Worker::open_some() {
  const std::int64_t at = now().mono_ms;
  while (to_open_ > 0 && next_arrival_ms_ <= static_cast<double>(at)) {
    next_arrival_ms_ += 1000 / settings_.open_rate;
    --to_open_;
    const std::uint32_t card = away_.front();
    away_.pop_front();
    arrive(card, true);
  }
}

void Worker::arrivals() {
  const std::int64_t at = now().mono_ms;
  while (may_arrive()) {
    const bool by_rate = settings_.rate > 0;
    if (by_rate ? next_arrival_ms_ > static_cast<double>(at) : under_way_ >= settings_.at_once) {
      return;
    }
    if (by_rate) {
      next_arrival_ms_ += std::exponential_distribution<double>(settings_.rate / 1000)(random_);
    }
    const auto card = under_way_ < settings_.at_once ? next_card() : std::nullopt;
    if (card) {
      ++begun_;
      if (!arrive(*card, false)) return;
    } else if (by_rate) {
      ++stats_.failures[static_cast<std::size_t>(Failure::no_card)];
    } else {
      return;
    }
  }
}

std::optional<std::uint32_t> Worker::next_card() {
  if (settings_.stay) {
    if (idle_.empty()) return std::nullopt;
    return idle_[random_() % idle_.size()];
  }
  if (away_.empty()) return std::nullopt;
  const std::uint32_t card = away_.front();
  away_.pop_front();
  return card;
}

void Worker::wait(std::int64_t until_ms) {
  const auto descriptors = hub_.descriptors();
  if (descriptors.size() != watched_sockets_) {
    for (const int fd : descriptors) {
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.u64 = kHubSocket | static_cast<std::uint32_t>(fd);
      ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);  // fails for those that are there
    }
    watched_sockets_ = descriptors.size();
  }
  std::int64_t until = std::min(until_ms, hub_.deadline());
  if (!deadlines_.empty()) until = std::min(until, deadlines_.begin()->first);
  const auto wait_ms =
      static_cast<int>(std::clamp<std::int64_t>(until - now().mono_ms, 0, kLongestWait));
  std::array<epoll_event, 256> events;
  const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), wait_ms);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    if ((event.data.u64 & kHubSocket) != 0) {
      hub_.on_readable(static_cast<int>(event.data.u64 & 0xFFFFFFFF), now());
      continue;
    }
    Slot& slot = slots_[event.data.u64];
    if (!slot.channel || slot.channel->descriptor() < 0) continue;
    const bool broken = (event.events & (EPOLLERR | EPOLLHUP)) != 0;
    slot.channel->on_ready(broken || (event.events & EPOLLIN) != 0,
                           broken || (event.events & EPOLLOUT) != 0, now());
    service(slot);
  }
  if (hub_.deadline() <= now().mono_ms) hub_.on_deadline(now());
  const std::int64_t at = now().mono_ms;
  while (!deadlines_.empty() && deadlines_.begin()->first <= at) {
    Slot& slot = slots_[deadlines_.begin()->second];
    deadlines_.erase(deadlines_.begin());
    slot.scheduled = Channel::kNever;
    on_deadline(slot);
  }
}

void Worker::on_deadline(Slot& slot) {
  if (!slot.channel) return;
  const std::int64_t at = now().mono_ms;
  if (slot.channel->deadline() <= at) slot.channel->on_deadline(now());
  if (slot.next_step_at <= at) {
    slot.next_step_at = Channel::kNever;
    begin_step(slot);
  }
  if (slot.cut_at <= at) return cut(slot);
  if (slot.step_due <= at) return fail(slot, Failure::timeout);
  service(slot);
}

void Worker::schedule(Slot& slot) {
  const std::int64_t due =
      slot.channel
          ? std::min({slot.channel->deadline(), slot.step_due, slot.next_step_at, slot.cut_at})
          : Channel::kNever;
  if (due == slot.scheduled) return;
  // A deadline that only moves away is looked at again when the old one comes.
  if (due > slot.scheduled && slot.channel) return;
  if (slot.scheduled != Channel::kNever) deadlines_.erase({slot.scheduled, number(slot)});
  slot.scheduled = due;
  if (due != Channel::kNever) deadlines_.emplace(due, number(slot));
}

void Worker::watch(Slot& slot) {
  const int fd = slot.channel ? slot.channel->descriptor() : -1;
  if (fd < 0 || slot.channel->wants_write() == slot.watched_write) return;
  slot.watched_write = !slot.watched_write;
  epoll_event event{};
  event.events = EPOLLIN | (slot.watched_write ? EPOLLOUT : 0u);
  event.data.u64 = number(slot);
  ::epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event);
}

}  // namespace card::park
