#include "bip/cat_tp_half_open.h"

#include <cstring>

namespace bip {

namespace {

__extension__ using Wide = unsigned __int128;

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

}  // namespace

std::size_t CatTpHash::operator()(const Address& address) const {
  std::uint64_t half[2];
  std::memcpy(half, address.data(), sizeof half);
  const std::uint64_t first = mix(half[0] ^ secret_[0], secret_[1]);
  return mix(first ^ half[1] ^ secret_[1], secret_[0]);
}

std::size_t CatTpHash::operator()(const CatTpKey& key) const {
  const std::uint64_t ports =
      std::uint64_t{key.peer.port} << 32 | std::uint64_t{key.ports.own} << 16 | key.ports.peer;
  return mix((*this)(key.peer.address) ^ ports, secret_[1] ^ secret_[0]);
}

CatTpHalfOpen::CatTpHalfOpen(std::uint32_t most, std::uint32_t most_per_address,
                             std::int64_t round_trip, const CatTpHash& hash)
    : most_(most),
      most_per_address_(most_per_address),
      round_trip_(round_trip),
      slots_(1),
      by_key_(8, hash),
      by_address_(8, hash) {}

CatTpHalfOpen::Slot* CatTpHalfOpen::find(const CatTpKey& key) {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : &slots_[found->second];
}

std::uint32_t CatTpHalfOpen::place() {
  if (!free_.empty()) {
    const std::uint32_t index = free_.back();
    free_.pop_back();
    return index;
  }
  slots_.emplace_back();
  return static_cast<std::uint32_t>(slots_.size() - 1);
}

bool CatTpHalfOpen::make_room(const Address& address, base::Now now) {
  if (most_ == 0) return false;
  const auto source = by_address_.find(address);
  const bool many = source != by_address_.end() && source->second.slots >= most_per_address_;
  if (!many && by_key_.size() < most_) return true;
  Slot& oldest = slots_[many ? source->second.oldest : slots_[0].newer];
  if (many && now.mono_ms - oldest.born < round_trip_) return false;
  remove(oldest);
  ++displaced_;
  return true;
}

CatTpHalfOpen::Slot* CatTpHalfOpen::add(const CatTpKey& key, base::Now now) {
  if (!make_room(key.peer.address, now)) return nullptr;
  const std::uint32_t index = place();
  Source& source = by_address_[key.peer.address];
  Slot& slot = slots_[index];
  slot = {};
  slot.key = key;
  slot.born = now.mono_ms;
  slot.older = slots_[0].older;
  slots_[slot.older].newer = index;
  slots_[0].older = index;
  slot.older_there = source.newest;
  if (source.newest != 0) slots_[source.newest].newer_there = index;
  source.newest = index;
  if (source.slots++ == 0) source.oldest = index;
  by_key_.emplace(key, index);
  return &slot;
}

void CatTpHalfOpen::remove(Slot& slot) {
  const auto index = static_cast<std::uint32_t>(&slot - slots_.data());
  slots_[slot.older].newer = slot.newer;
  slots_[slot.newer].older = slot.older;
  const auto found = by_address_.find(slot.key.peer.address);
  Source& source = found->second;
  (slot.older_there == 0 ? source.oldest : slots_[slot.older_there].newer_there) = slot.newer_there;
  (slot.newer_there == 0 ? source.newest : slots_[slot.newer_there].older_there) = slot.older_there;
  if (--source.slots == 0) by_address_.erase(found);
  by_key_.erase(slot.key);
  free_.push_back(index);
}

std::int64_t CatTpHalfOpen::oldest() const {
  const std::uint32_t index = slots_[0].newer;
  return index == 0 ? CatTp::kNever : slots_[index].born;
}

void CatTpHalfOpen::expire(std::int64_t born_before) {
  while (oldest() < born_before) {
    remove(slots_[slots_[0].newer]);
    ++expired_;
  }
}

}  // namespace bip
