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
                             const CatTpHash& hash)
    : most_(most),
      most_per_address_(most_per_address),
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

CatTpHalfOpen::Slot* CatTpHalfOpen::add(const CatTpKey& key, base::Now now) {
  if (most_ == 0) return nullptr;
  const auto source = by_address_.find(key.peer.address);
  if (source != by_address_.end() && source->second >= most_per_address_) return nullptr;
  if (by_key_.size() >= most_) {
    remove(slots_[slots_[0].newer]);
    ++displaced_;
  }
  const std::uint32_t index = place();
  Slot& slot = slots_[index];
  slot = {};
  slot.key = key;
  slot.born = now.mono_ms;
  slot.older = slots_[0].older;
  slots_[slot.older].newer = index;
  slots_[0].older = index;
  by_key_.emplace(key, index);
  ++by_address_[key.peer.address];
  return &slot;
}

void CatTpHalfOpen::remove(Slot& slot) {
  const auto index = static_cast<std::uint32_t>(&slot - slots_.data());
  slots_[slot.older].newer = slot.newer;
  slots_[slot.newer].older = slot.older;
  const auto source = by_address_.find(slot.key.peer.address);
  if (--source->second == 0) by_address_.erase(source);
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
