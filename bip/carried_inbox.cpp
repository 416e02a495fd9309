#include "bip/carried_inbox.h"

#include <algorithm>
#include <utility>

namespace bip {

template <class F>
CarriedInbox::Taken CarriedInbox::with(std::uint64_t id, F f) {
  const std::lock_guard lock(mutex_);
  if (!wake_) return Taken::stopped;
  const auto found = channels_.find(id);
  return found == channels_.end() ? Taken::unknown : f(found->second);
}

// Under the lock. Throws before anything has changed, or not at all.
void CarriedInbox::tell(std::uint64_t id, Channel& channel) {
  if (!channel.told) news_.push_back(id);
  channel.told = true;
  if (woken_) return;
  wake_();
  woken_ = true;
}

CarriedInbox::Taken CarriedInbox::open(Opening opening) {
  const std::lock_guard lock(mutex_);
  if (!wake_) return Taken::stopped;
  if (channels_.contains(opening.id)) return Taken::invalid;
  const bool full = channels_.size() >= limits_.channels || untold_ >= kMostUntold;
  if (!accepting_ || full) return Taken::busy;
  const std::uint64_t id = opening.id;
  Channel& channel = channels_[id];
  try {
    channel.opening = std::move(opening);
    tell(id, channel);
  } catch (...) {
    channels_.erase(id);
    std::erase(news_, id);
    throw;
  }
  ++untold_;
  return Taken::yes;
}

CarriedInbox::Taken CarriedInbox::feed(std::uint64_t id, base::View octets) {
  if (octets.size() > kLargestPiece) return Taken::invalid;
  return with(id, [&](Channel& channel) {
    if (channel.ended) return Taken::invalid;
    const std::size_t held = channel.octets.size() - channel.taken;
    if (held > 0 && held + octets.size() > limits_.octets) {
      channel.was_busy = true;
      return Taken::busy;
    }
    tell(id, channel);
    if (channel.taken > 0) {
      channel.octets.erase(channel.octets.begin(),
                           channel.octets.begin() + static_cast<long>(channel.taken));
      channel.taken = 0;
    }
    channel.octets.insert(channel.octets.end(), octets.begin(), octets.end());
    return Taken::yes;
  });
}

CarriedInbox::Taken CarriedInbox::writable(std::uint64_t id) {
  return with(id, [&](Channel& channel) {
    channel.writable = true;
    tell(id, channel);
    return Taken::yes;
  });
}

CarriedInbox::Taken CarriedInbox::ended(std::uint64_t id, bool gone) {
  return with(id, [&](Channel& channel) {
    channel.ended = true;
    channel.gone |= gone;
    tell(id, channel);
    return Taken::yes;
  });
}

void CarriedInbox::listen(const Limits& limits, std::function<void()> wake) {
  const std::lock_guard lock(mutex_);
  channels_.clear();
  news_.clear();
  limits_ = limits;
  wake_ = std::move(wake);
  untold_ = 0;
  accepting_ = true;
  woken_ = false;
}

std::vector<std::uint64_t> CarriedInbox::hang_up() {
  const std::lock_guard lock(mutex_);
  std::vector<std::uint64_t> untold;
  for (const auto& [id, channel] : channels_) {
    if (channel.opening && !channel.gone) untold.push_back(id);
  }
  channels_.clear();
  news_.clear();
  wake_ = nullptr;
  return untold;
}

void CarriedInbox::accept(bool yes) {
  const std::lock_guard lock(mutex_);
  accepting_ = yes;
}

void CarriedInbox::set_limits(const Limits& limits) {
  const std::lock_guard lock(mutex_);
  limits_ = limits;
}

std::vector<CarriedInbox::News> CarriedInbox::news() {
  const std::lock_guard lock(mutex_);
  std::vector<News> all;
  try {
    all.reserve(std::min(news_.size(), kMostNews));
  } catch (...) {
    woken_ = false;  // the next who tells something wakes again
    throw;
  }
  while (!news_.empty() && all.size() < kMostNews) {
    const std::uint64_t id = news_.front();
    news_.pop_front();
    const auto found = channels_.find(id);
    if (found == channels_.end()) continue;  // forgotten meanwhile
    Channel& channel = found->second;
    if (channel.opening) --untold_;
    all.push_back({id, std::exchange(channel.opening, std::nullopt),
                   std::exchange(channel.writable, false), channel.ended, channel.gone});
    channel.told = false;
  }
  woken_ = !news_.empty();
  if (woken_) wake_();
  return all;
}

CarriedInbox::Piece CarriedInbox::take(std::uint64_t id, std::size_t most) {
  const std::lock_guard lock(mutex_);
  Piece piece;
  const auto found = channels_.find(id);
  if (found == channels_.end()) return piece;
  Channel& channel = found->second;
  const std::size_t held = channel.octets.size() - channel.taken;
  if (channel.taken == 0 && held <= most) {
    piece.octets.swap(channel.octets);
  } else {
    const base::View next = base::View(channel.octets).subspan(channel.taken, std::min(held, most));
    piece.octets.assign(next.begin(), next.end());
    channel.taken += next.size();
    if (channel.taken == channel.octets.size()) {
      base::Bytes().swap(channel.octets);
      channel.taken = 0;
    }
  }
  const std::size_t left = channel.octets.size() - channel.taken;
  piece.room_again = channel.was_busy && left <= limits_.octets / 2;
  if (piece.room_again) channel.was_busy = false;
  return piece;
}

void CarriedInbox::forget(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  const auto found = channels_.find(id);
  if (found == channels_.end()) return;
  if (found->second.opening) --untold_;
  channels_.erase(found);
}

std::size_t CarriedInbox::channels() const {
  const std::lock_guard lock(mutex_);
  return channels_.size();
}

}  // namespace bip
